"""The part of a cloud that is the same on each backend."""

from collections.abc import Mapping
from typing import Any

from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message, StoredFile

_PUBLISH_SECONDS = 10.0
_READ_SECONDS = 5.0


class BackendCloud:
    """Publishes messages, and reads what functions have stored, as in `Cloud`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message."""
        self._backend.topics.publish(topic, [message], timeout=_PUBLISH_SECONDS)

    def cursor(self, stream: str) -> str | None:
        """Return the committed cursor of a stream."""
        fields = self.document("streams", stream)
        return None if fields is None else fields.get("cursor")

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """Return the fields of a document. Raises `BackendError`."""
        document = self._backend.documents.read(collection, document_id, timeout=_READ_SECONDS)
        return None if document is None else document.fields

    def file(self, name: str) -> tuple[StoredFile, bytes] | None:
        """Return a preview with its content. Raises `BackendError`."""
        files = self._backend.files
        assert files is not None  # both clouds have files
        before = files.find(name, timeout=_READ_SECONDS)
        while before is not None:
            content = files.read(name, timeout=_READ_SECONDS)
            # A write between the two calls would pair this content with another generation.
            after = files.find(name, timeout=_READ_SECONDS)
            if after == before:
                return before, content
            before = after
        return None
