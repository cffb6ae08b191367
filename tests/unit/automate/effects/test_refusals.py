"""Refusals of states, step by step: they are noted, reported, replaced, and tried again."""

from typing import Any

import pytest

from tests.support.effects_model import CLAIM_SECONDS, LEFT_SECONDS, START_SECONDS, EffectsModel
from tests.support.stepping import (
    MIDDLE,
    NEW,
    OLD,
    TARGET,
    begin,
    event,
    fail_once,
    finish,
    pending,
    push,
    refuse_once,
    reported,
    until_claimed,
    until_sent,
)
from videovector_bridge.api.errors import Unreachable
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import BackendError, ConflictError


def test_a_refusal_is_reported_and_not_pending(model: EffectsModel) -> None:
    """A refusal is reported once, and the event is no longer pending."""
    refuse_once(model)

    assert push(model, OLD) == "refused"

    assert pending(model) == {}
    assert reported(model) == [OLD.key]


def test_a_refused_event_that_is_published_again_is_applied(model: EffectsModel) -> None:
    """A redriven event is tried again."""
    refuse_once(model)
    push(model, OLD)

    assert push(model, OLD) == "done"

    assert OLD.desired == model.targets[TARGET]
    assert model.records[TARGET][1]["refused"] == {}


def test_an_older_event_is_applied_after_a_refused_newest_one(model: EffectsModel) -> None:
    """An older event that arrives after a refused one is applied."""
    refuse_once(model)
    assert push(model, NEW) == "refused"

    assert push(model, OLD) == "done"

    assert OLD.desired == model.targets[TARGET]


def test_a_refusal_falls_back_to_the_accepted_state(model: EffectsModel) -> None:
    """After a refusal the accepted state is the desired one, and events after it are newer."""
    push(model, OLD)
    refuse_once(model)
    assert push(model, NEW) == "refused"

    assert model.records[TARGET][1]["desired"] == OLD.desired
    assert push(model, MIDDLE) == "done"
    assert MIDDLE.desired == model.targets[TARGET]


def test_an_event_older_than_one_in_flight_is_not_given_up(model: EffectsModel) -> None:
    """While the newest state is not accepted, an older event is tried as well."""
    newest = begin(model, NEW)
    until_claimed(model, newest)
    refuse_once(model)

    assert push(model, OLD) == "done"  # tried the newest state, which was refused, then its own

    assert OLD.desired == model.targets[TARGET]
    assert set(pending(model)) == {NEW.key}


def test_a_report_that_fails_is_repeated_at_redelivery(model: EffectsModel) -> None:
    """A refusal that is not published stays pending. No second request is sent."""
    push(model, OLD)
    refuse_once(model)
    model.reports_fail = True
    with pytest.raises(BackendError):
        push(model, NEW)
    assert set(pending(model)) == {NEW.key}
    calls = model.calls
    model.reports_fail = False

    assert push(model, NEW) == "refused"

    assert reported(model) == [NEW.key]
    assert model.calls == calls
    assert pending(model) == {}


def test_a_report_is_repeated_after_a_crash(model: EffectsModel) -> None:
    """A handler that dies between the refusal and its report leaves the event pending."""
    refuse_once(model)
    dead = begin(model, OLD)
    until_claimed(model, dead)
    until_claimed(model, dead)  # the refusal is stored
    model.move(dead, kill=True)
    assert reported(model) == []
    model.pass_time(CLAIM_SECONDS)

    assert push(model, OLD) == "refused"

    assert reported(model) == [OLD.key]


def test_an_older_event_does_not_report_a_newer_ones_refusal(model: EffectsModel) -> None:
    """A refusal of a newer event's state belongs to that event."""
    older = begin(model, OLD)
    until_sent(model, older)
    until_claimed(model, begin(model, NEW))
    refuse_once(model)

    assert finish(model, older)

    assert {NEW.key} == set(pending(model))


def test_the_newest_of_those_in_flight_replaces_a_refused_state(model: EffectsModel) -> None:
    """If the newest event is refused, the newer one of two older events wins."""
    until_claimed(model, begin(model, event(3, "new", "refused")))
    old, middle = begin(model, OLD), begin(model, MIDDLE)
    until_claimed(model, old)
    until_claimed(model, middle)

    assert finish(model, old)
    assert OLD.desired == model.targets[TARGET]
    assert finish(model, middle)

    assert MIDDLE.desired == model.targets[TARGET]


def test_a_recognized_claim_applies_its_state(model: EffectsModel) -> None:
    """The newest state may be refused while a handler detects that its claim was stored."""
    newest = begin(model, event(3, "new", "refused"))
    until_claimed(model, newest)

    def lose_response(*arguments: Any, **named: Any) -> Document:
        model.write_instead = None
        model.write(*arguments, **named)
        finish(model, newest)
        raise ConflictError("our own")

    model.write_instead = lose_response

    assert push(model, OLD) == "done"

    assert OLD.desired == model.targets[TARGET]


