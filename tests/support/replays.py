"""A topic in memory that fails as a test asks, and messages that were published to `events`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from videovector_bridge.backends.ports import Message, Timeout
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.backends.reading_ports import PublishedMessage

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The process ended."""


class TopicInMemory:
    """The `Topics` port. `failure` is raised at request number `fails_at`, from 0.

    `after`: it is raised after the messages are stored, as when a response is lost.
    """

    def __init__(self) -> None:
        self.requests: list[list[Message]] = []
        self.failure: BaseException | None = None
        self.fails_at = -1
        self.after = False
        self._count = 0

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:  # noqa: ARG002 - as the port has it
        """Store a request that Pub/Sub would accept."""
        check_request(topic, messages)
        fails = self.failure is not None and self._count == self.fails_at
        self._count += 1
        if not fails or self.after:
            self.requests.append(list(messages))
        if fails:
            assert self.failure is not None
            raise self.failure

    @property
    def messages(self) -> list[Message]:
        """Every message, in the order of publishing."""
        return [message for request in self.requests for message in request]


def published(
    name: str,
    at: datetime = NOON,
    *,
    data: bytes = b"{}",
    event_type: str = "media.created",
    ordering_key: str = "lane-03",
    **attributes: str,
) -> PublishedMessage:
    """A message of topic `events`."""
    names = {"ce-id": name, "ce-type": f"com.vectormethods.{event_type}"}
    return PublishedMessage(f"m-{name}", Message(data, names | attributes, ordering_key), at)
