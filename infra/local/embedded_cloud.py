"""The cloud played by the embedded backend: SQLite, files, and a pusher of our own."""

import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx

from infra.local.cloud import Observed
from infra.local.topology import Subscription, Topology
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.log import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_POLL_SECONDS = 0.05
_DELIVERIES_AT_ONCE = 8
_MOST_PAUSE_SECONDS = 10.0


class EmbeddedCloud:
    """Topics and state in one folder, with a pusher for each push subscription."""

    kind = "embedded"

    def __init__(self, folder: Path, reason: str, *, temporary: bool = False) -> None:
        self.reason = reason
        self._temporary = temporary
        self._folder = folder
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
        self._logs: dict[str, MessageLog] = {}
        self._seen: dict[str, int] = {}
        self._pushers: list[Pusher] = []

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which functions find the folder."""
        return {"BACKEND": "embedded", "EMBEDDED_DIR": str(self._folder)}

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Start a pusher for every push subscription; topics come into being by publishing."""
        for topic in watch:
            self._logs[topic] = MessageLog(self._folder)
        for subscription in topology.subscriptions:
            if subscription.function in urls:
                pusher = Pusher(self._folder, subscription, urls[subscription.function])
                self._pushers.append(pusher)
                pusher.start()

    def observe(self, topic: str) -> list[Observed]:
        """Messages on a watched topic since the last call."""
        found = self._logs[topic].read(topic, self._seen.get(topic, 0), _BATCH)
        observed: list[Observed] = []
        while found:
            self._seen[topic] = found[-1].id
            observed += [_observed(each) for each in found]
            found = self._logs[topic].read(topic, self._seen[topic], _BATCH)
        return observed

    def cursor(self, stream: str) -> str | None:
        """The committed cursor of a stream."""
        document = self._backend.documents.read("streams", stream, timeout=5)
        return None if document is None else document.fields.get("cursor")

    def stop(self) -> None:
        """End the pushers, and remove the folder if it is a temporary one."""
        for pusher in self._pushers:
            pusher.stop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)


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
        self._http = httpx.Client(trust_env=False, timeout=subscription.ack_deadline_seconds)
        self._over = threading.Event()

    def run(self) -> None:
        """Deliver until stopped."""
        last = 0
        with ThreadPoolExecutor(_DELIVERIES_AT_ONCE) as threads:
            while not self._over.wait(_POLL_SECONDS):
                for stored in self._log.read(self._subscription.topic, last, _BATCH):
                    last = stored.id
                    threads.submit(self._deliver, stored)
            threads.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """End; what is not acknowledged by then is not delivered."""
        self._over.set()

    def _deliver(self, stored: StoredMessage) -> None:
        attempts = self._subscription.max_delivery_attempts or 1_000_000
        for attempt in range(attempts):
            if self._over.is_set() or self._post(stored, attempt + 1):
                return
            self._over.wait(min(_MOST_PAUSE_SECONDS, 0.2 * 2.0 ** min(attempt, 10)))
        if self._subscription.dead_letter_topic:
            message = Message(stored.message.data, stored.message.attributes)
            self._backend.topics.publish(
                self._subscription.dead_letter_topic, [message], timeout=10
            )

    def _post(self, stored: StoredMessage, attempt: int) -> bool:
        headers = {
            **stored.message.attributes,
            "x-goog-pubsub-message-id": str(stored.id),
            "x-goog-pubsub-subscription-name": self._subscription.name,
            "x-goog-pubsub-delivery-attempt": str(attempt),
        }
        try:
            answer = self._http.post(self._url, content=stored.message.data, headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success


def _observed(stored: StoredMessage) -> Observed:
    published_at = datetime.fromtimestamp(stored.published_at, UTC)
    return Observed(stored.message.attributes, stored.message.data, published_at)
