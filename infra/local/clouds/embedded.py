"""The cloud on the embedded backend: SQLite, files, and our own push subscriptions."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.clouds.cloud import TopicMessage
from infra.local.clouds.pusher import Pusher
from infra.local.clouds.stored import read_document, read_file
from infra.local.topology import Topology
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.topics import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message, StoredFile
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_PUBLISH_SECONDS = 10.0


class EmbeddedCloud:
    """Topics and state in `folder`, or in a temporary one; one pusher per push subscription."""

    kind = "embedded"

    def __init__(self, folder: str = "") -> None:
        self._temporary = not folder
        self._folder = Path(folder or tempfile.mkdtemp(prefix="bridge-"))
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(self._folder), ""))
        self._log = MessageLog(self._folder)
        self._positions: dict[str, int] = {}
        self._pushers: list[Pusher] = []

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which functions find the folder."""
        return {"BACKEND": "embedded", "EMBEDDED_DIR": str(self._folder)}

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Start a pusher for every push subscription. The first publish creates a topic."""
        for topic in watch:
            self.observe(topic)  # Skip messages of earlier runs in the same folder.
        for subscription in topology.subscriptions:
            if subscription.function in urls:
                url = urls[subscription.function]
                pusher = Pusher(self._folder, subscription, url)
                self._pushers.append(pusher)
                pusher.start()

    def observe(self, topic: str) -> list[TopicMessage]:
        """New messages on a watched topic since the last call."""
        messages: list[TopicMessage] = []
        while batch := self._log.read(topic, self._positions.get(topic, 0), _BATCH):
            self._positions[topic] = batch[-1].id
            messages += map(_topic_message, batch)
        return messages

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message."""
        self._backend.topics.publish(topic, [message], timeout=_PUBLISH_SECONDS)

    def cursor(self, stream: str) -> str | None:
        """The committed cursor of a stream."""
        fields = self.document("streams", stream)
        return None if fields is None else fields.get("cursor")

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """The fields of a document that functions wrote; None if it does not exist."""
        return read_document(self._backend, collection, document_id)

    def file(self, name: str) -> tuple[StoredFile, bytes] | None:
        """A preview that functions stored, with its content; None if it does not exist."""
        return read_file(self._backend, name)

    def crash_report(self) -> str:
        """Always "": it has no processes."""
        return ""

    def stop(self) -> None:
        """Stop the pushers; remove the folder if it is temporary."""
        for pusher in self._pushers:
            pusher.stop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)


def _topic_message(stored: StoredMessage) -> TopicMessage:
    published_at = datetime.fromtimestamp(stored.published_at, UTC)
    return TopicMessage(stored.message.attributes, stored.message.data, published_at)
