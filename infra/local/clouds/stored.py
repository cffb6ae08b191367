"""A look at what functions have stored in a backend: documents, and files with their content."""

from collections.abc import Mapping
from typing import Any

from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import StoredFile

_SECONDS = 5.0


def stored_document(
    backend: Backend, collection: str, document_id: str
) -> Mapping[str, Any] | None:
    """The fields of a document; None when there is none. Raises `BackendError`."""
    document = backend.documents.read(collection, document_id, timeout=_SECONDS)
    return None if document is None else document.fields


def stored_file(backend: Backend, name: str) -> tuple[StoredFile, bytes] | None:
    """A file with its content; None when there is none. Raises `BackendError`."""
    files = backend.files
    assert files is not None  # neither cloud is without
    found = files.find(name, timeout=_SECONDS)
    while found is not None:
        content = files.read(name, timeout=_SECONDS)
        # Written in between, the content would be that of another generation.
        again = files.find(name, timeout=_SECONDS)
        if again == found:
            return found, content
        found = again
    return None
