"""Reads what functions have stored in a backend: documents, and files with their content."""

from collections.abc import Mapping
from typing import Any

from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import StoredFile

_TIMEOUT_SECONDS = 5.0


def read_document(backend: Backend, collection: str, document_id: str) -> Mapping[str, Any] | None:
    """Return the fields of a document; None if it does not exist. Raises `BackendError`."""
    document = backend.documents.read(collection, document_id, timeout=_TIMEOUT_SECONDS)
    return None if document is None else document.fields


def read_file(backend: Backend, name: str) -> tuple[StoredFile, bytes] | None:
    """Return a file with its content; None if it does not exist. Raises `BackendError`."""
    files = backend.files
    assert files is not None  # both clouds have files
    before = files.find(name, timeout=_TIMEOUT_SECONDS)
    while before is not None:
        content = files.read(name, timeout=_TIMEOUT_SECONDS)
        # A write between the two calls would pair this content with another generation.
        after = files.find(name, timeout=_TIMEOUT_SECONDS)
        if after == before:
            return before, content
        before = after
    return None
