"""Refusals of states, step by step: they are noted, reported, replaced, and tried again."""

from typing import Any

import pytest

from tests.support.converging import CLAIM_SECONDS, LEFT_SECONDS, START_SECONDS, World
from tests.support.stepping import (
    MIDDLE,
    NEW,
    OLD,
    TARGET,
    begin,
    event,
    fail_once,
    fail_reports,
    finish,
    pending,
    push,
    refuse_once,
    reported,
    until_claimed,
    until_sent,
)
from videovector_bridge.api.errors import Unreachable
from videovector_bridge.errors import BackendError, ConflictError


def test_a_refusal_is_reported_and_not_pending(world: World) -> None:
    """What VideoVector refuses is reported once, and the event no longer pending."""
    refuse_once(world)

    assert push(world, OLD) == "refused"

    assert pending(world) == {}
    assert reported(world) == [OLD.key]


def test_a_refused_event_that_is_published_again_is_applied(world: World) -> None:
    """A redriven event is tried again, for what refused it may be corrected."""
    refuse_once(world)
    push(world, OLD)

    assert push(world, OLD) == "done"

    assert OLD.desired == world.targets[TARGET]
    assert world.records[TARGET][1]["refused"] == {}


def test_an_older_event_is_applied_after_a_refused_newest_one(world: World) -> None:
    """A refused event hides no other: an older one that arrives later is applied."""
    refuse_once(world)
    assert push(world, NEW) == "refused"

    assert push(world, OLD) == "done"

    assert OLD.desired == world.targets[TARGET]


def test_a_refusal_falls_back_to_the_accepted_state(world: World) -> None:
    """After a refusal the accepted state is the desired one, and events after it are newer."""
    push(world, OLD)
    refuse_once(world)
    assert push(world, NEW) == "refused"

    assert world.records[TARGET][1]["desired"] == OLD.desired
    assert push(world, MIDDLE) == "done"
    assert MIDDLE.desired == world.targets[TARGET]


def test_an_event_older_than_one_in_flight_is_not_given_up(world: World) -> None:
    """Until the newest state is accepted, an older event takes part: the newest may be refused."""
    newest = begin(world, NEW)
    until_claimed(world, newest)
    refuse_once(world)

    assert push(world, OLD) == "done"  # tried the newest state, which was refused, then its own

    assert OLD.desired == world.targets[TARGET]
    assert set(pending(world)) == {NEW.key}


def test_a_report_that_fails_is_made_good_at_redelivery(world: World) -> None:
    """A refusal that could not be published stays pending; VideoVector is not asked again."""
    push(world, OLD)
    refuse_once(world)
    correct = fail_reports(world)
    with pytest.raises(BackendError):
        push(world, NEW)
    assert set(pending(world)) == {NEW.key}
    calls = world.calls
    correct()

    assert push(world, NEW) == "refused"

    assert reported(world) == [NEW.key]
    assert world.calls == calls
    assert pending(world) == {}


def test_a_crash_before_the_report_is_made_good_at_redelivery(world: World) -> None:
    """A handler that dies between the refusal and its report leaves the event pending."""
    refuse_once(world)
    dead = begin(world, OLD)
    until_claimed(world, dead)
    until_claimed(world, dead)  # the refusal is stored
    world.move(dead, kill=True)
    assert reported(world) == []
    world.pass_time(CLAIM_SECONDS)

    assert push(world, OLD) == "refused"

    assert reported(world) == [OLD.key]


def test_an_older_event_is_not_blamed_for_a_newer_ones_refusal(world: World) -> None:
    """A handler that writes a newer event's state leaves its refusal to that event."""
    older = begin(world, OLD)
    until_sent(world, older)
    until_claimed(world, begin(world, NEW))
    refuse_once(world)

    assert finish(world, older)

    assert {NEW.key} == set(pending(world))


def test_the_newest_of_those_in_flight_replaces_a_refused_state(world: World) -> None:
    """Of two older events that find the newest one refused, the newer one's state is written."""
    until_claimed(world, begin(world, event(3, "new", "refused")))
    old, middle = begin(world, OLD), begin(world, MIDDLE)
    until_claimed(world, old)
    until_claimed(world, middle)

    assert finish(world, old)
    assert OLD.desired == world.targets[TARGET]
    assert finish(world, middle)

    assert MIDDLE.desired == world.targets[TARGET]


