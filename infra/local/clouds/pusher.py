"""Push subscriptions over the embedded backend."""

import heapq
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from infra.local.clouds.push_request import Push, Pushes
from infra.local.topology import Subscription
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.topics import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError
from videovector_bridge.restore import ADDED_BY_PUBSUB
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_POLL_SECONDS = 0.05
_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 10.0


@dataclass(order=True, slots=True)
class _Delivery:
    """The next attempt to deliver a message, ordered by its due time."""

    due: float
    stored: StoredMessage = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Pusher(threading.Thread):
    """Delivers a topic's messages to a function until each is acknowledged, `at_once` at a time.

    As in Pub/Sub, only messages that pass the filter are delivered; a response other than 2xx leads
    to a redelivery with exponential backoff, and after the last attempt to the dead-letter topic.
    """

    def __init__(self, folder: Path, subscription: Subscription, url: str, at_once: int) -> None:
        super().__init__(name=f"push-{subscription.name}", daemon=True)
        self._log = MessageLog(folder)
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
        self._subscription = subscription
        self._pushes = Pushes(subscription, url, at_once)
        self._at_once = at_once
        self._last = 0
        self._waiting: list[_Delivery] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Deliver until stopped."""
        threads = ThreadPoolExecutor(self._at_once)
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                batch = self._log.read(self._subscription.topic, self._last, _BATCH)
            except BackendError:
                continue  # The file is busy: read it at the next poll.
            for stored in batch:
                self._last = stored.id
                if self._pushes.passes(stored.message.attributes):
                    threads.submit(self._deliver, _Delivery(0.0, stored))
            for delivery in self._due():
                threads.submit(self._deliver, delivery)
        threads.shutdown(cancel_futures=True)
        self._pushes.close()

    def stop(self) -> None:
        """Stop delivering. The thread ends when the requests in progress have ended."""
        self._stopped.set()

    def _due(self) -> list[_Delivery]:
        with self._lock:
            now, due = time.monotonic(), []
            while self._waiting and self._waiting[0].due <= now:
                due.append(heapq.heappop(self._waiting))
            return due

    def _deliver(self, delivery: _Delivery) -> None:
        stored = delivery.stored
        published_at = datetime.fromtimestamp(stored.published_at, UTC)
        push = Push(stored.message, str(stored.id), published_at, delivery.attempt)
        if self._stopped.is_set() or self._pushes.send(push):
            return
        limit = self._subscription.max_delivery_attempts
        if limit and delivery.attempt >= limit and self._dead_letter(delivery):
            return
        backoff = _FIRST_BACKOFF_SECONDS * 2.0 ** min(delivery.attempt - 1, 10)
        due = time.monotonic() + min(_MAX_BACKOFF_SECONDS, backoff)
        with self._lock:
            heapq.heappush(self._waiting, _Delivery(due, stored, delivery.attempt + 1))

    def _dead_letter(self, delivery: _Delivery) -> bool:
        """Publish to the dead-letter topic, if any. Return False if publishing failed.

        Like Pub/Sub, it adds where the message comes from:
        https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        topic = self._subscription.dead_letter_topic
        message = Message(
            delivery.stored.message.data,
            {
                **delivery.stored.message.attributes,
                f"{ADDED_BY_PUBSUB}SourceSubscription": self._subscription.name,
                f"{ADDED_BY_PUBSUB}SourceDeliveryCount": str(delivery.attempt),
            },
        )
        try:
            if topic:
                self._backend.topics.publish(topic, [message], timeout=10)
        except BackendError:
            return False
        return True
