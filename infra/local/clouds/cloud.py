"""The interface of a cloud: topics with push subscriptions, and access to what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from infra.local.topology import Topology
from videovector_bridge.backends.ports import Message, StoredFile


@dataclass(frozen=True, slots=True)
class TopicMessage:
    """A message on a topic. `published_at` is Pub/Sub's publish time, in UTC."""

    attributes: Mapping[str, str]
    data: bytes
    published_at: datetime


class Cloud(Protocol):
    """Messages and state on this machine."""

    kind: str
    """Its value of BACKEND."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which functions reach it."""
        ...

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Create topics and subscriptions. `observe` returns messages on the topics in `watch`.

        `urls` has the functions' URLs by name; a function without a URL gets no push subscription.
        """
        ...

    def observe(self, topic: str) -> list[TopicMessage]:
        """Return new messages on a watched topic since the last call.

        Other subscriptions also receive them.
        """
        ...

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message."""
        ...

    def cursor(self, stream: str) -> str | None:
        """Return the committed cursor of a stream; None if it has none."""
        ...

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """Return the fields of a document that functions wrote; None if it does not exist."""
        ...

    def file(self, name: str) -> tuple[StoredFile, bytes] | None:
        """Return a preview that functions stored, with its content; None if it does not exist."""
        ...

    def crash_report(self) -> str:
        """Return a sentence if one of its processes ended unexpectedly, else ""."""
        ...

    def stop(self) -> None:
        """Stop what `build` and the constructor started."""
        ...
