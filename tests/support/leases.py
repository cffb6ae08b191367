"""Leases of stream `s`: acquire them, read and edit their document, and lose responses."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.windows import NOW
from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.ingest.lease import BackingOff, Busy, Lease, acquire
from videovector_bridge.ingest.stream_document import COLLECTION, Origin
from videovector_bridge.pause import Pause

TIMEOUT = 5.0
ORIGIN = Origin("api.example.test", "{}", "latest")


def try_acquire(
    documents: Documents, owner: str = "one", **changed: Any
) -> Lease | Busy | BackingOff | Pause:
    """Try to acquire the lease of stream `s`."""
    arguments: dict[str, Any] = {
        "origin": ORIGIN,
        "lease_seconds": 30.0,
        "timeout": TIMEOUT,
        "now": lambda: NOW,
    }
    return acquire(documents, "s", owner=owner, **(arguments | changed))


def acquired(documents: Documents, owner: str = "one", **changed: Any) -> Lease:
    """Acquire the lease, which must be free."""
    lease = try_acquire(documents, owner, **changed)
    assert isinstance(lease, Lease)
    return lease


def token(lease: Lease) -> int:
    """Return the fencing token of a lease."""
    return int(lease.fields["fencing_token"])


def stored(documents: Documents) -> Mapping[str, Any]:
    """Return the fields of stream `s`."""
    return document(documents).fields


def document(documents: Documents) -> Document:
    """Return the document of stream `s`."""
    document = documents.read(COLLECTION, "s", timeout=TIMEOUT)
    assert document is not None
    return document


def edit(documents: Documents, **fields: Any) -> None:
    """Change the document by hand."""
    documents.write(COLLECTION, "s", fields, replaces=document(documents), timeout=TIMEOUT)


def lose_response(at: int) -> Callable[[int], None]:
    """Return a hook that loses the response to write number `at`."""

    def hook(number: int) -> None:
        if number == at:
            raise BackendError("the response was lost")

    return hook


def retry_write(at: int) -> Callable[[int], None]:
    """Return a hook for a client that lost the response to write `at` and retried."""

    def hook(number: int) -> None:
        if number == at:
            raise ConflictError("another writer was first")

    return hook
