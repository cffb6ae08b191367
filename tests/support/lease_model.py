"""A model of a stream's document, the drains that compete for its lease, and a person who edits it.

The model performs every request to the store, so it knows what was accepted, and checks each
accepted write and each response against its own history. Of the documents it reads only the fields
that a person wrote.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import isfinite, isnan
from typing import Any, Final, Literal

from tests.support.stepwise import Call, Request, StepwiseDocuments
from videovector_bridge.backends.embedded.documents import SqliteDocuments
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.ingest import lease as leases
from videovector_bridge.ingest import rewind as rewinds
from videovector_bridge.ingest.lease import BackingOff, Busy, Lease, LeaseLost
from videovector_bridge.ingest.rewind import RewindRefused
from videovector_bridge.ingest.stream_document import COLLECTION, Origin
from videovector_bridge.pause import Pause

TIMEOUT: Final = 5.0
HOUR: Final = 3_600.0
DAY: Final = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
REMOVED: Final = "(removed)"
"""In an edit: the field is removed."""

Doing = Literal["acquire", "commit", "release"]
Fate = Literal["ok", "fails", "response lost", "lands late", "retried"]


@dataclass(frozen=True)
class Intent:
    """The position in a commit: the cursor, and the start if a policy chose one."""

    cursor: str | None
    start_from: str
    by_policy: bool


@dataclass
class Drain:
    """One window: its process has its own clocks."""

    owner: str
    origin: Origin
    lease_seconds: float
    clock_ahead: float
    day_ahead: timedelta
    documents: StepwiseDocuments = field(default_factory=StepwiseDocuments)
    call: Call | None = None
    doing: Doing = "acquire"
    intent: Intent | None = None
    stored: Intent | None = None
    lease: Lease | None = None
    begun: Intent | None = None  # the position from which it continues
    disturbed: bool = False  # a person changed a field on which its lease depends
    conflicts: int = 0
    expected: type | None = None  # what acquire must return for the document that it read
    may_have_written: set[str | None] = field(default_factory=set)


@dataclass(frozen=True)
class Late:
    """A request that its sender has abandoned, but that may still reach the store."""

    drain: Drain
    doing: Doing
    intent: Intent | None
    request: Request


@dataclass(frozen=True)
class Before:
    """What a rewind replaced: for its undoing."""

    cursor: Any
    start: str | None
    belongs: tuple[str | None, str | None]


class LeaseStore:
    """The store of one stream's document, with its drains and late requests."""

    def __init__(self, documents: SqliteDocuments, name: str) -> None:
        self._documents = documents
        self._name = name
        self._owners = 0
        self.now = 0.0
        self.document: Document | None = None
        self.written_at = 0.0
        self.drains: list[Drain] = []
        self.late: list[Late] = []
        self.writer: Drain | None = None  # the only drain whose writes must be accepted
        self.highest_token = 0
        self.start: str | None = None  # that a policy or a person chose; None: the setting's
        self.belongs: tuple[str | None, str | None] = (None, None)  # the cursor: host, filters
        self.not_before: datetime | None = None
        self.previewed: Document | None = None  # that a person reads before a rewind
        self.rewound: Before | None = None
        self._rewinds = 0

    # Actions of drains.

    def acquire(
        self, origin: Origin, *, lease_seconds: float, clock_ahead: float, day_ahead: float
    ) -> Drain:
        """A new window tries to acquire the lease."""
        self._owners += 1
        drain = Drain(
            f"owner-{self._owners}", origin, lease_seconds, clock_ahead, timedelta(days=day_ahead)
        )
        self.drains.append(drain)
        self._begin(
            drain,
            "acquire",
            None,
            lambda: leases.acquire(
                drain.documents,
                self._name,
                owner=drain.owner,
                origin=origin,
                lease_seconds=lease_seconds,
                timeout=TIMEOUT,
                clock=lambda: self.now + clock_ahead,
                now=lambda: self._day(drain),
            ),
        )
        return drain

    def commit(self, drain: Drain, intent: Intent | None) -> None:
        """A window commits a position, or renews its lease only."""
        lease = drain.lease
        assert lease is not None
        changes = self._progress(lease, intent)
        self._begin(drain, "commit", intent, lambda: lease.commit(changes, timeout=TIMEOUT))

    def release(self, drain: Drain, intent: Intent | None, wait_seconds: float | None) -> None:
        """A window writes its last position and `not_before`, and releases the lease."""
        lease = drain.lease
        assert lease is not None
        not_before = None
        if wait_seconds is not None:
            not_before = (self._day(drain) + timedelta(seconds=wait_seconds)).isoformat()
        changes = {**self._progress(lease, intent), "not_before": not_before}
        self._begin(drain, "release", intent, lambda: lease.release(changes, timeout=TIMEOUT))

    def proceed(self, drain: Drain, fate: Fate = "ok") -> None:
        """Perform the request that a drain waits for, or let it fail; then the drain continues."""
        call = drain.call
        assert call is not None
        request = call.request
        assert request is not None
        response: Document | BaseException | None
        if fate == "fails":
            response = BackendError("the store did not respond")
        elif fate == "lands late":
            self.late.append(Late(drain, drain.doing, drain.intent, request))
            response = BackendError("the store did not respond in time")
        else:
            try:
                response = self._perform(Late(drain, drain.doing, drain.intent, request))
                if fate == "response lost":
                    response = BackendError("the response was lost")
                elif fate == "retried" and request.fields is not None:
                    response = ConflictError("the first try of this request went through")
            except ConflictError as error:
                response = error
        drain.conflicts += isinstance(response, ConflictError)
        if request.fields is None and not isinstance(response, BaseException):
            drain.expected = self._expected_of_acquire(drain, response)
        call.respond(response)
        self._after(drain, read=request.fields is None and not isinstance(response, BaseException))

    def land(self, late: Late) -> None:
        """An abandoned request reaches the store."""
        self.late.remove(late)
        with suppress(ConflictError):
            self._perform(late)

    def kill(self, drain: Drain) -> None:
        """The process of a drain ends; what it has sent may still land."""
        self.drains.remove(drain)
        if drain.call is not None:
            request = drain.call.request
            if request is not None and request.fields is not None:
                self.late.append(Late(drain, drain.doing, drain.intent, request))
            drain.call.kill()

    # Actions of a person.

    def edit(self, changes: Mapping[str, Any]) -> None:
        """A person changes or removes fields of the document."""
        if self.document is None or self._looks_like_the_writer(changes):
            return
        before = self.document.fields
        removed = {name for name, value in changes.items() if value == REMOVED}
        after = {k: v for k, v in {**before, **changes}.items() if k not in removed}
        self._store(after)
        differs = {k for k in changes if before.get(k) != after.get(k)}
        if differs & {"lease_owner", "fencing_token", "cursor", "start_from"}:
            self.writer = None
        if differs & {"lease_owner", "fencing_token", "lease_seconds"}:
            self._disturb()
        if "fencing_token" in differs:
            self.highest_token = whole(after.get("fencing_token"))
        if differs & {"start_from", "start_setting"}:
            start = text(after.get("start_from"))
            # The rule for people: a start equal to `start_setting`, or none, is the setting's.
            self.start = None if start == text(after.get("start_setting")) else start
        host, filters = self.belongs
        if "api_host" in differs:
            host = text(after.get("api_host"))
        if "filters" in differs:
            filters = text(after.get("filters"))
        self.belongs = (host, filters)
        if "not_before" in differs:
            value = after.get("not_before")
            self.not_before = None
            if isinstance(value, str) and value.startswith("2"):
                self.not_before = datetime.fromisoformat(value)

    def delete(self) -> None:
        """A person deletes the document."""
        if self.document is None:
            return
        with self._documents._documents.transaction("deleting", TIMEOUT, write=True) as connection:
            connection.execute("DELETE FROM documents WHERE id = ?", (self._name,))
        self.document = self.writer = self.start = self.not_before = None
        self.highest_token = 0
        self.belongs = (None, None)
        self.rewound = None
        self._disturb()

    def pause(self) -> None:
        """A person pauses the stream, which may have no document yet."""
        self._set_pause({"since": "today", "reason": "made up", "by": "a person"})

    def resume(self) -> None:
        """A person resumes the stream."""
        self._set_pause(None)

    def _set_pause(self, value: Mapping[str, str] | None) -> None:
        self.document = self._documents.write(
            COLLECTION, self._name, {"paused": value}, replaces=self.document, timeout=TIMEOUT
        )
        self.written_at = self.now

    def preview(self) -> None:
        """A person reads the document before a rewind."""
        stored = self._documents.read(COLLECTION, self._name, timeout=TIMEOUT)
        self.previewed = stored and replace(stored, age_seconds=self.now - self.written_at)

    def rewind(self, cursor: str | None, origin: Origin) -> None:
        """A person rewinds to `cursor`, or to the earliest event, as after the preview."""
        assert self.document is not None
        start = self.start if cursor is not None else "earliest"
        after = Before(cursor, start, (origin.api_host, origin.filters))
        before = Before(self.document.fields.get("cursor"), self.start, self.belongs)
        if self._rewind(
            after,
            lambda previewed, id_: rewinds.rewind(
                self._documents,
                self._name,
                previewed,
                cursor=cursor,
                origin=origin,
                id_=id_,
                timeout=TIMEOUT,
            ),
        ):
            self.rewound = before

    def undo(self) -> None:
        """A person undoes the last rewind."""
        assert self.rewound is not None
        if self._rewind(
            self.rewound,
            lambda previewed, id_: rewinds.undo(
                self._documents, self._name, previewed, id_=id_, timeout=TIMEOUT
            ),
        ):
            self.rewound = None

    def _rewind(self, after: Before, act: Callable[[Document, str], None]) -> bool:
        """Rewind on the previewed document; return whether that was allowed, and so happened."""
        previewed = self.previewed
        assert previewed is not None
        assert self.document is not None
        known = previewed.fields
        leased = bool(known.get("lease_owner")) and previewed.age_seconds < lease_length(known)
        unchanged = previewed.revision == self.document.revision
        allowed = is_paused(known) and not leased and unchanged
        self._rewinds += 1
        refusal: RewindRefused | None = None
        try:
            act(previewed, f"rewind-{self._rewinds}")
        except RewindRefused as error:
            refusal = error
        self.document = self._documents.read(COLLECTION, self._name, timeout=TIMEOUT)
        assert allowed is (refusal is None), f"allowed: {allowed}, refusal: {refusal}"
        if not allowed:
            return False
        token_before = self.highest_token
        assert self.document is not None
        fields = self.document.fields
        assert fields.get("cursor") == after.cursor, "the rewind set another cursor"
        assert fields["fencing_token"] > token_before, "the rewind did not raise the token"
        assert not fields["lease_owner"], "the rewind kept the lease"
        self.written_at = self.now
        self.highest_token = fields["fencing_token"]
        self.start, self.belongs = after.start, after.belongs
        self.writer = None
        return True

    # Checks.

    def check(self) -> None:
        """At most one window trusts its lease."""
        trusting = [
            drain.owner
            for drain in self.drains
            if drain.lease is not None
            and drain.doing != "release"
            and not drain.disturbed
            and drain.lease.expires_at > self.now + drain.clock_ahead
        ]
        assert len(trusting) <= 1, f"several windows trust their lease: {trusting}"

    def _check_acquired(self, drain: Drain, before: Mapping[str, Any], age: float) -> None:
        assert self.document is not None
        after = self.document.fields
        holder = str(before.get("lease_owner") or "")
        assert not is_paused(before), "the lease of a paused stream was acquired"
        if holder not in ("", drain.owner):
            assert age >= lease_length(before), "a lease was acquired before it ended"
        assert not self._backs_off(drain), "a stream that backs off was acquired"
        assert after["fencing_token"] > self.highest_token, "the token did not grow"
        assert after["cursor"] == text(before.get("cursor")), "acquiring the lease moved the cursor"
        if after["cursor"] is None:
            start = drain.origin.start_from if self.start is None else self.start
            assert after["start_from"] == start, "the stream would begin elsewhere"
            self.belongs = (drain.origin.api_host, drain.origin.filters)
        host, filters = self.belongs
        self.belongs = (host or drain.origin.api_host, filters or drain.origin.filters)
        assert after["not_before"] is None, "`not_before` outlived a window"
        self.highest_token = after["fencing_token"]
        self.not_before = None
        self.writer = drain
        drain.may_have_written = {after["cursor"], after["start_from"]}

    def _check_committed(self, late: Late, before: Mapping[str, Any]) -> None:
        drain, intent = late.drain, late.intent
        assert self.writer is drain, f"{drain.owner} wrote although the stream is not its own"
        assert self.document is not None
        after = self.document.fields
        assert after["fencing_token"] == before["fencing_token"], "a commit changed the token"
        if intent is None:
            assert after["cursor"] == before["cursor"], "a renewal moved the cursor"
        else:
            assert after["cursor"] == intent.cursor
            self.belongs = (drain.origin.api_host, drain.origin.filters)
            if intent.by_policy and (
                intent.cursor is None or intent.start_from != before.get("start_from")
            ):
                self.start = intent.start_from
        if after["cursor"] is None and self.start is not None:
            assert after["start_from"] == self.start, "a commit changed a chosen start"
        drain.stored = intent
        if late.doing == "release":
            value = after["not_before"]
            self.not_before = datetime.fromisoformat(value) if value is not None else None
            self.writer = None

    def _after(self, drain: Drain, *, read: bool) -> None:
        """Check the result of a call that has ended, or its request after a read."""
        call = drain.call
        assert call is not None
        if drain.doing == "acquire" and read and not self._out_of_time(call):
            result = None if call.request is not None else type(call.result)
            assert result == drain.expected, f"acquire: {result}, not {drain.expected}"
        if call.request is not None:
            return
        drain.call = None
        if call.error is not None:
            assert isinstance(call.error, BackendError | LeaseLost), repr(call.error)
            if isinstance(call.error, LeaseLost):
                assert self.writer is not drain, f"lost without a reason: {call.error}"
            if isinstance(call.error, LeaseLost) or drain.doing == "acquire":
                self.drains.remove(drain)
        elif drain.doing == "acquire":
            self._acquired(drain, call.result)
        else:
            cleared = drain.doing == "release" and self.writer is not drain
            assert drain.stored is drain.intent or cleared, "what was acknowledged is not stored"
            if drain.doing == "release":
                self.drains.remove(drain)
            elif drain.intent is not None:
                drain.begun = drain.intent
                drain.may_have_written = {drain.intent.cursor, drain.intent.start_from}

    def _acquired(self, drain: Drain, result: Lease | Busy | BackingOff | Pause) -> None:
        if not isinstance(result, Lease):
            self.drains.remove(drain)
            return
        drain.lease = result
        fields = result.fields
        drain.begun = Intent(fields["cursor"], fields["start_from"], by_policy=False)
        if self.writer is not drain:
            return
        expected = ""
        if fields["cursor"] is not None and self.belongs[0] != drain.origin.api_host:
            expected = "host_changed"
        elif fields["cursor"] is not None and self.belongs[1] != drain.origin.filters:
            expected = "filters_changed"
        assert drain.origin.find_change(fields) == expected, f"not {expected!r}"

    def _expected_of_acquire(self, drain: Drain, stored: Document | None) -> type | None:
        """Return what `acquire` must return for this document; None: it must try to write."""
        known = stored.fields if stored is not None else {}
        holder = str(known.get("lease_owner") or "")
        if is_paused(known):
            return Pause
        if (
            stored is not None
            and holder not in ("", drain.owner)
            and stored.age_seconds < lease_length(known)
        ):
            return Busy
        return BackingOff if self._backs_off(drain) else None

    # The store.

    def _perform(self, late: Late) -> Document | None:
        request, drain = late.request, late.drain
        if request.fields is None:
            stored = self._documents.read(COLLECTION, self._name, timeout=TIMEOUT)
            return stored and replace(stored, age_seconds=self.now - self.written_at)
        before = self.document.fields if self.document is not None else {}
        age = self.now - self.written_at
        self.document = self._documents.write(
            COLLECTION,
            self._name,
            request.fields,
            replaces=request.replaces,
            timeout=TIMEOUT,
        )
        self.written_at = self.now
        for name in ("note", "paused", "rewind"):
            assert self.document.fields.get(name) == before.get(name), f"{name!r} is gone"
        if late.doing == "acquire":
            self._check_acquired(drain, before, age)
        else:
            self._check_committed(late, before)
        return self.document

    def _store(self, fields: Mapping[str, Any]) -> None:
        """Write a whole document by hand, which the port cannot."""
        with self._documents._documents.transaction("editing", TIMEOUT, write=True) as connection:
            connection.execute(
                "UPDATE documents SET fields = ?, revision = revision + 1 WHERE id = ?",
                (json.dumps(fields), self._name),
            )
        self.document = self._documents.read(COLLECTION, self._name, timeout=TIMEOUT)
        self.written_at = self.now

    def _begin(self, drain: Drain, doing: Doing, intent: Intent | None, action: Any) -> None:
        drain.doing, drain.intent, drain.stored = doing, intent, None
        if intent is not None:
            drain.may_have_written |= {intent.cursor, intent.start_from}
        drain.call = Call(action, drain.documents)
        self._after(drain, read=False)

    def _progress(self, lease: Lease, intent: Intent | None) -> Mapping[str, Any]:
        if intent is None:
            return {}
        return lease.progress(intent.cursor, intent.start_from, ids_differ=False)

    def _looks_like_the_writer(self, changes: Mapping[str, Any]) -> bool:
        """Whether this edit looks like a write of the window."""
        if self.writer is None:
            return False
        values = {text(changes.get("cursor", REMOVED)), text(changes.get("start_from", REMOVED))}
        return bool(values & self.writer.may_have_written)

    def _disturb(self) -> None:
        for drain in self.drains:
            drain.disturbed = True

    def _day(self, drain: Drain) -> datetime:
        return DAY + timedelta(seconds=self.now) + drain.day_ahead

    def _backs_off(self, drain: Drain) -> bool:
        if self.not_before is None:
            return False
        left = (self.not_before - self._day(drain)).total_seconds()
        return 0 < left <= 2 * HOUR

    @staticmethod
    def _out_of_time(call: Call) -> bool:
        return isinstance(call.error, BackendError)


# The meaning of values that a person typed. Not shared with the product on purpose.


def text(value: object) -> str | None:
    """Parse a text; None if it is empty."""
    return None if value in (None, "", REMOVED) else str(value)


def number(value: object) -> float:
    """Parse a number; 0 for anything else."""
    try:
        parsed = float(str(value))
    except ValueError:
        return 0.0
    return 0.0 if isnan(parsed) else parsed


def whole(value: object) -> int:
    """Parse a whole number; 0 for anything else."""
    return int(number(value)) if isfinite(number(value)) else 0


def is_paused(fields: Mapping[str, Any]) -> bool:
    """Whether a stream is paused: by any value that is not empty."""
    return fields.get("paused") not in (None, "", False)


def lease_length(fields: Mapping[str, Any]) -> float:
    """Return the seconds of a lease, at most the largest setting: a typing error must not last."""
    return min(number(fields.get("lease_seconds")), HOUR)
