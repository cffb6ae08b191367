"""Bring targets to their desired state, for any order and number of deliveries.

Duplicated, reordered and concurrent messages lead to the same state as one pass in order. A handler
of an event takes three steps. (1) Claim: make the event pending, and its state the desired state if
it is the newest. (2) Make the target equal to the desired state, which may be a newer event's. (3)
Record that VideoVector accepted it. If it is still desired, end the claim; otherwise repeat step 2.
A refused state is recorded, reported, and replaced by the newest state that was not refused. After
a crash, the redelivery finds its event pending, and repeats the work. `steps.py` has the steps.

This depends on two bounds. A request takes effect within the seconds that `Effects` allows for it,
or not at all. And a process does not pause for longer than that between reading the clock and
sending the request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
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
from videovector_bridge.automate.effects.turns import Turns
from videovector_bridge.backends.ports import Documents
from videovector_bridge.errors import PermanentError, TransientError


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Brings targets to their desired state, with the records in a document store.

    `request_seconds` bounds one `apply`, including a request that is still in flight when it is
    interrupted. `late_seconds` bounds how long an abandoned request may still take effect.
    `start_seconds` is the maximum age of a claim when its `apply` starts. `store_seconds` bounds
    one read or write of a record. The parts that are done are saved every `save_seconds`; a record
    has at most `max_parts`. An attempt waits up to `turn_seconds` for others of this process at the
    same target. `now` returns Unix time.
    """

    documents: Documents
    _: KW_ONLY
    request_seconds: float
    late_seconds: float
    start_seconds: float
    store_seconds: float = STORE_SECONDS
    save_seconds: float = SAVE_SECONDS
    max_parts: int = MAX_PARTS
    turn_seconds: float = 0.0
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    turns: Turns = field(default_factory=Turns)

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
        stored = StoredRecord(
            self.documents,
            target,
            keep_seconds=keep_seconds,
            timeout=self.store_seconds,
            sleep=self.sleep,
        )
        lasts = self.request_seconds + lasts_seconds
        attempt = Attempt(self, target, State(desired, version), apply, report, stored, lasts)
        with self.turns.taken(target, self.turn_seconds):
            return attempt.run()


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt at an event. Its claim ends at `until`, which identifies the attempt.

    `own` is the state of the event, and `refusal` the refusal of that state, once it is reported.
    `may_differ`: the target may differ from the record, because of this attempt or an earlier one
    at the event.
    """

    effects: Effects
    target: str
    own: State
    apply: Apply
    report: Report | None
    stored: StoredRecord
    lasts_seconds: float
    started_at: float = 0.0
    until: float = -1.0
    may_differ: bool = False
    refusal: Refusal | None = None
    progress: Progress | None = None

    @property
    def key(self) -> str:
        """The key of the event in the record."""
        return self.own.version.key

    def run(self) -> Outcome:
        """Take the steps until the target has the desired state. See `Effects.converge`."""
        record = self._claim()
        if self.key not in record.pending:
            return "done_before"
        if self.key in record.refused:
            # An earlier attempt ended before its report was confirmed.
            self.may_differ = record.refused[self.key].restore
            record = self._report(record)
        while (state := record.desired) is not None and (self.may_differ or self.refusal is None):
            try:
                applied = self._apply(record, state)
            except PermanentError as error:
                self.may_differ = self.may_differ or _outcome_unknown(error)
                record = self._refuse(state, error)
                if steps.is_accepted(record, state):
                    self._check_target(error)
                    break
                if state.version == self.own.version and self.refusal is None:
                    record = self._report(record)
            else:
                self.may_differ = True
                record, settled = self._accept(state, applied)
                if settled:
                    break
        return self._finish()

    # Each of the next three steps is one compare-and-set.

    def _claim(self) -> Record:
        def step(record: Record | None) -> Record:
            if record is not None and record.pending.get(self.key) == self.until:
                # The claim was stored, and the response was lost. Other attempts ran since.
                return steps.join(record, self.own)
            self._start_claim()
            self.may_differ = record is not None and self.key in record.pending
            claimed = steps.claim(record, self.own, now=self.started_at, until=self.until)
            if isinstance(claimed, Record):
                return claimed
            if isinstance(claimed, ClaimHeld):
                raise ClaimHeldError(
                    f"Another attempt at event {self.own.version.event_id} may be running for up "
                    f"to {claimed.seconds:.0f} s more. The message is redelivered later."
                )
            raise TransientError(
                f"{steps.MAX_PENDING:,} events are pending on {self.target}. The message is "
                f"redelivered later."
            )

        return self._write(step)

    def _accept(self, written: State, applied: ApplyResult | None) -> tuple[Record, bool]:
        """Record an accepted state. Returns the record, and whether the state is still desired."""
        claimed_until = self._start_claim()
        settled = False

        def step(record: Record | None) -> Record:
            nonlocal settled
            settled = steps.is_desired(record, written)
            return steps.accept(
                record,
                key=self.key,
                claimed_until=claimed_until,
                written=written,
                until=self.until,
                marker_id=applied.marker_id if applied else "",
            )

        record = self._write(step)
        if not settled:
            self._check_claim(record)
        return record, settled

    def _refuse(self, state: State, error: PermanentError) -> Record:
        claimed_until = self._start_claim()
        refusal = steps.to_refusal(
            error,
            self.effects.now(),
            reported=isinstance(error, PartsRefusedError),
            restore=self.may_differ,
        )
        step = partial(
            steps.refuse,
            own=self.own,
            claimed_until=claimed_until,
            refused=state,
            refusal=refusal,
            until=self.until,
        )
        record = self._write(step)
        self._check_claim(record)
        return record

    def _check_claim(self, record: Record) -> None:
        """Raise `ClaimHeldError` if another attempt claimed the event: it writes after this one."""
        if record.pending[self.key] != self.until:
            raise ClaimHeldError(
                f"Another attempt at event {self.own.version.event_id} has begun. The message is "
                f"redelivered later."
            )

    def _report(self, record: Record) -> Record:
        """Publish the refusal of this event's state. Renew the claim if the target may differ."""
        self._publish(record)
        if not self.may_differ:
            return record
        # The publication may have been slow.
        claimed_until = self._start_claim()
        step = partial(steps.renew, key=self.key, claimed_until=claimed_until, until=self.until)
        renewed = self._change(step)
        if renewed is None:  # deleted: the next step creates it
            return record
        self._check_claim(renewed)
        return renewed

    def _publish(self, record: Record) -> None:
        """Publish the refusal of this event. A crash before the claim ends repeats it."""
        refusal = self.refusal = record.refused[self.key]
        if self.report is None or refusal.reported:
            return
        try:
            self.report(steps.to_error(refusal))
        except TransientError:
            self._end_claim_at(self.effects.now())
            raise

    def _check_target(self, error: PermanentError) -> None:
        """Raise `TransientError` if the target may have lost the accepted state, now refused.

        Parts of a state replace nothing, so another attempt cannot undo them.
        """
        if self.may_differ and not isinstance(error, PartsRefusedError):
            self._end_claim_at(self.effects.now())
            raise TransientError(
                f"{self.target} cannot return to a state that VideoVector accepted before. The "
                f"message is redelivered. {error}"
            )

    def _finish(self) -> Outcome:
        """End the claim, after the report of a refusal."""
        if self.refusal is None:
            record = self._change(partial(steps.end, key=self.key, claimed_until=self.until))
            if record is None or self.key not in record.refused:
                return "done"
            # A handler of another event applied this event's state, and recorded its refusal.
            self._publish(record)
        self._change(partial(steps.report, key=self.key, claimed_until=self.until))
        if self.report is None and self.refusal is not None:
            raise steps.to_error(self.refusal)
        return "refused"

    def _apply(self, record: Record, state: State) -> ApplyResult | None:
        """Make the target equal to a state. After a failure, end the claim as early as possible."""
        effects = self.effects
        if effects.now() - self.started_at > effects.start_seconds:
            self._end_claim_at(effects.now())
            raise TransientError(
                f"The claim of event {self.own.version.event_id} took too long. The message is "
                f"redelivered."
            )
        self.progress = Progress(
            record.parts,
            save=lambda: self._end_claim_at(self.until),
            save_seconds=effects.save_seconds,
            max_parts=effects.max_parts,
        )
        task = Task(state.values, record.created, record.marker_id, self.progress)
        try:
            return self.apply(task)
        except PermanentError:
            raise
        except ApiError as error:
            # A request whose outcome is unknown could take effect after the next attempt's.
            late = effects.late_seconds if error.outcome_unknown else 0.0
            self._end_claim_at(effects.now() + late)
            raise
        except TransientError:
            # A late write of a message, document or file is harmless: a repeated message has the
            # same id, and the others use compare-and-set.
            self._end_claim_at(effects.now())
            raise
        except Exception:
            # A bug: a request may be in flight, so the claim stays. Save the parts that are done.
            self._end_claim_at(self.until)
            raise

    def _start_claim(self) -> float:
        """Set the times of a new claim. Returns the end of the claim before it."""
        claimed_until = self.until
        self.started_at = self.effects.now()
        self.until = self.started_at + self.effects.start_seconds + self.lasts_seconds
        return claimed_until

    def _end_claim_at(self, until: float) -> None:
        """Store another end of the claim, with the parts that are done."""
        self._change(partial(steps.extend, key=self.key, claimed_until=self.until, until=until))

    def _write(self, step: Callable[[Record | None], Record]) -> Record:
        record = self._change(step)
        assert record is not None  # the step always returns a record
        return record

    def _change(self, step: Step) -> Record | None:
        """Store the result of a step, with the parts that are done. None if there is no record."""

        def change(record: Record | None) -> Record | None:
            changed = step(record)
            if changed is None or self.progress is None:
                return changed
            return self.progress.note_in(changed)

        return self.stored.change(change)


def _outcome_unknown(error: PermanentError) -> bool:
    """Whether a refused state may have taken effect all the same."""
    return isinstance(error, UnexpectedResponse) or (
        isinstance(error, ApiError) and error.outcome_unknown
    )
