"""The ports that read what is stored: documents, subscriptions, backlogs, and copies.

The scheduled functions of `watch` and the command line use them. Every method blocks, is
thread-safe, and ends within `timeout` seconds (plus scheduling) or raises `BackendError`.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from videovector_bridge.backends.ports import Document, Message, Timeout

MAX_PULLED = 1_000
"""The most messages of one pull, of one acknowledgement and of one extension."""


class Collections(Protocol):
    """The documents of a collection."""

    def list(
        self, collection: str, *, limit: int, after: str = "", timeout: Timeout
    ) -> Sequence[tuple[str, Document]]:
        """Return at most `limit` documents with their stored names, in the order of the names.

        A name is `safe_name` of the document's id: the id itself, if it is plain. Otherwise the
        document needs its id in a field. `after` is the last name of the page before.
        """
        ...

    def delete(
        self, collection: str, document_id: str, *, replaces: Document, timeout: Timeout
    ) -> None:
        """Delete exactly the version `replaces`. A document that does not exist is a success.

        Raises `ConflictError` if another version is stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class PulledMessage:
    """A message with a lease: acknowledge it, or it is delivered again after the lease.

    `published_at` is the publish time of the topic, in UTC.
    """

    ack_id: str
    message_id: str
    message: Message
    published_at: datetime


class Subscriptions(Protocol):
    """Subscriptions that are read by pull. A name is a short id in the project, or a full path."""

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Return 1 to `limit` messages; wait for the first one until `timeout`, then return [].

        The lease of each message lasts as long as the ack deadline of the subscription.
        """
        ...

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Acknowledge at most `MAX_PULLED` messages. An expired lease is no error."""
        ...

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Let the leases of at most `MAX_PULLED` messages end in `seconds`, 0 to 600.

        0 releases them: they are delivered again at once.
        """
        ...

    def create_temporary(
        self,
        topic: str,
        *,
        filter_text: str = "",
        since: datetime | None = None,
        timeout: Timeout,
    ) -> str:
        """Create a subscription that expires by itself a day after its last use; return its name.

        It has the messages that are published from now on; with `since`, also the earlier ones
        from then on that the topic still keeps. The emulator and the embedded backend ignore
        `filter_text`: check each message too.
        """
        ...

    def delete(self, subscription: str, *, timeout: Timeout) -> None:
        """Delete a subscription. One that does not exist is a success."""
        ...


@dataclass(frozen=True, slots=True)
class Backlog:
    """The unacknowledged messages of a subscription, and the age of the oldest. None: unknown."""

    messages: int | None = None
    oldest_seconds: float | None = None


class Backlogs(Protocol):
    """How much subscriptions have to deliver."""

    def read(self, subscriptions: Sequence[str], *, timeout: Timeout) -> Mapping[str, Backlog]:
        """Return the backlog by short id; a subscription whose backlog is unknown is left out."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message that a topic had; `published_at` is its publish time there, in UTC."""

    message_id: str
    message: Message
    published_at: datetime


# How copies name the ordering key among the attributes. The documentation leaves the form open:
# https://cloud.google.com/pubsub/docs/cloudstorage, https://cloud.google.com/pubsub/docs/bigquery
_ORDERING_KEYS: Final = ("ordering_key", "orderingKey")


def restore_copy(
    message_id: str, published_at: datetime, data: bytes, attributes: Mapping[str, str]
) -> PublishedMessage:
    """Return the message of a copy that Pub/Sub wrote, with the ordering key in `attributes`."""
    own = {name: value for name, value in attributes.items() if name not in _ORDERING_KEYS}
    key = next((attributes[name] for name in _ORDERING_KEYS if name in attributes), "")
    return PublishedMessage(message_id, Message(data, own, key), published_at)


Pages = Generator[Sequence[PublishedMessage], None, None]
"""Pages of messages. Close it to end the reading early."""


class PublishedMessages(Protocol):
    """Messages that were published to a topic, read from wherever they are stored."""

    def read(self, since: datetime, until: datetime) -> Pages:
        """Yield the stored messages with a publish time from `since` to before `until`, in pages.

        May yield messages outside, and a message several times. A page has at most about 20 MB,
        or one message. Raises `BackendError`, also between pages.
        """
        ...
