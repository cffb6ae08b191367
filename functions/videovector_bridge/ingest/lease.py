"""A stream's document `streams/{name}`: its cursor, and the lease with a fencing token.

One window at a time may write it. Taking the lease raises the fencing token; every later write
replaces exactly the version that this window read or wrote last, so that a window whose lease
was taken over cannot move the cursor. The lease ends `lease_seconds` after the last write, by
the clock of the store.

`start_from` is where the stream begins while it has no cursor, and `start_setting` the setting
START_FROM that it was taken from. While the two are equal, or the document names no start, the
stream follows the setting. A start that a policy or a person chose differs, or has no
`start_setting`: it stays, whatever the setting becomes. A person who empties `start_from` has the
stream follow the setting again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents, Timeout, seconds_left
from videovector_bridge.errors import BridgeError, ConflictError
from videovector_bridge.events import parse_time
from videovector_bridge.settings.streams import LONGEST_LEASE_SECONDS

COLLECTION: Final = "streams"
LONGEST_BACKOFF_SECONDS: Final = 3_600.0

_ACQUIRE_ATTEMPTS: Final = 4


class LeaseLost(BridgeError):
    """Another window holds the lease or a person moved the cursor: stop, writing nothing."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Another window holds the lease, for at most `seconds_left` more unless it renews it."""

    owner: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class BackingOff:
    """VideoVector asked for no request before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """What a cursor belongs to: an API host and filters. `start_from`: where a stream begins."""

    api_host: str
    filters: str
    start_from: str

    def change_since(self, fields: Mapping[str, Any]) -> str:
        """Why the cursor of a document means nothing here, as a stop reason; "" if it does."""
        if fields["cursor"] is None:
            return ""
        if fields["api_host"] != self.api_host:
            return "host_changed"
        return "filters_changed" if fields["filters"] != self.filters else ""

    def explain(self, change: str, stream: str, fields: Mapping[str, Any]) -> str:
        """A sentence about a `change` since a document, and what to do."""
        if change == "host_changed":
            what = f"API host was {fields['api_host']} and is {self.api_host}"
        else:
            what = f"filters were {fields['filters']} and are {self.filters}"
        return (
            f"The cursor of stream {stream!r} means nothing any more: its {what}. Give the stream "
            f"a new name, or set its cursor_policy to latest or earliest to start over."
        )


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
        origin: Origin,
        taken_at: float,
        clock: Callable[[], float],
    ) -> None:
        self._documents = documents
        self._name = name
        self._owner = owner
        self._document = document
        self._origin = origin
        self._clock = clock
        self._written_at = taken_at
        self._token = int(document.fields["fencing_token"])
        self._lease_seconds = float(document.fields["lease_seconds"])
        self._releasing = False
        self._positions = [_position(document.fields)]  # that this window may have written

    @property
    def fields(self) -> Mapping[str, Any]:
        """The stream's document as it was last written."""
        return self._document.fields

    @property
    def expires_at(self) -> float:
        """When the lease ends if nothing more is written, by `clock`; never later than it does."""
        return self._written_at + self._lease_seconds

    def progress(self, cursor: str | None, start_from: str, *, ids_differ: bool) -> dict[str, Any]:
        """The fields to commit when the stream stands at `cursor`, and what that belongs to.

        A policy has chosen the start when it is another one, or when the cursor is given up.
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
        """Write `changes` and renew the lease.

        Raises `LeaseLost` when another window took over or a person set another cursor or start,
        `BackendError` when the store fails (whether it wrote is then unknown; calling again with
        the same or newer changes is safe). Fields that `changes` does not name stay as they are.
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
                    return  # released: only `release` may have done that
            else:
                self._written_at = started
                # What was written is now known: any other position is not this window's.
                self._positions = [_position(self.fields)]
                return

    def _own_document(self, deadline: float) -> Document:
        """Read the document after a conflict: still ours, or `LeaseLost`.

        Ours if an earlier write went through although its answer was lost, or a person edited
        other fields. Token and owner decide: no other window writes under them.
        """
        stored = self._documents.read(
            COLLECTION, self._name, timeout=lambda: deadline - self._clock()
        )
        known = stored.fields if stored is not None else {}
        owners = (self._owner, "") if self._releasing else (self._owner,)
        if known.get("fencing_token") != self._token or known.get("lease_owner") not in owners:
            raise LeaseLost(
                f"Stream {self._name!r}: another window took the lease over. This one stops; the "
                f"other continues from the last committed cursor."
            )
        if _position(known) not in self._positions:
            cursor, start_from = _position(known)
            what = "start_from" if cursor in [each for each, _ in self._positions] else "cursor"
            value = cursor if what == "cursor" else start_from
            raise LeaseLost(
                f"Stream {self._name!r}: its {what} was set to {value!r} while this window was "
                f"draining. This one stops; the next continues from there."
            )
        assert stored is not None
        return stored

    def release(self, changes: Mapping[str, Any], *, timeout: Timeout) -> None:
        """Write `changes` and give the lease up, in one write. Raises as `commit` does."""
        self._releasing = True
        self.commit({**changes, "lease_owner": ""}, timeout=timeout)


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
) -> Lease | Busy | BackingOff:
    """Take the lease of stream `name`, creating its document when there is none.

    `owner` must be unique to this attempt. `clock` counts seconds, `now` is the time of day.
    Raises `BackendError` when the store fails.
    """
    lease_left = lease_seconds
    holder = ""
    started = clock()
    deadline = started + timeout
    for _ in range(_ACQUIRE_ATTEMPTS):
        stored = documents.read(COLLECTION, name, timeout=lambda: deadline - clock())
        known = stored.fields if stored is not None else {}
        holder = str(known.get("lease_owner") or "")
        # An own lease, whose answer was lost, is taken again: a person may have edited it since.
        if stored is not None and holder not in ("", owner):
            # No window asks for longer: a wrong number must not stop the stream.
            length = min(_number(known.get("lease_seconds")), LONGEST_LEASE_SECONDS)
            lease_left = length - stored.age_seconds
            if lease_left > 0:
                return Busy(holder, lease_left)
        until = _backing_off(known, now())
        if until is not None:
            return BackingOff(until)
        started = clock()
        try:
            stored = documents.write(
                COLLECTION,
                name,
                _taken(known, owner, origin, lease_seconds),
                replaces=stored,
                timeout=lambda: deadline - clock(),
            )
        except ConflictError:
            continue
        break
    else:
        return Busy(holder or "another window", lease_left)
    assert stored is not None
    return Lease(documents, name, owner, stored, origin=origin, taken_at=started, clock=clock)


