"""Read, create and replace documents of `effects` through the port."""

from typing import Any

from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document


def read(backend: Backend, document_id: str) -> Document:
    """Return a document of `effects`, which must exist."""
    document = backend.documents.read("effects", document_id, timeout=10)
    assert document is not None
    return document


def create(backend: Backend, document_id: str, fields: dict[str, Any]) -> Document:
    """Create a document of `effects`, which must not exist."""
    return backend.documents.write("effects", document_id, fields, replaces=None, timeout=10)


def replace(backend: Backend, document_id: str, fields: dict[str, Any], old: Document) -> Document:
    """Replace `old`."""
    return backend.documents.write("effects", document_id, fields, replaces=old, timeout=10)