def test_a_claim_that_was_known_again_takes_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest state may be refused while a handler finds out that its own claim was written."""
    newest = begin(world, event(3, "new", "refused"))
    until_claimed(world, newest)
    write = world.write

    def lost(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(world, "write", write)
        write(*arguments, **named)
        finish(world, newest)
        raise ConflictError("our own")

    monkeypatch.setattr(world, "write", lost)

    assert push(world, OLD) == "done"

    assert OLD.desired == world.targets[TARGET]


def test_a_refused_state_that_took_effect_is_replaced(world: World) -> None:
    """After an answer that cannot be understood the accepted state is written again."""
    push(world, OLD)

    assert push(world, event(3, "new", "garbled")) == "refused"

    assert OLD.desired == world.targets[TARGET]


def test_a_redelivery_that_reports_restores_the_target_as_well(world: World) -> None:
    """A handler may die when a refused state took effect: its redelivery repairs the target."""
    push(world, OLD)
    new = event(3, "new", "garbled")
    dead = begin(world, new)
    until_claimed(world, dead)
    until_claimed(world, dead)  # the refusal is stored
    world.move(dead, kill=True)
    assert new.desired == world.targets[TARGET]
    world.pass_time(CLAIM_SECONDS)

    assert push(world, new) == "refused"

    assert OLD.desired == world.targets[TARGET]
    assert reported(world) == [new.key]
    assert pending(world) == {}


def test_a_refusal_after_another_events_state_took_effect_restores_the_target(
    world: World,
) -> None:
    """What a handler wrote for another event is replaced, though its own state was refused."""
    push(world, OLD)
    until_claimed(world, begin(world, event(3, "new", "garbled")))

    assert push(world, event(2, "middle", "refused")) == "refused"

    assert OLD.desired == world.targets[TARGET]


def test_a_slow_report_does_not_cost_the_claim(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing to `rejected` may take longer than a claim may be old when a request is sent."""
    push(world, OLD)
    monkeypatch.setattr(world, "report", lambda _event: world.pass_time(START_SECONDS + 1))
    monkeypatch.setattr(world.ledger, "check_write", lambda *_: None)
    monkeypatch.setattr(world.ledger, "check_acknowledgement", lambda *_: None)

    assert push(world, event(3, "new", "garbled")) == "refused"

    assert OLD.desired == world.targets[TARGET]


def test_a_refusal_is_reported_before_the_target_is_restored(world: World) -> None:
    """VideoVector may be out of reach for long: the report does not wait for it."""
    push(world, OLD)
    new = event(3, "new", "garbled")
    handler = begin(world, new)
    until_sent(world, handler)
    fail_once(world, Unreachable("no answer"))

    assert not finish(world, handler)

    assert reported(world) == [new.key]
    assert set(pending(world)) == {new.key}


def test_a_state_may_be_accepted_after_all_by_another_attempt(world: World) -> None:
    """A refusal that another handler's success replaced needs no report, and is no bug."""
    push(world, OLD)
    fail_once(world, Unreachable("no answer", outcome_unknown=True))
    with pytest.raises(Unreachable):
        push(world, NEW)
    world.pass_time(LEFT_SECONDS)
    middle = begin(world, MIDDLE)
    until_claimed(world, middle)  # with the newest state in hand
    newest = begin(world, NEW)
    until_claimed(world, newest)
    refuse_once(world)
    until_claimed(world, newest)  # the refusal is stored
    assert finish(world, middle)

    assert finish(world, newest)

    assert NEW.desired == world.targets[TARGET]
    assert world.records[TARGET][1]["refused"] == {}
    assert pending(world) == {}


def test_a_refusal_that_another_attempt_noted_is_reported(world: World) -> None:
    """A handler whose own state was refused elsewhere reports it, and acknowledges then."""
    middle = event(2, "middle", "refused")
    fail_once(world, Unreachable("no answer"))
    with pytest.raises(Unreachable):
        push(world, middle)
    older = begin(world, OLD)
    until_claimed(world, older)  # with the middle state in hand
    until_claimed(world, begin(world, NEW))
    second = begin(world, middle)
    until_claimed(world, second)  # with the newest state in hand
    until_sent(world, older)
    until_claimed(world, older)  # the refusal is stored

    assert finish(world, second)

    assert reported(world) == [middle.key]
    assert NEW.desired == world.targets[TARGET]


def test_an_accepted_state_that_cannot_be_restored_is_tried_again(world: World) -> None:
    """A target that was overwritten is not given up when its accepted state is refused now."""
    older = begin(world, OLD)
    until_claimed(world, older)
    push(world, NEW)
    until_sent(world, older)  # on top of the newer state
    refuse_once(world)

    assert not finish(world, older)
    assert set(pending(world)) == {OLD.key}

    assert push(world, OLD) == "done"
    assert NEW.desired == world.targets[TARGET]


def test_an_accepted_state_that_is_refused_where_it_already_is_changes_nothing(
    world: World,
) -> None:
    """A handler that wrote nothing else leaves the accepted state, which another one wrote."""
    newest = begin(world, NEW)
    until_claimed(world, newest)
    older = begin(world, OLD)
    until_claimed(world, older)
    assert finish(world, newest)
    refuse_once(world)

    assert finish(world, older)

    assert reported(world) == []
    assert NEW.desired == world.targets[TARGET]
