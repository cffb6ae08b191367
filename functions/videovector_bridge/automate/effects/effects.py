"""Effects that converge: duplicated, reordered and overlapping messages end as one in-order pass.

A handler of an event takes three steps. (1) Claim: make the event pending, and its state the
desired state if it is the newest. (2) Make the target equal to the desired state, which may be a
newer event's. (3) Note what VideoVector accepted. If it is still desired, end the claim; otherwise
repeat step 2. A refused state is noted, reported, and replaced by the newest state that was not
refused. After a crash, the redelivery finds its event pending, and repeats the work. `steps.py` has
the steps.

This depends on two bounds. A request takes effect within the seconds that `Effects` allows for it,
or not at all. And a process does not pause for longer than that between reading the clock and
sending the request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

from videovector_bridge.api.errors import ApiError, UnexpectedResponse
from videovector_bridge.automate.effects import steps
from videovector_bridge.automate.effects.parts import SAVE_SECONDS, PartsRefusedError, Progress
from videovector_bridge.automate.effects.record import (
    MAX_PARTS,
    ClaimHeldError,
    Record,
    Refusal,
    State,
    Version,
)
from videovector_bridge.automate.effects.steps import ClaimHeld
from videovector_bridge.automate.effects.store import STORE_SECONDS, Step, StoredRecord
from videovector_bridge.automate.effects.task import Apply, ApplyResult, Outcome, Report, Task
from videovector_bridge.backends.ports import Documents
from videovector_bridge.errors import PermanentError, TransientError


@dataclass(slots=True)
class _Attempt:
    """One attempt at an event. Its claim ends at `until`, which identifies the attempt.

    `may_differ`: the target may differ from the record, because of this attempt or an earlier one
    at the event. `refusal` is the refusal of the event's own state, once it is reported.
    """

    target: str
    own: State
    stored: StoredRecord
    lasts_seconds: float
    started_at: float = 0.0
    until: float = -1.0
    may_differ: bool = False
    refusal: Refusal | None = None
    progress: Progress | None = None

    @property
    def key(self) -> str:
        return self.own.version.key

    @property
    def must_write(self) -> bool:
        """Whether the target must still be made equal to the desired state."""
        return self.may_differ or self.refusal is None


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Brings targets to their desired state, with the records in a document store.

    `request_seconds` bounds one `apply`, including a request that is still in flight when it is
    interrupted. `late_seconds` bounds how long an abandoned request may still take effect.
    `start_seconds` is the maximum age of a claim when its `apply` starts. `store_seconds` bounds
    one read or write of a record. The parts that are done are saved every `save_seconds`; a record
    has at most `max_parts`. `now` returns Unix time.
    """

    documents: Documents
    _: KW_ONLY
    request_seconds: float
    late_seconds: float
    start_seconds: float
    store_seconds: float = STORE_SECONDS
    save_seconds: float = SAVE_SECONDS
    max_parts: int = MAX_PARTS
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def converge(
        self,
        target: str,
        version: Version,
        desired: Mapping[str, Any],
        apply: Apply,
        *,
        report: Report | None = None,
        lasts_seconds: float = 0.0,
        keep_seconds: float | None = None,
    ) -> Outcome:
        """Bring `target` to the state of the newest event that VideoVector does not refuse.

        `apply` makes the target equal to the state of its task. It may take `lasts_seconds` longer
        than one request. `report` publishes the refusal of this event's state; without `report`
        the refusal is raised. The record is needed for `keep_seconds`. If that is None, other
        events may have the same target, and the record is kept.

        Returns `done_before` if a state at least as new was accepted before. Raises
        `TransientError` if the message must be redelivered, and `ClaimHeldError` while another
        attempt at the event may be running.
        """
        lasts = self.request_seconds + lasts_seconds
        stored = StoredRecord(
            self.documents,
            target,
            keep_seconds=keep_seconds,
            timeout=self.store_seconds,
            sleep=self.sleep,
        )
        attempt = _Attempt(target, State(desired, version), stored, lasts)
        record = self._claim(attempt)
        if attempt.key not in record.pending:
            return "done_before"
        if attempt.key in record.refused:
            # An earlier attempt ended before its report was confirmed.
            attempt.may_differ = record.refused[attempt.key].restore
            record = self._report(attempt, record, report)
        while (state := record.desired) is not None and attempt.must_write:
            try:
                applied = self._apply(attempt, record, state, apply)
            except PermanentError as error:
                attempt.may_differ = attempt.may_differ or _outcome_unknown(error)
                record = self._refuse(attempt, state, error)
                if steps.is_accepted(record, state):
                    self._check_target(attempt, error)
                    break
                if state.version == version and attempt.refusal is None:
                    record = self._report(attempt, record, report)
            else:
                attempt.may_differ = True
                record, settled = self._accept(attempt, state, applied)
                if settled:
                    break
        return self._finish(attempt, report)

    # Each of these steps is one compare-and-set.

    def _claim(self, attempt: _Attempt) -> Record:
        own = attempt.own

        def step(record: Record | None) -> Record:
            if record is not None and record.pending.get(attempt.key) == attempt.until:
                # The claim was stored, and the response was lost. Other attempts ran since.
                return steps.join(record, own)
            self._set_claim(attempt)
            attempt.may_differ = record is not None and attempt.key in record.pending
            claimed = steps.claim(record, own, now=attempt.started_at, until=attempt.until)
            if isinstance(claimed, Record):
                return claimed
            if isinstance(claimed, ClaimHeld):
                raise ClaimHeldError(
                    f"Another attempt at event {own.version.event_id} may be running for up to "
                    f"{claimed.seconds:.0f} s more. The message is redelivered later."
                )
            raise TransientError(
                f"{steps.MAX_PENDING:,} events are pending on {attempt.target}. The message is "
                f"redelivered later."
            )

        return self._write(attempt, step)

    def _accept(
        self, attempt: _Attempt, written: State, applied: ApplyResult | None
    ) -> tuple[Record, bool]:
        """Note an accepted state. Returns the record, and whether the state is the desired one."""
        claimed_until = attempt.until
        self._set_claim(attempt)
        settled = False

        def step(record: Record | None) -> Record:
            nonlocal settled
            settled = steps.is_desired(record, written)
            return steps.accept(
                record,
                key=attempt.key,
                claimed_until=claimed_until,
                written=written,
                until=attempt.until,
                marker_id=applied.marker_id if applied else "",
            )

        record = self._write(attempt, step)
        if not settled:
            self._check_claim(attempt, record)
        return record, settled

    def _refuse(self, attempt: _Attempt, state: State, error: PermanentError) -> Record:
        claimed_until = attempt.until
        self._set_claim(attempt)
        step = partial(
            steps.refuse,
            own=attempt.own,
            claimed_until=claimed_until,
            refused=state,
            refusal=steps.refusal_of(
                error,
                self.now(),
                reported=isinstance(error, PartsRefusedError),
                restore=attempt.may_differ,
            ),
            until=attempt.until,
        )
        record = self._write(attempt, step)
        self._check_claim(attempt, record)
        return record

    def _check_claim(self, attempt: _Attempt, record: Record) -> None:
        """Raise `ClaimHeldError` if another attempt claimed the event: it writes after this one."""
        if record.pending[attempt.key] != attempt.until:
            raise ClaimHeldError(
                f"Another attempt at event {attempt.own.version.event_id} has begun. The message "
                f"is redelivered later."
            )

    def _report(self, attempt: _Attempt, record: Record, report: Report | None) -> Record:
        """Publish the refusal of this event's state. Renew the claim if the target may differ."""
        self._publish(attempt, record, report)
        return self._renew_claim(attempt, record) if attempt.may_differ else record

    def _publish(self, attempt: _Attempt, record: Record, report: Report | None) -> None:
        """Publish the refusal of this event. A crash before the claim ends repeats it."""
        refusal = attempt.refusal = record.refused[attempt.key]
        if report is None or refusal.reported:
            return
        try:
            report(steps.error_of(refusal))
        except TransientError:
            self._extend(attempt, self.now())
            raise

    def _renew_claim(self, attempt: _Attempt, record: Record) -> Record:
        """Renew the claim after a publication, which may have been slow."""
        claimed_until = attempt.until
        self._set_claim(attempt)
        step = partial(
            steps.renew, key=attempt.key, claimed_until=claimed_until, until=attempt.until
        )
        renewed = self._change(attempt, step)
        if renewed is None:  # deleted: the next step creates it
            return record
        self._check_claim(attempt, renewed)
        return renewed

    def _check_target(self, attempt: _Attempt, error: PermanentError) -> None:
        """Raise `TransientError` if the target may have lost the accepted state, now refused.

        Parts of a state replace nothing, so another attempt cannot undo them.
        """
        if attempt.may_differ and not isinstance(error, PartsRefusedError):
            self._extend(attempt, self.now())
            raise TransientError(
                f"{attempt.target} cannot return to a state that VideoVector accepted before. The "
                f"message is redelivered. {error}"
            )

    def _finish(self, attempt: _Attempt, report: Report | None) -> Outcome:
        """End the claim, after the report of a refusal."""
        if attempt.refusal is None:
            step = partial(steps.end, key=attempt.key, claimed_until=attempt.until)
            record = self._change(attempt, step)
            if record is None or attempt.key not in record.refused:
                return "done"
            # A handler of another event applied this event's state, and noted its refusal.
            self._publish(attempt, record, report)
        self._change(attempt, partial(steps.report, key=attempt.key, claimed_until=attempt.until))
        if report is None and attempt.refusal is not None:
            raise steps.error_of(attempt.refusal)
        return "refused"

    def _apply(
        self, attempt: _Attempt, record: Record, state: State, apply: Apply
    ) -> ApplyResult | None:
        """Step 2. After a failure, the claim ends as early as possible."""
        if self.now() - attempt.started_at > self.start_seconds:
            self._extend(attempt, self.now())
            raise TransientError(
                f"The claim of event {attempt.own.version.event_id} took too long. The message is "
                f"redelivered."
            )
        attempt.progress = Progress(
            record.parts,
            save=partial(self._extend, attempt),
            save_seconds=self.save_seconds,
            max_parts=self.max_parts,
        )
        task = Task(state.values, record.created, record.marker_id, attempt.progress)
        try:
            return apply(task)
        except PermanentError:
            raise
        except ApiError as error:
            # A request whose outcome is unknown could take effect after the next attempt's.
            late = self.late_seconds if error.outcome_unknown else 0.0
            self._extend(attempt, self.now() + late)
            raise
        except TransientError:
            # A late write of a message, document or file is harmless: a repeated message has the
            # same id, and the others use compare-and-set.
            self._extend(attempt, self.now())
            raise
        except Exception:
            # A bug: a request may be in flight, so the claim stays. Note the parts that are done.
            self._extend(attempt)
            raise

    def _extend(self, attempt: _Attempt, until: float | None = None) -> None:
        """Let the claim end at `until`, or unchanged if None. Also note the parts that are done."""
        until = attempt.until if until is None else until
        step = partial(steps.extend, key=attempt.key, claimed_until=attempt.until, until=until)
        self._change(attempt, step)

    def _set_claim(self, attempt: _Attempt) -> None:
        attempt.started_at = self.now()
        attempt.until = attempt.started_at + self.start_seconds + attempt.lasts_seconds

    def _write(self, attempt: _Attempt, step: Callable[[Record | None], Record]) -> Record:
        record = self._change(attempt, step)
        assert record is not None  # the step always returns a record
        return record

    def _change(self, attempt: _Attempt, step: Step) -> Record | None:
        """Store the result of a step, with the parts that are done. None if there is no record."""

        def change(record: Record | None) -> Record | None:
            changed = step(record)
            if changed is None or attempt.progress is None:
                return changed
            return attempt.progress.note_in(changed)

        return attempt.stored.change(change)


def _outcome_unknown(error: PermanentError) -> bool:
    """Whether a refused state may have taken effect all the same."""
    return isinstance(error, UnexpectedResponse) or (
        isinstance(error, ApiError) and error.outcome_unknown
    )
