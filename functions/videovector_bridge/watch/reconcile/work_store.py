"""Reads and changes the documents of open and finished work, with compare-and-set."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.backends.reading_ports import Collections
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.events import parse_time
from videovector_bridge.watch.reconcile.open_work import (
    KEEP_SECONDS,
    Fields,
    OpenWork,
    finished_fields,
    has_ended,
    open_fields,
    parse_open,
)
from videovector_bridge.watch.reconcile.sightings import Sighting
from videovector_bridge.work import FINISHED, OPEN, Work

_ATTEMPTS: Final = 5
_PAGE: Final = 300
# Where the next listing of open work begins, if one listing cannot hold all.
_STATE: Final = ("reconcile", "position")


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
            late = self._finish(work, sighting.ended_at, {}, timeout, ids=sighting.end_ids)
        if sighting.started_at is not None or sighting.active_at is not None:
            self._open(sighting, timeout)
        return late

    def _open(self, sighting: Sighting, timeout: Timeout) -> None:
        work = sighting.work
        is_over = has_ended(sighting.started_at, self._read(FINISHED, work, timeout))

        def decide(known: Fields | None) -> dict[str, Any] | None:
            # An older start that is repeated may still say more of work that started again.
            return None if is_over and known is None else open_fields(sighting, known)

        if self._change(OPEN, work, decide, timeout):
            # Another run may have stored the end since the read: it saw no open work then.
            self._close(work, self._read(FINISHED, work, timeout), timeout)

    def list_open(self, limit: int, *, timeout: Timeout) -> list[StoredWork]:
        """Return at most `limit` pieces of open work. The next call continues where it ended."""
        position = self._documents.read(*_STATE, timeout=timeout)
        start = str((position.fields if position else {}).get("after") or "")
        listed: list[StoredWork] = []
        after = last = ""
        everything = self._iterate_open(start, "", timeout)
        if start:
            everything = chain(everything, self._iterate_open("", start, timeout))
        for name, document in everything:
            if len(listed) == limit:
                after = last
                break
            last = name
            work = parse_open(document.fields)
            if work is not None:
                listed.append(StoredWork(work, document))
        if after != start:
            with suppress(ConflictError):  # another run lists at the same time
                self._documents.write(*_STATE, {"after": after}, replaces=position, timeout=timeout)
        return listed

    def _iterate_open(
        self, after: str, until: str, timeout: Timeout
    ) -> Iterator[tuple[str, Document]]:
        """Yield the documents after the name `after`, up to `until` unless that is empty."""
        while True:
            page = self._collections.list(OPEN, limit=_PAGE, after=after, timeout=timeout)
            for name, document in page:
                if until and name > until:
                    return
                after = name
                yield name, document
            if len(page) < _PAGE:
                return

    def list_streams(self, collection: str, *, timeout: Timeout) -> list[tuple[str, Fields]]:
        """Return the names and fields of the streams' documents."""
        page = self._collections.list(collection, limit=_PAGE, timeout=timeout)
        return [(name, document.fields) for name, document in page]

    def forget(self, stored: StoredWork, *, timeout: Timeout) -> None:
        """Delete open work that is no longer followed, unless it has changed since."""
        with suppress(ConflictError):
            self._collections.delete(
                OPEN, stored.open.work.key, replaces=stored.document, timeout=timeout
            )

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

    def finish(self, work: Work, at: datetime, ids: Mapping[str, str], *, timeout: Timeout) -> None:
        """Store that events of the time `at` were published in place of those that never came.

        `ids` are their ids by type.
        """
        reconciled = {type_: {"id": id_, "at": at.isoformat()} for type_, id_ in ids.items()}
        self._finish(work, at, reconciled, timeout)

    def _finish(
        self,
        work: Work,
        ended_at: datetime,
        reconciled: Mapping[str, Fields],
        timeout: Timeout,
        *,
        ids: tuple[str, ...] = (),
    ) -> bool:
        """Store an end, and close the work. Returns whether one of `ids` came late."""
        late = False
        stored: Fields | None = None

        def decide(known: Fields | None) -> dict[str, Any] | None:
            nonlocal late, stored
            late = _came_late(ended_at, ids, known or {})
            changed = finished_fields(ended_at, reconciled, known)
            stored = changed or known
            return changed

        # The end is stored before the work is closed: a start that comes between finds it.
        self._change(FINISHED, work, decide, timeout)
        self._close(work, stored, timeout)
        return late

    def _close(self, work: Work, finished: Fields | None, timeout: Timeout) -> None:
        """Delete the open work, unless it has started again after the end."""
        if finished is None:
            return
        for _ in range(_ATTEMPTS):
            document = self._documents.read(OPEN, work.key, timeout=timeout)
            if document is None:
                return
            stored = parse_open(document.fields)
            if stored is not None and not stored.is_over(finished):
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
    ) -> bool:
        """Write what `decide` returns. Returns False if it returns None: nothing changes."""
        for _ in range(_ATTEMPTS):
            document = self._documents.read(collection, work.key, timeout=timeout)
            fields = decide(document.fields if document is not None else None)
            if fields is None:
                return False
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
            return True
        raise _busy(collection, work)


def _came_late(ended_at: datetime, ids: tuple[str, ...], known: Fields) -> bool:
    """Whether an end is one in whose place an event has been published."""
    replaced = {
        each.get("id")
        for each in (known.get("reconciled") or {}).values()
        # A newer end is that of a later attempt of the same work.
        if (at := parse_time(each.get("at"))) is not None and ended_at <= at
    }
    return bool(replaced) and not {*ids} <= replaced


def _busy(collection: str, work: Work) -> BackendError:
    return BackendError(f"{collection}/{work.key} is written by others all the time; try later.")
