"""The lease of a stream, with a fencing token, in its document `streams/{name}`.

Only the window that has the lease may write the document. Acquiring the lease raises the fencing
token. Every later write replaces exactly the version that this window read or wrote last, so a
window whose lease was taken over cannot move the cursor. The lease ends `lease_seconds` after the
last write, by the clock of the store.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents, Timeout, seconds_left
from videovector_bridge.errors import BridgeError, ConflictError
from videovector_bridge.ingest.stream_document import (
    COLLECTION,
    Origin,
    backoff_until,
    claim_fields,
    fencing_token,
    lease_owner,
    lease_seconds_left,
)
from videovector_bridge.pause import Pause, parse_pause

_ACQUIRE_ATTEMPTS: Final = 4


class LeaseLost(BridgeError):
    """Another window has the lease, or a person moved the cursor: stop and write nothing.

    A rewind moves the cursor and frees the lease.
    """


@dataclass(frozen=True, slots=True)
class Busy:
    """Another window has the lease, for at most `seconds_left` more unless it renews it.

    `token` is its fencing token.
    """

    owner: str
    seconds_left: float
    token: int = 0


@dataclass(frozen=True, slots=True)
class BackingOff:
    """VideoVector asked for no request before `until`."""

    until: datetime


class Lease:
    """The right to drain one stream, and the stream's document as this window wrote it.

    Not thread-safe; `drain` uses it from one task at a time.
    """

    def __init__(
        self,
        documents: Documents,
        name: str,
        owner: str,
        document: Document,
        *,
        origin: Origin,
        acquired_at: float,
        clock: Callable[[], float],
    ) -> None:
        self._documents = documents
        self._name = name
        self._owner = owner
        self._document = document
        self._origin = origin
        self._clock = clock
        self._written_at = acquired_at
        self._token = int(document.fields["fencing_token"])
        self._lease_seconds = float(document.fields["lease_seconds"])
        self._releasing = False
        self._positions = [_position(document.fields)]  # that this window may have written

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the stream's document as this window last wrote them."""
        return self._document.fields

    @property
    def token(self) -> int:
        """The fencing token of this window."""
        return self._token

    @property
    def pause(self) -> Pause | None:
        """The pause of the stream, if a person paused it before the last write of this window."""
        return parse_pause(self.fields)

    @property
    def expires_at(self) -> float:
        """When the lease ends without another write, by `clock`; never later than in the store."""
        return self._written_at + self._lease_seconds

    def progress(self, cursor: str | None, start_from: str, *, ids_differ: bool) -> dict[str, Any]:
        """Return the fields to commit when the stream is at `cursor`.

        Another `start_from`, or an abandoned cursor, is the choice of a policy.
        """
        changes: dict[str, Any] = {
            "cursor": cursor,
            "ids_differ": ids_differ,
            "api_host": self._origin.api_host,
            "filters": self._origin.filters,
        }
        cursor_before, start_before = _position(self.fields)
        if start_from != start_before or (cursor is None and cursor_before is not None):
            changes |= {"start_from": start_from, "start_setting": None}
        return changes

    def commit(self, changes: Mapping[str, Any], *, timeout: Timeout) -> None:
        """Write `changes` and renew the lease; other fields stay as they are.

        Raises `LeaseLost` when another window took over or a person set another cursor or start,
        and `BackendError` when the store fails. Whether it wrote is then unknown; calling again
        with the same or newer changes is safe.
        """
        self._positions.append(_position({**self.fields, **changes}))
        deadline = self._clock() + seconds_left(timeout)
        while True:
            started = self._clock()
            try:
                self._document = self._documents.write(
                    COLLECTION,
                    self._name,
                    changes,
                    replaces=self._document,
                    timeout=lambda: deadline - self._clock(),
                )
            except ConflictError:
                self._document = self._own_document(deadline)
                if not self._document.fields.get("lease_owner"):
                    return  # released: only our own `release` can have done that
            else:
                self._written_at = started
                # The position is now certain: any other one is not this window's.
                self._positions = [_position(self.fields)]
                return

    def _own_document(self, deadline: float) -> Document:
        """Read the document after a conflict. Raises `LeaseLost` if it is no longer ours.

        It is ours if an earlier write succeeded although its response was lost, or if a person
        edited other fields. Token and owner decide: no other window writes under them.
        """
        stored = self._documents.read(
            COLLECTION, self._name, timeout=lambda: deadline - self._clock()
        )
        fields = stored.fields if stored is not None else {}
        owners = (self._owner, "") if self._releasing else (self._owner,)
        if fields.get("fencing_token") != self._token or fields.get("lease_owner") not in owners:
            raise LeaseLost(
                f"Stream {self._name!r}: another window took the lease over, or a person rewound "
                f"the stream. This window stops; the next continues from the stored cursor."
            )
        if _position(fields) not in self._positions:
            cursor, start_from = _position(fields)
            edited = "start_from" if cursor in [known for known, _ in self._positions] else "cursor"
            value = cursor if edited == "cursor" else start_from
            raise LeaseLost(
                f"Stream {self._name!r}: its {edited} was set to {value!r} while this window was "
                f"draining. This one stops; the next continues from there."
            )
        assert stored is not None
        return stored

    def release(self, changes: Mapping[str, Any], *, timeout: Timeout) -> None:
        """Write `changes` and release the lease, in one write. Raises as `commit` does."""
        self._releasing = True
        self.commit({**changes, "lease_owner": ""}, timeout=timeout)


Acquired = Lease | Busy | BackingOff | Pause
"""The result of an attempt to acquire a lease."""


def acquire(
    documents: Documents,
    name: str,
    *,
    owner: str,
    origin: Origin,
    lease_seconds: float,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Acquired:
    """Acquire the lease of stream `name`; create its document if there is none.

    Nothing is written to a paused stream. `owner` must be unique to this attempt. `clock` counts
    seconds, `now` is the time of day. Raises `BackendError` when the store fails.
    """
    busy = Busy("another window", lease_seconds)
    deadline = clock() + timeout
    for _ in range(_ACQUIRE_ATTEMPTS):
        stored = documents.read(COLLECTION, name, timeout=lambda: deadline - clock())
        fields = stored.fields if stored is not None else {}
        pause = parse_pause(fields)
        if pause is not None:
            return pause
        other = lease_owner(fields)
        # Our own lease, from an attempt whose response was lost, is acquired again: a person may
        # have edited the document since.
        if stored is not None and other not in ("", owner):
            seconds = lease_seconds_left(fields, stored.age_seconds)
            busy = Busy(other, seconds, fencing_token(fields))
            if busy.seconds_left > 0:
                return busy
        until = backoff_until(fields, now())
        if until is not None:
            return BackingOff(until)
        started = clock()
        try:
            stored = documents.write(
                COLLECTION,
                name,
                claim_fields(fields, owner, origin, lease_seconds),
                replaces=stored,
                timeout=lambda: deadline - clock(),
            )
        except ConflictError:
            continue
        return Lease(
            documents, name, owner, stored, origin=origin, acquired_at=started, clock=clock
        )
    return busy


def _position(fields: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the cursor, and where the stream begins without one."""
    return fields.get("cursor"), fields.get("start_from")
