"""Read messages from the topic itself, through a temporary subscription that seeks to a time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from videovector_bridge.backends.reading_ports import Pages, PublishedMessage, Subscriptions
from videovector_bridge.cli.temporary_subscription import temporary_subscription

PAGE: Final = 20
"""Messages of one pull. A message has at most 10 MB, so this bounds the memory: 200 MB."""

_REQUEST_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class RetainedMessages:
    """The `PublishedMessages` port on what a topic retains.

    Pub/Sub neither orders the messages nor says which is the last. So reading ends when none of
    the interval has arrived for `quiet_seconds`.
    """

    subscriptions: Subscriptions
    topic: str
    quiet_seconds: float
    clock: Callable[[], float] = time.monotonic

    def read(self, since: datetime, until: datetime) -> Pages:
        """Yield the messages in the order of arrival. Raises `BackendError`.

        The subscription exists until the end of the iterator: close it.
        """
        with temporary_subscription(self.subscriptions, self.topic, since=since) as name:
            heard_at = self.clock()
            while (left := heard_at + self.quiet_seconds - self.clock()) > 0:
                pulled = self.subscriptions.pull(name, limit=PAGE, timeout=left)
                if not pulled:
                    continue
                # The subscription is this command's own, and a repetition begins with a new one.
                ack_ids = [each.ack_id for each in pulled]
                self.subscriptions.acknowledge(name, ack_ids, timeout=_REQUEST_SECONDS)
                page = [
                    PublishedMessage(each.message_id, each.message, each.published_at)
                    for each in pulled
                    if since <= each.published_at < until
                ]
                if page:
                    yield page
                    # The time that the reader of the page took is no silence of the topic.
                    heard_at = self.clock()
