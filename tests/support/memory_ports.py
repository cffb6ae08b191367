"""Ports in memory, whose process can be killed before any call, and after it."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.support.step_loop import nothing
from videovector_bridge.backends.document_limits import check_document
from videovector_bridge.backends.ports import Document, Message, Timeout, seconds_left
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.errors import ConflictError, OutOfTimeError

Key = tuple[str, str]
Pulled = list[PulledMessage]


class MemoryPorts:
    """The ports `Topics`, `Documents`, `Collections` and `Subscriptions`, with one subscription.

    `step` is called before and after each call with its name. Messages of topic `events` are
    delivered until they are acknowledged.
    """

    def __init__(self, step: Callable[[str], None] = nothing) -> None:
        self.step = step
        self.documents: dict[Key, tuple[dict[str, Any], int]] = {}
        self.published: list[tuple[str, Message]] = []
        self.waiting: dict[str, Message] = {}
        self._leased: set[str] = set()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, message: Message) -> None:
        """Put a message into the subscription."""
        self.waiting[f"m{next(self._numbers)}"] = message

    def expire_leases(self) -> None:
        """Let all messages be delivered again that are not acknowledged."""
        self._leased.clear()

    def fields(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return the documents of a collection by id."""
        return {
            document_id: fields
            for (name, document_id), (fields, _) in self.documents.items()
            if name == collection
        }

    def _call(self, name: str, timeout: Timeout) -> None:
        self.step(f"before {name}")
        if seconds_left(timeout) <= 0:
            raise OutOfTimeError("no time was left")

    # Topics

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish to a topic, and to the subscription if it is `events`."""
        self._call("publish", timeout)
        for message in messages:
            self.published.append((topic, message))
            if topic == "events":
                self.add(message)
        self.step("after publish")

    # Documents and Collections

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Return a document."""
        self._call("read", timeout)
        with self._lock:
            stored = self.documents.get((collection, document_id))
        return None if stored is None else Document(dict(stored[0]), stored[1], 0.0)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,  # noqa: ARG002 - nothing is removed
    ) -> Document:
        """Write a document with compare-and-set."""
        self._call("write", timeout)
        check_document(collection, document_id, fields)
        key = (collection, document_id)
        with self._lock:
            before, revision = self.documents.get(key, ({}, 0))
            if revision != (replaces.revision if replaces else 0):
                raise ConflictError("written by another process first")
            # A document that is created again must not repeat an old revision.
            self.documents[key] = ({**before, **fields}, next(self._numbers))
            written, revision = self.documents[key]
        self.step("after write")
        return Document(dict(written), revision, 0.0)

    def list(
        self, collection: str, *, limit: int, after: str = "", timeout: Timeout
    ) -> Sequence[tuple[str, Document]]:
        """Return a page of documents."""
        self._call("list", timeout)
        names = sorted(self.fields(collection))
        page = [name for name in names if name > after][:limit]
        return [
            (name, Document(dict(fields), revision, 0.0))
            for name in page
            for fields, revision in [self.documents[collection, name]]
        ]

    def delete(
        self, collection: str, document_id: str, *, replaces: Document, timeout: Timeout
    ) -> None:
        """Delete a document with compare-and-set."""
        self._call("delete", timeout)
        with self._lock:
            stored = self.documents.get((collection, document_id))
            if stored is not None and stored[1] != replaces.revision:
                raise ConflictError("written by another process first")
            self.documents.pop((collection, document_id), None)
        self.step("after delete")

    # Subscriptions

    def pull(self, _subscription: str, *, limit: int, timeout: Timeout) -> Pulled:
        """Lease messages, without a wait."""
        self._call("pull", timeout)
        ids = [id_ for id_ in self.waiting if id_ not in self._leased][:limit]
        self._leased |= {*ids}
        at = datetime(2026, 11, 24, tzinfo=UTC)
        return [PulledMessage(id_, id_, self.waiting[id_], at) for id_ in ids]

    def acknowledge(self, _subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Acknowledge messages."""
        self._call("acknowledge", timeout)
        for id_ in ack_ids:
            self.waiting.pop(id_, None)
        self.step("after acknowledge")

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Fail: `reconcile` extends no lease; the port needs the method."""
        raise NotImplementedError

    def create_temporary(self, topic: str, **_: object) -> str:
        """Fail: `reconcile` creates no subscription; the port needs the method."""
        raise NotImplementedError
