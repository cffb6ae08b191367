"""Reads and changes the documents of open and finished work, with compare-and-set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.backends.reading_ports import Collections
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.watch.open_work import (
    KEEP_SECONDS,
    Fields,
    OpenWork,
    finished_fields,
    has_ended,
    open_fields,
    parse_open,
)
from videovector_bridge.watch.sightings import Sighting
from videovector_bridge.work import FINISHED, OPEN, Work

_ATTEMPTS: Final = 5
_PAGE: Final = 300


@dataclass(frozen=True, slots=True)
class StoredWork:
    """Open work, and its document as it was listed."""

    open: OpenWork
    document: Document


class WorkStore:
    """The collections `open` and `finished`. Thread-safe."""

    def __init__(self, documents: Documents, collections: Collections) -> None:
        self._documents = documents
        self._collections = collections

    def apply(self, sighting: Sighting, *, timeout: Timeout) -> bool:
        """Store what was seen of one piece of work. Repeats and any order lead to the same.

        Returns whether the end came although an event had been published in its place. Raises
        `BackendError`.
        """
        work = sighting.work
        late = False
        if sighting.ended_at is not None:
            known = self._read(FINISHED, work, timeout)
            reconciled = (known or {}).get("reconciled") or {}
            late = bool(reconciled) and not {*sighting.end_ids} <= {*reconciled.values()}
            self._finish(work, sighting.ended_at, {}, timeout)
        if sighting.started_at is None or has_ended(
            sighting.started_at, self._read(FINISHED, work, timeout)
        ):
            return late
        self._change(OPEN, work, lambda fields: open_fields(sighting, fields), timeout)
        # Another run may have stored the end since the read: it saw no open work then.
        finished = self._read(FINISHED, work, timeout)
        if has_ended(sighting.started_at, finished):
            self._close(work, finished, timeout)
        return late

    def list_open(self, limit: int, *, timeout: Timeout) -> list[StoredWork]:
        """Return at most `limit` pieces of open work."""
        listed: list[StoredWork] = []
        after = ""
        while len(listed) < limit:
            page = self._collections.list(OPEN, limit=_PAGE, after=after, timeout=timeout)
            for name, document in page:
                after = name
                work = parse_open(document.fields)
                if work is not None:
                    listed.append(StoredWork(work, document))
            if len(page) < _PAGE:
                break
        return listed[:limit]

    def note(self, stored: StoredWork, changes: Fields, *, timeout: Timeout) -> StoredWork | None:
        """Change a listed document, and return it; None if it has changed since."""
        try:
            document = self._documents.write(
                OPEN,
                stored.open.work.key,
                changes,
                replaces=stored.document,
                timeout=timeout,
                keep_seconds=KEEP_SECONDS,
            )
        except ConflictError:
            return None
        work = parse_open(document.fields)
        return StoredWork(work, document) if work else None

    def finish(
        self, work: Work, ended_at: datetime, reconciled: Mapping[str, str], *, timeout: Timeout
    ) -> None:
        """Store that events were published in place of those that never came."""
        self._finish(work, ended_at, reconciled, timeout)

    def _finish(
        self, work: Work, ended_at: datetime, reconciled: Mapping[str, str], timeout: Timeout
    ) -> None:
        def decide(known: Fields | None) -> dict[str, Any] | None:
            return finished_fields(ended_at, reconciled, known)

        # The end is stored before the work is closed: a start that comes between finds it.
        self._change(FINISHED, work, decide, timeout)
        self._close(work, self._read(FINISHED, work, timeout), timeout)

    def _close(self, work: Work, finished: Fields | None, timeout: Timeout) -> None:
        """Delete the open work, unless it has started again after the end."""
        for _ in range(_ATTEMPTS):
            document = self._documents.read(OPEN, work.key, timeout=timeout)
            if document is None:
                return
            stored = parse_open(document.fields)
            if stored is not None and not has_ended(stored.started_at, finished):
                return
            try:
                self._collections.delete(OPEN, work.key, replaces=document, timeout=timeout)
            except ConflictError:
                continue
            return
        raise _busy(OPEN, work)

    def _read(self, collection: str, work: Work, timeout: Timeout) -> Fields | None:
        document = self._documents.read(collection, work.key, timeout=timeout)
        return document.fields if document is not None else None

    def _change(
        self,
        collection: str,
        work: Work,
        decide: Callable[[Fields | None], dict[str, Any] | None],
        timeout: Timeout,
    ) -> None:
        for _ in range(_ATTEMPTS):
            document = self._documents.read(collection, work.key, timeout=timeout)
            fields = decide(document.fields if document is not None else None)
            if fields is None:
                return
            try:
                self._documents.write(
                    collection,
                    work.key,
                    fields,
                    replaces=document,
                    timeout=timeout,
                    keep_seconds=KEEP_SECONDS,
                )
            except ConflictError:
                continue
            return
        raise _busy(collection, work)


def _busy(collection: str, work: Work) -> BackendError:
    return BackendError(f"{collection}/{work.key} is written by others all the time; try later.")
