"""What the local stack needs of a cloud: topics with push subscriptions, and a look at a topic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from infra.local.topology import Topology
from videovector_bridge.backends.ports import Message, StoredFile


@dataclass(frozen=True, slots=True)
class Observed:
    """A message as it stands on a topic. `published_at` is the topic's own time, in UTC."""

    attributes: Mapping[str, str]
    data: bytes
    published_at: datetime


class Cloud(Protocol):
    """One of the two places where messages and state live on this machine."""

    kind: str
    """The value of BACKEND that it stands for."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which functions find it."""
        ...

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Make topics and subscriptions; messages on topics in `watch` from now on are observed.

        `urls` are the functions' addresses by name; a function without one gets no push.
        """
        ...

    def observe(self, topic: str) -> list[Observed]:
        """Messages on a watched topic since the last call, without taking them from anybody."""
        ...

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message, as anybody may."""
        ...

    def cursor(self, stream: str) -> str | None:
        """The committed cursor of a stream."""
        ...

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """The fields of a document that functions wrote; None when there is none."""
        ...

    def file(self, name: str) -> tuple[StoredFile, bytes] | None:
        """A preview that functions stored, with its content; None when there is none."""
        ...

    def trouble(self) -> str:
        """A sentence if it has ended by itself; otherwise nothing."""
        ...

    def stop(self) -> None:
        """End what was started."""
        ...
