"""A stream's document `streams/{name}`: its cursor, and the lease with a fencing token.

One window at a time may write it. Taking the lease raises the fencing token; every later write
replaces exactly the version that this window read or wrote last, so that a window whose lease
was taken over cannot move the cursor. The lease ends `lease_seconds` after the last write, by
the clock of the store.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, BridgeError, ConflictError

COLLECTION: Final = "streams"
_ACQUIRE_ATTEMPTS: Final = 4


class LeaseLost(BridgeError):
    """Another window took the lease over; this one must stop and may write nothing more."""


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

    @property
    def fields(self) -> Mapping[str, Any]:
        """The stream's document as it was last written."""
        return self._document.fields

    @property
    def token(self) -> int:
        """The fencing token of this lease."""
        return int(self.fields["fencing_token"])

    @property
    def expires_at(self) -> float:
        """When the lease ends if nothing more is written, by `clock`; never later than it does."""
        return self._written_at + float(self.fields["lease_seconds"])

    def commit(self, changes: Mapping[str, Any], *, timeout: float) -> None:
        """Write `changes` and renew the lease.

        Raises `LeaseLost` when another window took over, `BackendError` when the store fails
        (whether it wrote is then unknown; calling again with the same or newer changes is safe).
        """
        deadline = self._clock() + timeout
        fields = {**self.fields, **changes}
        while True:
            started = self._clock()
            try:
                self._document = self._documents.write(
                    COLLECTION, self._name, fields, replaces=self._document, timeout=timeout
                )
                self._written_at = started
                return
            except ConflictError:
                # Either the lease is gone, or an earlier write of ours went through although its
                # answer was lost. The token tells: nobody else writes under it.
                remaining = deadline - self._clock()
                if remaining <= 0:
                    raise BackendError(
                        f"The document streams/{self._name} could not be written in {timeout:g} s."
                    ) from None
                found = self._documents.read(COLLECTION, self._name, timeout=remaining)
                if found is None or (
                    found.fields.get("fencing_token"),
                    found.fields.get("lease_owner"),
                ) != (self.token, self._owner):
                    raise LeaseLost(
                        f"Stream {self._name!r}: another window took the lease over. This one "
                        f"stops; the other goes on from the last committed cursor."
                    ) from None
                self._document = found

    def release(self, changes: Mapping[str, Any], *, timeout: float) -> None:
        """Write `changes` and give the lease up, in one write. Raises as `commit` does."""
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
    holder = "another window"
    started = clock()
    for _ in range(_ACQUIRE_ATTEMPTS):
        found = documents.read(COLLECTION, name, timeout=timeout)
        known = found.fields if found is not None else {}
        holder = str(known.get("lease_owner") or "")
        if found is not None and holder == owner:
            # The answer to our own write was lost.
            return Lease(documents, name, owner, found, taken_at=started, clock=clock)
        if found is not None and holder:
            seconds_left = float(known.get("lease_seconds") or 0) - found.age_seconds
            if seconds_left > 0:
                return Busy(holder, seconds_left)
        fields = {
            "cursor": known.get("cursor"),
            "ids_differ": bool(known.get("ids_differ")),
            "filters": known.get("filters", filters),
            "fencing_token": int(known.get("fencing_token") or 0) + 1,
            "lease_owner": owner,
            "lease_seconds": lease_seconds,
            "windows": int(known.get("windows") or 0) + 1,
            "events": int(known.get("events") or 0),
            "published": int(known.get("published") or 0),
            "rejected": int(known.get("rejected") or 0),
            "last_error": known.get("last_error"),
            "last_window": known.get("last_window"),
        }
        started = clock()
        try:
            document = documents.write(COLLECTION, name, fields, replaces=found, timeout=timeout)
        except ConflictError:
            continue
        return Lease(documents, name, owner, document, taken_at=started, clock=clock)
    return Busy(holder or "another window", seconds_left)
