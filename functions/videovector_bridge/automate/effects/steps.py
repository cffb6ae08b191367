"""The steps of a handler on the record of a target. Pure.

Each step receives the stored record, or None if none exists, and returns the record to store.
`effects.py` describes the order of the steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from videovector_bridge.automate.effects.record import RETENTION_SECONDS, Record, Refusal, State
from videovector_bridge.errors import PermanentError

# With these limits, a record with two states of the largest size stays below Firestore's 1 MiB.
MAX_PENDING: Final = 2_000
MAX_REFUSED: Final = 50
_MAX_DETAIL: Final = 1_000


@dataclass(frozen=True, slots=True)
class ClaimHeld:
    """Another attempt at the event may last for this many seconds more."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TooManyPending:
    """The record has too many pending events for another one."""


def claim(
    record: Record | None, own: State, *, now: float, until: float
) -> Record | ClaimHeld | TooManyPending:
    """Make the event of `own` pending until `until`, and `own` the desired state if it is newest.

    If the event is not pending in the result, there is nothing to do: a state at least as new was
    accepted. An event older than the desired state becomes pending too while that state is not
    accepted, because it may be refused. A refusal that is not reported stays in `refused`; after
    a reported refusal the state is tried again.
    """
    key = own.version.key
    if record is None:
        return Record(own, None, {key: until}, created=not own.absent)
    claimed_until = record.pending.get(key)
    if claimed_until is not None and now < claimed_until:
        return ClaimHeld(claimed_until - now)
    if claimed_until is None and record.accepted and record.accepted.version >= own.version:
        return record
    record = _prune(record, now)
    if key not in record.pending and len(record.pending) >= MAX_PENDING:
        return TooManyPending()
    record = replace(record, pending={**record.pending, key: until})
    refusal = record.refused.get(key)
    if refusal is not None and not refusal.reported:
        return record
    if refusal is not None:
        parts = replace(record.parts, refused=frozenset())
        record = replace(record, refused=_without(record.refused, key), parts=parts)
    return join(replace(record, created=record.created or not own.absent), own)


def join(record: Record, own: State) -> Record:
    """Make `own` the desired state, if it is the newest and was not refused."""
    if own.version.key in record.refused:
        return record
    return replace(record, desired=_newest(record.desired, own))


def is_desired(record: Record | None, state: State) -> bool:
    """Whether this is the desired state."""
    desired = record.desired if record else None
    return desired is not None and desired.version == state.version


def is_accepted(record: Record, state: State) -> bool:
    """Whether this is the newest state that VideoVector accepted."""
    return record.accepted is not None and record.accepted.version == state.version


def accept(
    record: Record | None,
    *,
    key: str,
    claimed_until: float,
    written: State,
    until: float,
    marker_id: str = "",
) -> Record:
    """Note that VideoVector accepted `written`. If it is the desired state, end the claim of `key`.

    Otherwise renew the claim until `until`, even if another attempt ended it: `written` may have
    replaced a newer state, which must be restored even if this attempt crashes. A claim of another
    attempt stays as it is. `marker_id` is the id that VideoVector gave the target. Creates the
    record if it was deleted.
    """
    settled = is_desired(record, written)
    record = record or Record(None, created=not written.absent)
    accepted = _newest(record.accepted, written)
    record = replace(
        record,
        accepted=accepted,
        desired=_newest(record.desired, accepted),
        refused=_without(record.refused, written.version.key),
        marker_id=marker_id or ("" if written.absent else record.marker_id),
    )
    if not settled or key in record.refused:  # its report is not published yet
        return _renewed(record, key, claimed_until, until)
    record = _ended(record, key, claimed_until)
    # A pending attempt may still create the target that this one found absent.
    return replace(record, created=record.created and not (written.absent and not record.pending))


def refuse(
    record: Record | None,
    *,
    own: State,
    claimed_until: float,
    refused: State,
    refusal: Refusal,
    until: float,
) -> Record:
    """Note the refusal of state `refused`. The newest state without a refusal becomes desired.

    That is the accepted state, the desired state, or `own`, the state of this attempt's event. The
    claim is renewed until `until`, as in `accept`. A state that was accepted before stays accepted
    and desired. A refusal of another event's state always asks to restore the target, because only
    the attempts at that event know whether it changed.
    """
    record = record or Record(None, created=not own.absent)
    record = _renewed(record, own.version.key, claimed_until, until)
    if is_accepted(record, refused):
        return record
    key = refused.version.key
    if key in record.pending:  # otherwise no attempt is left to report it
        if record.pending[key] != until:
            refusal = replace(refusal, restore=True)
        record = replace(record, refused={**record.refused, key: refusal})
    desired = record.desired
    if desired is None or desired.version == refused.version:
        desired = record.accepted
    record = replace(record, desired=desired)
    return record if own.version == refused.version else join(record, own)


def report(record: Record | None, *, key: str, claimed_until: float) -> Record | None:
    """Note that the refusal of `key` is on `rejected`, and end its claim."""
    if record is not None and key in record.refused:
        refused = {**record.refused, key: replace(record.refused[key], reported=True)}
        record = replace(record, refused=refused)
    return end(record, key=key, claimed_until=claimed_until)


def end(record: Record | None, *, key: str, claimed_until: float) -> Record | None:
    """Remove the event from `pending`.

    It stays pending if another attempt has the claim, or if a refusal of its state is not reported.
    """
    return None if record is None else _ended(record, key, claimed_until)


def renew(record: Record | None, *, key: str, claimed_until: float, until: float) -> Record | None:
    """Renew the claim until `until`, unless another attempt has it."""
    return None if record is None else _renewed(record, key, claimed_until, until)


def extend(record: Record | None, *, key: str, claimed_until: float, until: float) -> Record | None:
    """Let the claim end at `until`, if it has not ended."""
    if record is None or record.pending.get(key) != claimed_until:
        return record
    return _renewed(record, key, claimed_until, until)


def _renewed(record: Record, key: str, claimed_until: float, until: float) -> Record:
    if record.pending.get(key, claimed_until) != claimed_until:
        return record
    return replace(record, pending={**record.pending, key: until})


def _ended(record: Record, key: str, claimed_until: float) -> Record:
    refusal = record.refused.get(key)
    unreported = refusal is not None and not refusal.reported
    if unreported or record.pending.get(key) != claimed_until:
        return record
    return replace(record, pending=_without(record.pending, key))


def _newest(known: State | None, other: State) -> State:
    return other if known is None or other.version > known.version else known


def _prune(record: Record, now: float) -> Record:
    """Remove the events that Pub/Sub no longer has."""
    oldest = now - RETENTION_SECONDS
    pending = {key: until for key, until in record.pending.items() if until > oldest}
    recent = sorted(record.refused.items(), key=lambda item: item[1].at)[-MAX_REFUSED:]
    refused = {key: refusal for key, refusal in recent if refusal.at > oldest}
    return replace(record, pending=pending, refused=refused)


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def to_error(refusal: Refusal) -> PermanentError:
    """Return the error that a refusal represents."""
    return PermanentError(refusal.detail, owner=refusal.owner, code=refusal.code)


def to_refusal(
    error: PermanentError, now: float, *, reported: bool = False, restore: bool = True
) -> Refusal:
    """Return the refusal that a `PermanentError` represents."""
    return Refusal(error.code, str(error)[:_MAX_DETAIL], error.owner, now, reported, restore)
