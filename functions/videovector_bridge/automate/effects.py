"""Effects that converge: any duplication, reordering and overlap ends as the in-order pass would.

VideoVector has no conditional write, so each target has a record of its desired state,
`effects/{target}`. A handler (1) makes its event the desired state if it is the newest, and
notes itself as pending; (2) makes the target equal to what is desired, which may be a newer
event's; (3) takes itself out of pending if the desired state is still what it wrote, else goes
back to 2. Whatever crashes is redelivered, finds its own event pending, and does it again.
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

    `pending` maps event ids to when they were claimed, in seconds of Unix time.
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
    attempt_seconds: float,
) -> Record | NotYet:
    """Step 1: the record with this event noted.

    The record as it was, without this event pending, when the event (or a newer one) was applied.
    """
    if record is None:
        return Record(desired, version, {version.event_id: now})
    claimed_at = record.pending.get(version.event_id)
    if claimed_at is not None and now - claimed_at < attempt_seconds:
        return NotYet(attempt_seconds - (now - claimed_at))
    newer = version > record.version
    if not newer and claimed_at is None:
        return record
    pending = {**record.pending, version.event_id: now}
    if newer:
        return Record(desired, version, pending)
    return replace(record, pending=pending)


def settle(record: Record, *, event_id: str, written: Version) -> Record:
    """Step 3: the record without this event; as it was when something newer is to be written."""
    return forget(record, event_id=event_id) if record.version == written else record


def forget(record: Record, *, event_id: str) -> Record:
    """The record without this event pending."""
    pending = {name: at for name, at in record.pending.items() if name != event_id}
    return replace(record, pending=pending)


def free(record: Record, *, event_id: str) -> Record:
    """The record after an attempt that surely left no request behind: it may be tried at once."""
    return replace(record, pending={**record.pending, event_id: _FREE})


# What a step makes of a record; the same object back means that there is nothing to write.
Change = Callable[[Any], Record]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A record with the version of the document that it is stored in."""

    record: Record
    document: Document


class Effects:
    """Brings targets to their desired state, with the records in a document store.

    `attempt_seconds` is how long an attempt, or a request that it left behind, lasts at most.
    """

    def __init__(
        self,
        documents: Documents,
        *,
        attempt_seconds: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._documents = documents
        self._attempt_seconds = attempt_seconds
        self._now = now
        self._sleep = sleep

    def converge(
        self,
        target: str,
        version: Version,
        desired: Mapping[str, Any],
        apply: Callable[[Mapping[str, Any]], None],
    ) -> bool:
        """Make `target` what the newest event known wants; False when that was done before.

        `apply` makes the target equal to the desired state that it is given. Raises
        `TransientError` when the message is to be delivered again; a `PermanentError` of `apply`
        goes through, with the event no longer pending.
        """
        event_id = version.event_id
        found = self._change(target, None, self._claiming(version, desired))
        did_something = False
        while event_id in found.record.pending:
            did_something = True
            self._apply(target, found, event_id, apply)
            written = found.record.version
            found = self._change(
                target, found.document, partial(settle, event_id=event_id, written=written)
            )
        return did_something

    def _claiming(self, version: Version, desired: Mapping[str, Any]) -> Change:
        def change(record: Record | None) -> Record:
            claimed = claim(
                record, version, desired, now=self._now(), attempt_seconds=self._attempt_seconds
            )
            if isinstance(claimed, Record):
                return claimed
            # Pub/Sub may redeliver at once; waiting here keeps that from becoming a storm.
            self._sleep(min(_PAUSE_SECONDS, claimed.seconds))
            raise TransientError(
                f"Another attempt at event {version.event_id} may be under way for up to "
                f"{claimed.seconds:.0f} s more; this one is to come again later."
            )

        return change

    def _apply(
        self,
        target: str,
        found: _Stored,
        event_id: str,
        apply: Callable[[Mapping[str, Any]], None],
    ) -> None:
        try:
            apply(found.record.desired)
        except PermanentError:
            self._change(target, found.document, partial(forget, event_id=event_id))
            raise
        except ApiError as error:
            if not error.in_doubt:
                self._change(target, found.document, partial(free, event_id=event_id))
            raise

    def _change(self, target: str, known: Document | None, change: Change) -> _Stored:
        """Compare-and-set until it holds; `known` spares the first reading."""
        for attempt in range(_TRIES):
            if known is None:
                known = self._documents.read(COLLECTION, target, timeout=_STORE_SECONDS)
            record = None if known is None else Record.of(known)
            changed = change(record)
            if changed is record and known is not None:
                return _Stored(changed, known)
            try:
                known = self._documents.write(
                    COLLECTION,
                    target,
                    changed.fields(),
                    replaces=known,
                    timeout=_STORE_SECONDS,
                )
                return _Stored(changed, known)
            except ConflictError:
                known = None
                self._sleep(random.uniform(0, 0.05) * min(attempt, 10))  # noqa: S311  # jitter
        raise BackendError(f"effects/{target} changed {_TRIES} times while it was to be written.")
