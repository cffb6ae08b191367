"""Push subscriptions over the embedded backend."""

import heapq
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from infra.local.topology import Subscription
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.topics import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError
from videovector_bridge.restore import ADDED_BY_PUBSUB
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_POLL_SECONDS = 0.05
_MAX_CONCURRENT_DELIVERIES = 8
_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 10.0


@dataclass(order=True, slots=True)
class _Delivery:
    """The next attempt to deliver a message, ordered by its due time."""

    due: float
    stored: StoredMessage = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Pusher(threading.Thread):
    """Delivers a topic's messages to a function, unwrapped, until each is acknowledged.

    As in Pub/Sub, attributes become headers; a response other than 2xx leads to a redelivery with
    exponential backoff, and after the last attempt to the dead-letter topic. Filters are ignored:
    functions check the event type themselves.
    """

    def __init__(self, folder: Path, subscription: Subscription, url: str) -> None:
        super().__init__(name=f"push-{subscription.name}", daemon=True)
        self._log = MessageLog(folder)
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
        self._subscription = subscription
        self._url = url
        # An empty TLS context: loading certificates is slow, and this is plain HTTP.
        empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        timeout = subscription.ack_deadline_seconds
        self._http = httpx.Client(trust_env=False, timeout=timeout, verify=empty)
        self._last = 0
        self._waiting: list[_Delivery] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        """Deliver until stopped."""
        threads = ThreadPoolExecutor(_MAX_CONCURRENT_DELIVERIES)
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                batch = self._log.read(self._subscription.topic, self._last, _BATCH)
            except BackendError:
                continue  # The file is busy: read it at the next poll.
            for stored in batch:
                self._last = stored.id
                threads.submit(self._deliver, _Delivery(0.0, stored))
            for delivery in self._due():
                threads.submit(self._deliver, delivery)
        threads.shutdown(cancel_futures=True)
        self._http.close()

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
        if self._stopped.is_set() or self._post(delivery):
            return
        limit = self._subscription.max_delivery_attempts
        if limit and delivery.attempt >= limit and self._dead_letter(delivery):
            return
        backoff = _FIRST_BACKOFF_SECONDS * 2.0 ** min(delivery.attempt - 1, 10)
        due = time.monotonic() + min(_MAX_BACKOFF_SECONDS, backoff)
        with self._lock:
            heapq.heappush(self._waiting, _Delivery(due, delivery.stored, delivery.attempt + 1))

    def _post(self, delivery: _Delivery) -> bool:
        headers = {
            **delivery.stored.message.attributes,
            "x-goog-pubsub-message-id": str(delivery.stored.id),
            "x-goog-pubsub-subscription-name": self._subscription.name,
            "x-goog-pubsub-delivery-attempt": str(delivery.attempt),
        }
        data = delivery.stored.message.data
        try:
            return self._http.post(self._url, content=data, headers=headers).is_success
        except (httpx.HTTPError, UnicodeEncodeError):
            return False

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
