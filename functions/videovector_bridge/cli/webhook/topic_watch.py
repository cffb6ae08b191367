"""Read messages that are published on a topic from now on, on either backend."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from videovector_bridge.backends import open_subscriptions
from videovector_bridge.backends.reading_ports import MAX_PULLED, Subscriptions
from videovector_bridge.cli.temporary_subscription import temporary_subscription
from videovector_bridge.errors import BackendError
from videovector_bridge.events import TEST, TYPE_PREFIX
from videovector_bridge.settings.cli import WatchedTopic

_TYPE: Final = TYPE_PREFIX + TEST
_SECONDS: Final = 20.0
_LIMIT: Final = 100
# Tolerates different clocks, but not an old test event in the backlog.
_MAX_CLOCK_SKEW: Final = timedelta(seconds=60)


class Watch(Protocol):
    """Reads messages that are published after it was opened. Raises `BackendError`."""

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the attributes of new messages; wait for the first at most `seconds`."""
        ...


class SubscriptionWatch:
    """The `Watch` port on a subscription: returns new test events, and acknowledges only these.

    Other messages are nacked by `release`, for the subscriber whose subscription it may be.
    """

    def __init__(self, subscriptions: Subscriptions, subscription: str) -> None:
        self._subscriptions = subscriptions
        self._subscription = subscription
        self._since = datetime.now(UTC) - _MAX_CLOCK_SKEW
        self._others: list[str] = []

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the attributes of new test events; wait for a message at most `seconds`."""
        pulled = self._subscriptions.pull(self._subscription, limit=_LIMIT, timeout=seconds)
        events = [each for each in pulled if each.message.attributes.get("ce-type") == _TYPE]
        self._others += [each.ack_id for each in pulled if each not in events]
        if events:
            ack_ids = [each.ack_id for each in events]
            self._subscriptions.acknowledge(self._subscription, ack_ids, timeout=_SECONDS)
        return [each.message.attributes for each in events if each.published_at >= self._since]

    def release(self) -> None:
        """Nack the messages that are no test events. After a failure, their leases expire."""
        with suppress(BackendError):
            for start in range(0, len(self._others), MAX_PULLED):
                ack_ids = self._others[start : start + MAX_PULLED]
                self._subscriptions.extend(self._subscription, ack_ids, 0, timeout=_SECONDS)


@contextmanager
def open_watch(watched: WatchedTopic) -> Iterator[Watch]:
    """Yield a watch on the topic, with a temporary subscription if none is named.

    Raises `BackendError`.
    """
    subscriptions = open_subscriptions(watched.backend)
    if watched.subscription:
        watch = SubscriptionWatch(subscriptions, watched.subscription)
        try:
            yield watch
        finally:
            watch.release()
        return
    filter_text = f'attributes."ce-type" = "{_TYPE}"'
    with temporary_subscription(subscriptions, watched.topic, filter_text=filter_text) as name:
        yield SubscriptionWatch(subscriptions, name)


def topic_path(watched: WatchedTopic) -> str:
    """Return the full name of the topic, `projects/P/topics/T`."""
    if "/" in watched.topic:
        return watched.topic
    return f"projects/{watched.backend.project}/topics/{watched.topic}"