def test_a_refused_state_that_took_effect_is_replaced(model: EffectsModel) -> None:
    """After an invalid response the accepted state is written again."""
    push(model, OLD)

    assert push(model, event(3, "new", "garbled")) == "refused"

    assert OLD.desired == model.targets[TARGET]


def test_a_redelivery_that_reports_restores_the_target_as_well(model: EffectsModel) -> None:
    """After a crash with a refused state in effect, the redelivery repairs the target."""
    push(model, OLD)
    new = event(3, "new", "garbled")
    dead = begin(model, new)
    until_claimed(model, dead)
    until_claimed(model, dead)  # the refusal is stored
    model.move(dead, kill=True)
    assert new.desired == model.targets[TARGET]
    model.pass_time(CLAIM_SECONDS)

    assert push(model, new) == "refused"

    assert OLD.desired == model.targets[TARGET]
    assert reported(model) == [new.key]
    assert pending(model) == {}


def test_a_refusal_after_another_events_state_took_effect_restores_the_target(
    model: EffectsModel,
) -> None:
    """A state that a handler wrote for another event is replaced after a refusal."""
    push(model, OLD)
    until_claimed(model, begin(model, event(3, "new", "garbled")))

    assert push(model, event(2, "middle", "refused")) == "refused"

    assert OLD.desired == model.targets[TARGET]


def test_a_slow_report_does_not_cost_the_claim(model: EffectsModel) -> None:
    """Publishing to `rejected` may take longer than the maximum age of a claim."""
    push(model, OLD)
    model.report_seconds = START_SECONDS + 1

    assert push(model, event(3, "new", "garbled")) == "refused"

    assert OLD.desired == model.targets[TARGET]


def test_a_refusal_is_reported_before_the_target_is_restored(model: EffectsModel) -> None:
    """VideoVector may be unreachable: the report does not wait for it."""
    push(model, OLD)
    new = event(3, "new", "garbled")
    handler = begin(model, new)
    until_sent(model, handler)
    fail_once(model, Unreachable("no response"))

    assert not finish(model, handler)

    assert reported(model) == [new.key]
    assert set(pending(model)) == {new.key}


def test_a_state_may_be_accepted_after_all_by_another_attempt(model: EffectsModel) -> None:
    """A refusal that another handler's success replaced needs no report."""
    push(model, OLD)
    fail_once(model, Unreachable("no response", outcome_unknown=True))
    with pytest.raises(Unreachable):
        push(model, NEW)
    model.pass_time(LEFT_SECONDS)
    middle = begin(model, MIDDLE)
    until_claimed(model, middle)  # with the newest state in hand
    newest = begin(model, NEW)
    until_claimed(model, newest)
    refuse_once(model)
    until_claimed(model, newest)  # the refusal is stored
    assert finish(model, middle)

    assert finish(model, newest)

    assert NEW.desired == model.targets[TARGET]
    assert model.records[TARGET][1]["refused"] == {}
    assert pending(model) == {}


def test_a_refusal_that_another_attempt_noted_is_reported(model: EffectsModel) -> None:
    """A handler whose state another one had refused reports it, and then acknowledges."""
    middle = event(2, "middle", "refused")
    fail_once(model, Unreachable("no response"))
    with pytest.raises(Unreachable):
        push(model, middle)
    older = begin(model, OLD)
    until_claimed(model, older)  # with the middle state in hand
    until_claimed(model, begin(model, NEW))
    second = begin(model, middle)
    until_claimed(model, second)  # with the newest state in hand
    until_sent(model, older)
    until_claimed(model, older)  # the refusal is stored

    assert finish(model, second)

    assert reported(model) == [middle.key]
    assert NEW.desired == model.targets[TARGET]


def test_an_accepted_state_that_cannot_be_restored_is_tried_again(model: EffectsModel) -> None:
    """If the accepted state of an overwritten target is refused, it is tried again."""
    older = begin(model, OLD)
    until_claimed(model, older)
    push(model, NEW)
    until_sent(model, older)  # on top of the newer state
    refuse_once(model)

    assert not finish(model, older)
    assert set(pending(model)) == {OLD.key}

    assert push(model, OLD) == "done"
    assert NEW.desired == model.targets[TARGET]


def test_an_accepted_state_that_is_refused_where_it_already_is_changes_nothing(
    model: EffectsModel,
) -> None:
    """If the handler wrote no other state, the accepted state is still in place."""
    newest = begin(model, NEW)
    until_claimed(model, newest)
    older = begin(model, OLD)
    until_claimed(model, older)
    assert finish(model, newest)
    refuse_once(model)

    assert finish(model, older)

    assert reported(model) == []
    assert NEW.desired == model.targets[TARGET]
