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
from videovector_bridge.backends.embedded.message_log import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_POLL_SECONDS = 0.05
_DELIVERIES_AT_ONCE = 8
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(order=True, slots=True)
class _Delivery:
    """The next attempt at a message, ordered by when it is due."""

    due: float
    stored: StoredMessage = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Pusher(threading.Thread):
    """Delivers a topic's messages to a function, unwrapped, until each is acknowledged.

    As Pub/Sub does: attributes become headers, any answer but 2xx has the message delivered
    again after a growing pause, and after the last attempt it goes to the dead letter topic.
    Filters are left to the functions, which check the type themselves.
    """

    def __init__(self, folder: Path, subscription: Subscription, url: str) -> None:
        super().__init__(name=f"push-{subscription.name}", daemon=True)
        self._log = MessageLog(folder)
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
        self._subscription = subscription
        self._url = url
        # An empty TLS context: loading certificates takes a while, and this is HTTP.
        empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        seconds = subscription.ack_deadline_seconds
        self._http = httpx.Client(trust_env=False, timeout=seconds, verify=empty)
        self._last = 0
        self._waiting: list[_Delivery] = []
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self) -> None:
        """Deliver until stopped."""
        threads = ThreadPoolExecutor(_DELIVERIES_AT_ONCE)
        while not self._over.wait(_POLL_SECONDS):
            try:
                found = self._log.read(self._subscription.topic, self._last, _BATCH)
            except BackendError:
                continue  # The file is busy: the next look finds them.
            for stored in found:
                self._last = stored.id
                threads.submit(self._deliver, _Delivery(0.0, stored))
            for delivery in self._due():
                threads.submit(self._deliver, delivery)
        threads.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """End; what is not acknowledged by then is not delivered."""
        self._over.set()

    def _due(self) -> list[_Delivery]:
        with self._lock:
            now, found = time.monotonic(), []
            while self._waiting and self._waiting[0].due <= now:
                found.append(heapq.heappop(self._waiting))
            return found

    def _deliver(self, delivery: _Delivery) -> None:
        if self._over.is_set() or self._post(delivery):
            return
        most = self._subscription.max_delivery_attempts
        if most and delivery.attempt >= most and self._bury(delivery.stored):
            return
        pause = _FIRST_PAUSE_SECONDS * 2.0 ** min(delivery.attempt - 1, 10)
        due = time.monotonic() + min(_LONGEST_PAUSE_SECONDS, pause)
        with self._lock:
            again = _Delivery(due, delivery.stored, delivery.attempt + 1)
            heapq.heappush(self._waiting, again)

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

    def _bury(self, stored: StoredMessage) -> bool:
        """Whether the message is on the dead letter topic now, or there is none."""
        topic = self._subscription.dead_letter_topic
        message = Message(stored.message.data, stored.message.attributes)
        try:
            if topic:
                self._backend.topics.publish(topic, [message], timeout=10)
        except BackendError:
            return False
        return True