def _taken(
    known: Mapping[str, Any], owner: str, origin: Origin, lease_seconds: float
) -> dict[str, Any]:
    """The document's fields under a new owner. What `known` says of the position stays."""
    cursor = _text(known.get("cursor"))
    start_from = start_setting = _text(known.get("start_from"))
    if start_from is None or start_from == _text(known.get("start_setting")):
        if cursor is None or start_from is None:  # a stream that has begun keeps its record
            start_from = start_setting = origin.start_from
    else:
        start_setting = None  # a chosen start: no setting makes it less so
    return {
        "cursor": cursor,
        "start_from": start_from,
        "start_setting": start_setting,
        "ids_differ": bool(known.get("ids_differ")),
        "api_host": (cursor and _text(known.get("api_host"))) or origin.api_host,
        "filters": (cursor and _text(known.get("filters"))) or origin.filters,
        "not_before": None,
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


def _position(fields: Mapping[str, Any]) -> tuple[Any, Any]:
    """Where the stream stands: its cursor, and where it begins without one."""
    return fields.get("cursor"), fields.get("start_from")


def _backing_off(known: Mapping[str, Any], now: datetime) -> datetime | None:
    """Until when no request may be made, if that is not over."""
    until = parse_time(known.get("not_before"))
    if until is None or not now < until:
        return None
    # No window asks for so long: a wrong clock must not stop the stream.
    return until if until - now <= timedelta(seconds=2 * LONGEST_BACKOFF_SECONDS) else None


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
