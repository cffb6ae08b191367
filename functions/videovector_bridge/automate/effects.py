"""Effects that converge: any duplication, reordering and overlap ends as the in-order pass would.

VideoVector has no conditional write, so each target has a record of its desired state,
`effects/{target}`. A handler (1) makes its event the desired state if it is the newest, and
notes itself as pending; (2) makes the target equal to what is desired, which may be a newer
event's; (3) takes itself out of pending if the desired state is still what it wrote, else goes
back to 2. Whatever crashes is redelivered, finds its own event pending, and does it again.

What this rests on: a request lands, if at all, within the seconds that `Effects` is told; and a
process does not stop for longer than that between looking at the clock and sending. A known limit:
the newest event's state stays desired though VideoVector refused it for good, so that an older
event that comes after it is not applied.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Self

from videovector_bridge.api.errors import ApiError
from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, ConflictError, PermanentError, TransientError

COLLECTION: Final = "effects"
_TRIES: Final = 20
_STORE_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 1.0
_FREE: Final = 0.0  # the claim of an attempt that is known to be over


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Where an event stands among those of its target: by time, then by id.

    `created_at` is ISO 8601 in UTC with microseconds, so that text order is time order.
    """

    created_at: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a target should be, since which event, and which events are still being applied.

    `pending` maps event ids to when their attempt, with any request that it leaves behind, is
    over at the latest, in seconds of Unix time. Whoever wrote that time holds the claim.
    """

    desired: Mapping[str, Any]
    version: Version
    pending: Mapping[str, float] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """The record as a document."""
        return {
            "desired": dict(self.desired),
            "created_at": self.version.created_at,
            "event_id": self.version.event_id,
            "pending": dict(self.pending),
        }

    @classmethod
    def of(cls, document: Document) -> Self:
        """The record in a document."""
        found = document.fields
        version = Version(found["created_at"], found["event_id"])
        return cls(found["desired"], version, found["pending"])


@dataclass(frozen=True, slots=True)
class NotYet:
    """Another attempt at the event may be under way, for this many seconds more."""

    seconds: float


def claim(
    record: Record | None,
    version: Version,
    desired: Mapping[str, Any],
    *,
    now: float,
    until: float,
) -> Record | NotYet:
    """Step 1: the record with this event noted, as under way until `until`.

    The record as it was, without this event pending, when the event (or a newer one) was applied.
    """
    if record is None:
        return Record(desired, version, {version.event_id: until})
    held_until = record.pending.get(version.event_id)
    if held_until is not None and now < held_until:
        return NotYet(held_until - now)
    newer = version > record.version
    if not newer and held_until is None:
        return record
    pending = {**record.pending, version.event_id: until}
    if newer:
        return Record(desired, version, pending)
    return replace(record, pending=pending)


def settle(
    record: Record, *, event_id: str, held_until: float, written: Version, until: float
) -> Record:
    """Step 3: the record without this event, if what was written is what is desired.

    Otherwise with the event noted until `until`, whether or not it still was: what was written
    may have overwritten something newer, and is to be mended even if this attempt crashes.
    """
    if record.version == written:
        return forget(record, event_id=event_id, held_until=held_until)
    return replace(record, pending={**record.pending, event_id: until})


def forget(record: Record, *, event_id: str, held_until: float) -> Record:
    """The record without this event pending, unless another attempt claimed it since."""
    if record.pending.get(event_id) != held_until:
        return record
    pending = {name: until for name, until in record.pending.items() if name != event_id}
    return replace(record, pending=pending)


def extend(record: Record, *, event_id: str, held_until: float, until: float) -> Record:
    """The record with this claim ending at `until`, unless another attempt claimed it since."""
    if record.pending.get(event_id) != held_until:
        return record
    return replace(record, pending={**record.pending, event_id: until})


# What a step makes of a record; an equal one back means that there is nothing to write.
Change = Callable[[Any], Record]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record with the version of the document that it is stored in."""

    record: Record
    document: Document


@dataclass(slots=True)
class _Claim:
    """One attempt's claim of an event; `until` tells it from other attempts' claims."""

    target: str
    event_id: str
    lasts_seconds: float
    keep_seconds: float | None
    started_at: float = 0.0
    until: float = -1.0


