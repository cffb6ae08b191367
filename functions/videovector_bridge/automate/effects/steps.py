"""The steps of a handler on the record of a target. Pure.

Each takes the record as it is stored, or None where there is none, and returns what to store.
`effects.py` says how a handler uses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from videovector_bridge.automate.effects.record import RETENTION_SECONDS, Record, Refusal, State
from videovector_bridge.errors import PermanentError

# With both states at their largest, a record stays below Firestore's 1 MiB.
MAX_PENDING: Final = 2_000
MAX_REFUSED: Final = 50
_MAX_DETAIL: Final = 1_000


@dataclass(frozen=True, slots=True)
class ClaimHeld:
    """Another attempt at the event may be under way for this many seconds more."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TooManyPending:
    """The record has no room for another event."""


def claim(
    record: Record | None, own: State, *, now: float, until: float
) -> Record | ClaimHeld | TooManyPending:
    """Note the event of `own` as pending until `until`, and `own` as desired if it is the newest.

    Without the event in `pending`, the record says that there is nothing to do: a state at least as
    new was accepted. An event older than the desired state becomes pending as well as long as that
    state is not accepted, for it may be refused. A refusal that is not reported stays in
    `refused`; one that is reported is tried again.
    """
    key = own.version.key
    if record is None:
        return Record(own, None, {key: until}, created=not own.absent)
    held_until = record.pending.get(key)
    if held_until is not None and now < held_until:
        return ClaimHeld(held_until - now)
    if held_until is None and record.accepted and record.accepted.version >= own.version:
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
    """The record with `own` as desired, if that is the newest and was not refused."""
    if own.version.key in record.refused:
        return record
    return replace(record, desired=_newest(record.desired, own))


def is_desired(record: Record | None, state: State) -> bool:
    """Whether the record asks for just this state."""
    desired = record.desired if record else None
    return desired is not None and desired.version == state.version


def is_accepted(record: Record, state: State) -> bool:
    """Whether this is the newest state that VideoVector accepted."""
    return record.accepted is not None and record.accepted.version == state.version


def accept(
    record: Record | None,
    *,
    key: str,
    held_until: float,
    written: State,
    until: float,
    marker_id: str = "",
) -> Record:
    """Note that VideoVector accepted `written`; end the claim of `key` if that is what is desired.

    Otherwise the claim lasts until `until`, even if another attempt ended it: `written` may have
    replaced something newer, and must be corrected even if this attempt crashes. Where another
    attempt has the claim now, that stays. `marker_id` is the id that VideoVector gave the target.
    A record that was deleted is made again.
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
    if not settled or key in record.refused:  # whose report is still to be published
        return _held(record, key, held_until, until)
    record = _ended(record, key, held_until)
    # An attempt that is pending may yet create what this one found absent.
    return replace(record, created=record.created and not (written.absent and not record.pending))


def refuse(
    record: Record | None,
    *,
    own: State,
    held_until: float,
    refused: State,
    refusal: Refusal,
    until: float,
) -> Record:
    """Note that the state `refused` was refused, and return to the newest state that was not.

    That is the accepted one, the desired one, or `own`: the state of the event in hand, whose
    claim lasts until `until`, as with `accept`. A state that was accepted before stays accepted
    and desired. Whether the refusal of another event's state asks to restore the target is up to
    that event's attempts, of which this one knows nothing.
    """
    record = record or Record(None, created=not own.absent)
    record = _held(record, own.version.key, held_until, until)
    if is_accepted(record, refused):
        return record
    key = refused.version.key
    if key in record.pending:  # else nobody is left to report it
        if record.pending[key] != until:
            refusal = replace(refusal, restore=True)
        record = replace(record, refused={**record.refused, key: refusal})
    desired = record.desired
    if desired is None or desired.version == refused.version:
        desired = record.accepted
    record = replace(record, desired=desired)
    return record if own.version == refused.version else join(record, own)


def report(record: Record | None, *, key: str, held_until: float) -> Record | None:
    """Note that the refusal of `key` is on `rejected`, and end its claim. None: no record."""
    if record is not None and key in record.refused:
        refused = {**record.refused, key: replace(record.refused[key], reported=True)}
        record = replace(record, refused=refused)
    return end(record, key=key, held_until=held_until)


def end(record: Record | None, *, key: str, held_until: float) -> Record | None:
    """Take the event out of `pending`, unless another attempt claimed it. None: no record.

    It stays pending as well until a refusal of its state is reported.
    """
    return None if record is None else _ended(record, key, held_until)


def hold(record: Record | None, *, key: str, held_until: float, until: float) -> Record | None:
    """Let this claim last until `until`, unless another attempt has it. None: no record."""
    return None if record is None else _held(record, key, held_until, until)


def extend(record: Record | None, *, key: str, held_until: float, until: float) -> Record | None:
    """Let this claim end at `until`, if it has not ended. None: no record."""
    if record is None or record.pending.get(key) != held_until:
        return record
    return _held(record, key, held_until, until)


def _held(record: Record, key: str, held_until: float, until: float) -> Record:
    if record.pending.get(key, held_until) != held_until:
        return record
    return replace(record, pending={**record.pending, key: until})


def _ended(record: Record, key: str, held_until: float) -> Record:
    refusal = record.refused.get(key)
    unreported = refusal is not None and not refusal.reported
    if unreported or record.pending.get(key) != held_until:
        return record
    return replace(record, pending=_without(record.pending, key))


def _newest(one: State | None, other: State) -> State:
    return other if one is None or other.version > one.version else one


def _prune(record: Record, now: float) -> Record:
    """The record without events that Pub/Sub no longer has."""
    oldest = now - RETENTION_SECONDS
    pending = {key: until for key, until in record.pending.items() if until > oldest}
    recent = sorted(record.refused.items(), key=lambda each: each[1].at)[-MAX_REFUSED:]
    refused = {key: each for key, each in recent if each.at > oldest}
    return replace(record, pending=pending, refused=refused)


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def error_of(refusal: Refusal) -> PermanentError:
    """The error that a refusal stands for."""
    return PermanentError(refusal.detail, owner=refusal.owner, code=refusal.code)


def refusal_of(
    error: PermanentError, now: float, *, reported: bool = False, restore: bool = True
) -> Refusal:
    """The refusal that a `PermanentError` stands for."""
    return Refusal(error.code, str(error)[:_MAX_DETAIL], error.owner, now, reported, restore)
