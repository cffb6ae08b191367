"""The property test of effects itself: bugs of the kinds that it is for are found by it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import parts_model
from tests.support.effect_histories import EXAMPLES, check_history
from videovector_bridge.automate.effects import steps
from videovector_bridge.automate.effects.effects import Attempt
from videovector_bridge.automate.effects.parts import Progress
from videovector_bridge.automate.effects.record import Record, Refusal, State


def find(check: Callable[[int], None] = check_history, examples: int = EXAMPLES) -> str:
    """The failure of the first example of a property test that finds the bug."""
    for seed in range(examples):
        try:
            check(seed)
        except AssertionError as broken:
            return str(broken)
    pytest.fail(f"{examples} examples did not find the bug.")


def without_claim(record: Record, key: str) -> Record:
    """The record without a claim of the event."""
    return replace(record, pending={name: at for name, at in record.pending.items() if name != key})


def test_without_a_bug_nothing_is_found() -> None:
    """Without a bug, the examples pass."""
    for seed in range(20):
        check_history(seed)
        parts_model.check_progress(seed)


def test_a_claim_that_ends_before_the_report_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event stops being pending before its refusal is published."""
    honest = Attempt._publish

    def early(self: Attempt, record: Record) -> None:
        self._change(lambda known: known and without_claim(known, self.key))
        honest(self, record)

    monkeypatch.setattr(Attempt, "_publish", early)

    assert "stops being pending without an outcome" in find()


def test_a_refusal_that_leaves_no_desired_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused state leaves no desired state, even if an older one was accepted."""
    honest = steps.refuse

    def nothing(*arguments: Any, **named: Any) -> Record:
        return replace(honest(*arguments, **named), desired=None)

    monkeypatch.setattr(steps, "refuse", nothing)

    find()


def test_an_older_event_that_does_not_wait_for_the_newest_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event counts as done when a newer one is desired, before that is accepted."""
    honest = steps.claim

    def hasty(record: Record | None, own: State, **times: float) -> Any:
        desired = record.desired if record else None
        if record and desired and desired.version > own.version:
            return without_claim(record, own.version.key)
        return honest(record, own, **times)

    monkeypatch.setattr(steps, "claim", hasty)

    assert "without an outcome" in find()


def test_an_acceptance_of_any_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler ends its claim even if another state is desired."""
    monkeypatch.setattr(steps, "is_desired", lambda record, _state: record is not None)

    find()


def test_a_refusal_that_is_never_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that was refused once counts as done when it is published again."""
    honest = steps.claim

    def stubborn(record: Record | None, own: State, **times: float) -> Any:
        key = own.version.key
        if record and key in record.refused and key not in record.pending:
            return record
        return honest(record, own, **times)

    monkeypatch.setattr(steps, "claim", stubborn)

    assert "is acknowledged without an outcome" in find()


def test_a_redelivery_that_does_not_report_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that an earlier attempt noted counts as reported."""
    honest = steps.claim

    def silent(record: Record | None, own: State, **times: float) -> Any:
        claimed = honest(record, own, **times)
        if not isinstance(claimed, Record) or own.version.key not in claimed.refused:
            return claimed
        refusal = replace(claimed.refused[own.version.key], reported=True)
        return replace(claimed, refused={**claimed.refused, own.version.key: refusal})

    monkeypatch.setattr(steps, "claim", silent)

    assert "without an outcome" in find()


def test_a_redelivery_that_only_reports_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused state that took effect stays on the target when its handler died."""
    honest = steps.to_refusal

    def careless(*arguments: Any, **named: Any) -> Refusal:
        return replace(honest(*arguments, **named), restore=False)

    monkeypatch.setattr(steps, "to_refusal", careless)

    assert "its record says" in find()


def test_a_refusal_that_forgets_its_own_event_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a refusal a handler accepts an older desired state instead of its own."""
    honest = steps.join

    def content(record: Record, own: State) -> Record:
        return record if record.desired else honest(record, own)

    honest_refuse = steps.refuse

    def refuse(*arguments: Any, **named: Any) -> Record:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, "join", content)
            return honest_refuse(*arguments, **named)

    monkeypatch.setattr(steps, "refuse", refuse)

    find()


def test_a_deletion_that_forgets_who_may_still_create_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a deletion, `created` is false although a pending attempt may create the target."""
    honest = steps.accept

    def forgetful(*arguments: Any, **named: Any) -> Record:
        record = honest(*arguments, **named)
        return replace(record, created=record.created and not named["written"].absent)

    monkeypatch.setattr(steps, "accept", forgetful)

    find()


def test_progress_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every redelivery starts at the first part."""
    monkeypatch.setattr(Progress, "note_in", lambda _self, record: record)

    find(parts_model.check_progress, parts_model.EXAMPLES)


def test_a_refused_part_that_is_never_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redrive skips the parts that were refused."""
    honest = steps.claim

    def stubborn(record: Record | None, own: State, **times: float) -> Any:
        claimed = honest(record, own, **times)
        if record is None or not isinstance(claimed, Record):
            return claimed
        return replace(claimed, parts=record.parts)

    monkeypatch.setattr(steps, "claim", stubborn)

    find(parts_model.check_progress, parts_model.EXAMPLES)