class Effects:
    """Brings targets to their desired state, with the records in a document store.

    `request_seconds` is how long an `apply`, with the request that it leaves behind if it is cut
    short, lasts at most; `left_seconds` how long a request that was given up may still take
    effect; `start_seconds` how old a claim may be when its `apply` starts.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        request_seconds: float,
        left_seconds: float,
        start_seconds: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._documents = documents
        self._request_seconds = request_seconds
        self._left_seconds = left_seconds
        self._start_seconds = start_seconds
        self._now = now
        self._sleep = sleep

    def converge(
        self,
        target: str,
        version: Version,
        desired: Mapping[str, Any],
        apply: Callable[[Mapping[str, Any]], None],
        *,
        lasts_seconds: float = 0.0,
        keep_seconds: float | None = None,
    ) -> bool:
        """Make `target` what the newest event known wants; False when that was done before.

        `apply` makes the target equal to the desired state that it is given, which may take
        `lasts_seconds` longer than one request. The record is needed for `keep_seconds`, or for
        ever. Raises `TransientError` when the message is to be
        delivered again; a `PermanentError` of `apply` goes through, with the event no longer
        pending.
        """
        lasts = self._request_seconds + lasts_seconds
        claimed = _Claim(target, version.event_id, lasts, keep_seconds)
        found = self._change(claimed, None, self._claiming(claimed, version, desired))
        if version.event_id not in found.record.pending:
            return False
        while True:
            written = found.record.version
            try:
                self._apply(claimed, found, apply)
            except PermanentError:
                if written == version:
                    raise
                return True  # a newer event's state was refused; its own delivery tells of it
            held_until = claimed.until
            self._renew(claimed)
            step = partial(
                settle,
                event_id=version.event_id,
                held_until=held_until,
                written=written,
                until=claimed.until,
            )
            found = self._change(claimed, found.document, step)
            if found.record.version == written:
                return True

    def _renew(self, claimed: _Claim) -> None:
        claimed.started_at = self._now()
        claimed.until = claimed.started_at + self._start_seconds + claimed.lasts_seconds

    def _claiming(self, claimed: _Claim, version: Version, desired: Mapping[str, Any]) -> Change:
        def change(record: Record | None) -> Record:
            if record is not None and record.pending.get(claimed.event_id) == claimed.until:
                return record  # our own: it was written, and the answer lost
            self._renew(claimed)
            now = claimed.started_at
            noted = claim(record, version, desired, now=now, until=claimed.until)
            if isinstance(noted, Record):
                return noted
            # Pub/Sub may redeliver at once; waiting here keeps that from becoming a storm.
            self._sleep(min(_PAUSE_SECONDS, noted.seconds))
            raise TransientError(
                f"Another attempt at event {version.event_id} may be under way for up to "
                f"{noted.seconds:.0f} s more; this one is to come again later."
            )

        return change

    def _apply(
        self, claimed: _Claim, found: _Stored, apply: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """Step 2, with the claim ended as soon as it may be when it fails."""
        if self._now() - claimed.started_at > self._start_seconds:
            self._end(claimed, found, _FREE)
            raise TransientError(
                f"The claim of event {claimed.event_id} took too long; it is to come again."
            )
        try:
            apply(found.record.desired)
        except PermanentError:
            step = partial(forget, event_id=claimed.event_id, held_until=claimed.until)
            self._change(claimed, found.document, step)
            raise
        except ApiError as error:
            # A request of unknown fate could land on top of the next attempt's.
            left = self._now() + self._left_seconds
            self._end(claimed, found, left if error.in_doubt else _FREE)
            raise
        except TransientError:
            # Messages, documents and files that land late do no harm: a repeated message has the
            # same id, and the others replace only what they were made from.
            self._end(claimed, found, _FREE)
            raise

    def _end(self, claimed: _Claim, found: _Stored, until: float) -> None:
        step = partial(extend, event_id=claimed.event_id, held_until=claimed.until, until=until)
        self._change(claimed, found.document, step)

    def _change(self, claimed: _Claim, known: Document | None, change: Change) -> _Stored:
        """Compare-and-set until it holds; `known` spares the first reading."""
        target = claimed.target
        for attempt in range(_TRIES):
            if known is None:
                known = self._documents.read(COLLECTION, target, timeout=_STORE_SECONDS)
            record = None if known is None else Record.of(known)
            changed = change(record)
            if changed == record and known is not None:
                return _Stored(changed, known)
            try:
                known = self._documents.write(
                    COLLECTION,
                    target,
                    changed.fields(),
                    replaces=known,
                    timeout=_STORE_SECONDS,
                    keep_seconds=claimed.keep_seconds,
                )
                return _Stored(changed, known)
            except ConflictError:
                known = None
                self._sleep(random.uniform(0, 0.05) * min(attempt, 10))  # noqa: S311  # jitter
        raise BackendError(f"effects/{target} changed {_TRIES} times while it was to be written.")
