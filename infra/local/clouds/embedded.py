"""The cloud played by the embedded backend: SQLite, files, and pushers of our own."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.clouds.cloud import Observed
from infra.local.clouds.pusher import Pusher
from infra.local.clouds.stored import stored_document, stored_file
from infra.local.topology import Topology
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.message_log import MessageLog, StoredMessage
from videovector_bridge.backends.ports import Message, StoredFile
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
_PUBLISH_SECONDS = 10.0


class EmbeddedCloud:
    """Topics and state in `folder` (a temporary one without), with a pusher for each push."""

    kind = "embedded"

    def __init__(self, folder: str = "") -> None:
        self._temporary = not folder
        self._folder = Path(folder or tempfile.mkdtemp(prefix="bridge-"))
        self._backend = open_backend(BackendSettings("embedded", "embedded", str(self._folder), ""))
        self._log = MessageLog(self._folder)
        self._seen: dict[str, int] = {}
        self._pushers: list[Pusher] = []

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which functions find the folder."""
        return {"BACKEND": "embedded", "EMBEDDED_DIR": str(self._folder)}

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Start a pusher for every push subscription; topics come into being by publishing."""
        for topic in watch:
            self.observe(topic)  # A folder that was given may hold messages of before.
        for subscription in topology.subscriptions:
            if subscription.function in urls:
                url = urls[subscription.function]
                pusher = Pusher(self._folder, subscription, url)
                self._pushers.append(pusher)
                pusher.start()

    def observe(self, topic: str) -> list[Observed]:
        """Messages on a watched topic since the last call."""
        observed: list[Observed] = []
        while found := self._log.read(topic, self._seen.get(topic, 0), _BATCH):
            self._seen[topic] = found[-1].id
            observed += [_observed(each) for each in found]
        return observed

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message."""
        self._backend.topics.publish(topic, [message], timeout=_PUBLISH_SECONDS)

    def cursor(self, stream: str) -> str | None:
        """The committed cursor of a stream."""
        fields = self.document("streams", stream)
        return None if fields is None else fields.get("cursor")

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """The fields of a document that functions wrote; None when there is none."""
        return stored_document(self._backend, collection, document_id)

    def file(self, name: str) -> tuple[StoredFile, bytes] | None:
        """A preview that functions stored, with its content; None when there is none."""
        return stored_file(self._backend, name)

    def trouble(self) -> str:
        """Nothing: there is no process of its own that could end."""
        return ""

    def stop(self) -> None:
        """End the pushers, and remove the folder if it is a temporary one."""
        for pusher in self._pushers:
            pusher.stop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)


def _observed(stored: StoredMessage) -> Observed:
    published_at = datetime.fromtimestamp(stored.published_at, UTC)
    return Observed(stored.message.attributes, stored.message.data, published_at)
