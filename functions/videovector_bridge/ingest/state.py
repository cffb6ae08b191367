"""A stream's document `streams/{name}`: its cursor, and the lease with a fencing token.

One window at a time may write it. Taking the lease raises the fencing token; every later write
replaces exactly the version that this window read or wrote last, so that a window whose lease
was taken over cannot move the cursor. The lease ends `lease_seconds` after the last write, by
the clock of the store.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, BridgeError, ConflictError

COLLECTION: Final = "streams"
_ACQUIRE_ATTEMPTS: Final = 4


class LeaseLost(BridgeError):
    """Somebody else holds the lease or moved the cursor: this window must stop, writing nothing."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another window holds the lease, for at most `seconds_left` more unless it renews it."""

    owner: str
    seconds_left: float


class Lease:
    """The right to drain one stream, and the stream's document as this window knows it.

    Not safe for several threads at once; `drain` uses it from one task at a time.
    """

    def __init__(
        self,
        documents: Documents,
        name: str,
        owner: str,
        document: Document,
        *,
        taken_at: float,
        clock: Callable[[], float],
    ) -> None:
        self._documents = documents
        self._name = name
        self._owner = owner
        self._document = document
        self._clock = clock
        self._written_at = taken_at
        self._token = int(document.fields["fencing_token"])
        self._lease_seconds = float(document.fields["lease_seconds"])
        self._releasing = False
        self._cursors = {document.fields.get("cursor")}  # that this window may have written

    @property
    def fields(self) -> Mapping[str, Any]:
        """The stream's document as it was last written."""
        return self._document.fields

    @property
    def token(self) -> int:
        """The fencing token of this lease."""
        return self._token

    @property
    def expires_at(self) -> float:
        """When the lease ends if nothing more is written, by `clock`; never later than it does."""
        return self._written_at + self._lease_seconds

    def commit(self, changes: Mapping[str, Any], *, timeout: float) -> None:
        """Write `changes` and renew the lease.

        Raises `LeaseLost` when another window took over or a person set another cursor,
        `BackendError` when the store fails (whether it wrote is then unknown; calling again with
        the same or newer changes is safe). Fields that `changes` does not name stay as they are.
        """
        if "cursor" in changes:
            self._cursors.add(changes["cursor"])
        deadline = self._clock() + timeout
        while True:
            started = self._clock()
            try:
                self._document = self._documents.write(
                    COLLECTION,
                    self._name,
                    changes,
                    replaces=self._document,
                    timeout=max(0.0, deadline - started),
                )
            except ConflictError:
                self._document = self._own_document(deadline, timeout)
                if not self._document.fields.get("lease_owner"):
                    return  # released: only `release` may have done that
            else:
                self._written_at = started
                # What was written is now known, so that any other cursor is somebody else's.
                self._cursors = {self.fields.get("cursor")}
                return

    def _own_document(self, deadline: float, timeout: float) -> Document:
        """Read the document after a conflict: still ours, or `LeaseLost`.

        Ours if an earlier write went through although its answer was lost, or a person edited
        other fields. Token and owner tell: no other window writes under them.
        """
        remaining = deadline - self._clock()
        if remaining <= 0:
            raise BackendError(
                f"The document streams/{self._name} could not be written in {timeout:g} s."
            )
        found = self._documents.read(COLLECTION, self._name, timeout=remaining)
        known = found.fields if found is not None else {}
        owners = (self._owner, "") if self._releasing else (self._owner,)
        if known.get("fencing_token") != self._token or known.get("lease_owner") not in owners:
            raise LeaseLost(
                f"Stream {self._name!r}: another window took the lease over. This one stops; the "
                f"other goes on from the last committed cursor."
            )
        if known.get("cursor") not in self._cursors:
            raise LeaseLost(
                f"Stream {self._name!r}: its cursor was set to {known.get('cursor')!r} while this "
                f"window was draining. This one stops; the next goes on from there."
            )
        assert found is not None
        return found

    def release(self, changes: Mapping[str, Any], *, timeout: float) -> None:
        """Write `changes` and give the lease up, in one write. Raises as `commit` does."""
        self._releasing = True
        self.commit({**changes, "lease_owner": ""}, timeout=timeout)


def acquire(
    documents: Documents,
    name: str,
    *,
    owner: str,
    filters: str,
    lease_seconds: float,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
) -> Lease | Busy:
    """Take the lease of stream `name`, creating its document when there is none.

    `owner` must be unique to this attempt. Raises `BackendError` when the store fails.
    """
    seconds_left = lease_seconds
    holder = ""
    started = clock()
    deadline = started + timeout
    for _ in range(_ACQUIRE_ATTEMPTS):
        found = documents.read(COLLECTION, name, timeout=max(0.0, deadline - clock()))
        known = found.fields if found is not None else {}
        holder = str(known.get("lease_owner") or "")
        if found is not None and holder == owner:
            # The answer to our own write was lost.
            return Lease(documents, name, owner, found, taken_at=started, clock=clock)
        if found is not None and holder:
            seconds_left = _number(known.get("lease_seconds")) - found.age_seconds
            if seconds_left > 0:
                return Busy(holder, seconds_left)
        fields = {
            "cursor": _text(known.get("cursor")),
            "start_from": _text(known.get("start_from")),
            "ids_differ": bool(known.get("ids_differ")),
            "filters": known.get("filters") or filters,
            "fencing_token": _whole(known.get("fencing_token")) + 1,
            "lease_owner": owner,
            "lease_seconds": lease_seconds,
            "windows": _whole(known.get("windows")) + 1,
            "events": _whole(known.get("events")),
            "published": _whole(known.get("published")),
            "rejected": _whole(known.get("rejected")),
            "last_error": known.get("last_error"),
            "last_window": known.get("last_window"),
        }
        started = clock()
        try:
            document = documents.write(
                COLLECTION, name, fields, replaces=found, timeout=max(0.0, deadline - started)
            )
        except ConflictError:
            continue
        return Lease(documents, name, owner, document, taken_at=started, clock=clock)
    return Busy(holder or "another window", seconds_left)


# People edit documents, and the console makes a text of what looks like a number, or the reverse.


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return 0.0


def _whole(value: object) -> int:
    number = _number(value)
    return int(number) if isfinite(number) else 0
