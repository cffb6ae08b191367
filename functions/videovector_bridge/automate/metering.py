"""Count the cost of a message: requests to VideoVector, reads and writes of documents."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from videovector_bridge.backends.ports import Document, Documents, Timeout


@dataclass(slots=True)
class Costs:
    """The counts of one message, including failed attempts."""

    api_calls: int = 0
    store_reads: int = 0
    store_writes: int = 0


_current: ContextVar[Costs | None] = ContextVar("costs", default=None)


@contextmanager
def metered() -> Iterator[Costs]:
    """Count the calls of this thread until the end of the block."""
    costs = Costs()
    token = _current.set(costs)
    try:
        yield costs
    finally:
        _current.reset(token)


def count_api_call() -> None:
    """Count a request to VideoVector."""
    if (costs := _current.get()) is not None:
        costs.api_calls += 1


class MeteredDocuments:
    """A `Documents` port that counts every call."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read a document."""
        if (costs := _current.get()) is not None:
            costs.store_reads += 1
        return self._documents.read(collection, document_id, timeout=timeout)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write a document."""
        if (costs := _current.get()) is not None:
            costs.store_writes += 1
        return self._documents.write(
            collection,
            document_id,
            fields,
            replaces=replaces,
            timeout=timeout,
            keep_seconds=keep_seconds,
        )
