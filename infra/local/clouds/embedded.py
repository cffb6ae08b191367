"""The cloud on the embedded backend: SQLite, files, and our own push subscriptions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.clouds.backend_cloud import BackendCloud
from infra.local.clouds.cloud import TopicMessage
from infra.local.clouds.pusher import Pusher
from infra.local.topology import Topology
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.embedded.topics import MessageLog, StoredMessage
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000


class EmbeddedCloud(BackendCloud):
    """Topics and state in `folder`, or in a temporary one; one pusher per push subscription."""

    kind = "embedded"

    def __init__(self, folder: str = "") -> None:
        # Python also removes a temporary folder when the process ends without `stop`.
        self._temporary = (
            None if folder else TemporaryDirectory(prefix="bridge-", ignore_cleanup_errors=True)
        )
        self._folder = Path(self._temporary.name if self._temporary else folder)
        super().__init__(
            open_backend(BackendSettings("embedded", "embedded", str(self._folder), ""))
        )
        self._log = MessageLog(self._folder)
        self._subscriptions = SqliteSubscriptions(self._folder)
        self._positions: dict[str, int] = {}
        self._pushers: list[Pusher] = []

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which functions find the folder."""
        return {"BACKEND": "embedded", "EMBEDDED_DIR": str(self._folder)}

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Start a pusher for every push subscription, and create the pull subscriptions."""
        for topic in watch:
            self.observe(topic)  # Skip messages of earlier runs in the same folder.
        for subscription in topology.subscriptions:
            if not subscription.function:
                self._subscriptions.create(subscription.name, subscription.topic, timeout=10)
            elif subscription.function in urls:
                url = urls[subscription.function]
                at_once = topology.messages_at_once(subscription.function)
                pusher = Pusher(self._folder, subscription, url, at_once)
                self._pushers.append(pusher)
                pusher.start()

    def observe(self, topic: str) -> list[TopicMessage]:
        """Return new messages on a watched topic since the last call."""
        messages: list[TopicMessage] = []
        while batch := self._log.read(topic, self._positions.get(topic, 0), _BATCH):
            self._positions[topic] = batch[-1].id
            messages += map(_topic_message, batch)
        return messages

    def crash_report(self) -> str:
        """Return "": it has no processes."""
        return ""

    def stop(self) -> None:
        """Stop the pushers; remove the folder if it is temporary."""
        for pusher in self._pushers:
            pusher.stop()
        # A pusher that still writes could create files in the folder again.
        for pusher in self._pushers:
            pusher.join()
        if self._temporary:
            self._temporary.cleanup()


def _topic_message(stored: StoredMessage) -> TopicMessage:
    published_at = datetime.fromtimestamp(stored.published_at, UTC)
    return TopicMessage(stored.message.attributes, stored.message.data, published_at)
