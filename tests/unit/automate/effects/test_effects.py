"""Each hazard that effects guard against, step by step: overlap, late requests, crashes."""

from random import Random
from typing import Any

import pytest

from tests.support.effects_model import (
    CLAIM_SECONDS,
    LEFT_SECONDS,
    START_SECONDS,
    EffectsModel,
    Odds,
)
from tests.support.promises import Event
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
    until_claimed,
    until_sent,
)
from videovector_bridge.api.errors import ServerTrouble, Unreachable
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import BackendError, ConflictError, TransientError


def test_the_first_event_is_applied_and_forgotten(model: EffectsModel) -> None:
    """One event sets the target, and leaves nothing pending."""
    assert push(model, OLD) == "done"

    assert OLD.desired == model.targets[TARGET]
    assert pending(model) == {}


@pytest.mark.parametrize("late", [OLD, NEW], ids=["an older one", "the same again"])
def test_an_event_that_is_done_costs_one_read(model: EffectsModel, late: Event) -> None:
    """For an applied event, or an older one, nothing is written or sent."""
    push(model, NEW)
    before = (model.calls, model.writes)

    assert push(model, late) == "done_before"

    assert before == (model.calls, model.writes)
    assert NEW.desired == model.targets[TARGET]


def test_events_of_equal_time_are_ordered_by_id(model: EffectsModel) -> None:
    """Of two events of the same time, the one with the later id is newest, in either order."""
    low, high = event(1, "a"), event(1, "b")
    for order in ([low, high], [high, low]):
        fresh = EffectsModel(Random(1), Odds())
        for one in order:
            push(fresh, one)

        assert high.desired == fresh.targets[TARGET]


def test_an_overlapping_older_write_is_repaired_by_its_own_handler(model: EffectsModel) -> None:
    """A request that overwrites a newer one is followed by the newer state."""
    older = begin(model, OLD)
    until_claimed(model, older)
    assert push(model, NEW) == "done"

    assert finish(model, older)

    assert NEW.desired == model.targets[TARGET]
    assert pending(model) == {}


def test_a_second_delivery_waits_for_the_first(model: EffectsModel) -> None:
    """While an attempt may be running, another at the same event sends nothing."""
    until_sent(model, begin(model, OLD))

    with pytest.raises(TransientError, match="may be running"):
        push(model, OLD)

    assert model.calls == 1


def test_a_redelivery_repairs_a_crash_after_the_request(model: EffectsModel) -> None:
    """The event of a handler that died stays pending, and its redelivery writes again."""
    dead = begin(model, OLD)
    until_sent(model, dead)
    model.move(dead, kill=True)
    model.pass_time(CLAIM_SECONDS)

    assert push(model, OLD) == "done"

    assert pending(model) == {}
    assert model.calls == 2


def test_a_refused_attempt_may_be_repeated_at_once(model: EffectsModel) -> None:
    """After a 503 no request is in flight, so the redelivery need not wait."""
    fail_once(model, ServerTrouble("later", status=503))
    with pytest.raises(ServerTrouble):
        push(model, OLD)

    assert push(model, OLD) == "done"


def test_a_request_of_unknown_outcome_is_not_repeated_while_it_may_take_effect(
    model: EffectsModel,
) -> None:
    """While a request may take effect, its event is not tried again."""
    fail_once(model, Unreachable("no response", outcome_unknown=True), lands_in=LEFT_SECONDS - 1)
    with pytest.raises(Unreachable):
        push(model, OLD)
    push(model, NEW)
    with pytest.raises(TransientError, match="may be running"):
        push(model, OLD)

    model.pass_time(LEFT_SECONDS)
    assert OLD.desired == model.targets[TARGET]  # it landed on top of the newer
    assert push(model, OLD) == "done"

    assert NEW.desired == model.targets[TARGET]
    assert pending(model) == {}


def test_a_handler_whose_claim_is_too_old_sends_nothing(model: EffectsModel) -> None:
    """A claim that is too old is ended before the request is sent."""
    sleeper = begin(model, OLD)
    until_claimed(model, sleeper)
    model.pass_time(START_SECONDS + 1)

    assert not finish(model, sleeper)

    assert model.calls == 0
    assert push(model, OLD) == "done"


def test_a_delayed_handler_repairs_what_it_overwrote(model: EffectsModel) -> None:
    """A delayed handler whose event another one finished writes the newest state again."""
    zombie = begin(model, OLD)
    until_claimed(model, zombie)
    model.put_instead = lambda *_: model.step()
    model.move(zombie)  # its request is delayed
    model.put_instead = None
    push(model, NEW)
    model.pass_time(CLAIM_SECONDS)
    assert push(model, OLD) == "done"
    assert pending(model) == {}
    model.targets[TARGET] = OLD.desired  # now the zombie's lands

    assert finish(model, zombie)

    assert NEW.desired == model.targets[TARGET]
    assert pending(model) == {}


def test_a_delayed_handler_that_crashes_in_a_repair_stays_pending(model: EffectsModel) -> None:
    """A delayed handler makes its event pending before the repair, in case it crashes."""
    zombie = begin(model, OLD)
    until_claimed(model, zombie)
    push(model, NEW)
    until_sent(model, zombie)  # the older state is written over the newer
    assert OLD.desired == model.targets[TARGET]
    writes = model.writes
    while model.writes == writes:
        model.move(zombie)
    model.move(zombie, kill=True)

    assert {OLD.key} == set(pending(model))
    model.pass_time(CLAIM_SECONDS)
    assert push(model, OLD) == "done"
    assert NEW.desired == model.targets[TARGET]


def test_each_write_renews_the_claim(model: EffectsModel) -> None:
    """A handler that writes again renews its claim for the full time."""
    handler = begin(model, OLD)
    until_claimed(model, handler)
    first = pending(model)[OLD.key]
    push(model, NEW)
    model.pass_time(START_SECONDS - 1)
    until_sent(model, handler)
    until_sent(model, handler)  # the second round: the newer state

    assert pending(model)[OLD.key] > first


def test_an_attempt_ends_no_other_attempts_claim(model: EffectsModel) -> None:
    """A delayed handler does not change the claim of a later attempt."""
    late = begin(model, OLD)
    until_sent(model, late)
    model.pass_time(CLAIM_SECONDS)
    second = begin(model, OLD)
    until_sent(model, second)
    claimed = pending(model)

    assert finish(model, late)

    assert claimed == pending(model)
    assert finish(model, second)
    assert pending(model) == {}


def test_a_failed_attempt_frees_no_other_attempts_claim(model: EffectsModel) -> None:
    """A delayed handler with a refusal does not end a later attempt's claim."""
    late = begin(model, OLD)
    until_claimed(model, late)
    fail_once(model, ServerTrouble("later", status=503))
    failing, writes = model.calls, model.writes
    while model.calls == failing:
        model.move(late)  # refused, and about to say so in the record
    model.pass_time(CLAIM_SECONDS)
    until_sent(model, begin(model, OLD))
    claimed = pending(model)

    assert not finish(model, late)

    assert claimed == pending(model)
    assert model.writes == writes + 1


def test_a_claim_whose_response_was_lost_is_recognized(model: EffectsModel) -> None:
    """A store that repeats a successful write reports a conflict with that write."""

    def write_twice(*arguments: Any, **named: Any) -> Document:
        model.write_instead = None
        model.write(*arguments, **named)
        raise ConflictError("our own")

    model.write_instead = write_twice

    assert push(model, OLD) == "done"
    assert pending(model) == {}


def test_a_record_that_is_deleted_between_two_steps_is_made_again(model: EffectsModel) -> None:
    """A person may delete a record while its event is handled."""
    handler = begin(model, OLD)
    until_sent(model, handler)
    del model.records[TARGET]

    assert finish(model, handler)

    assert OLD.desired == model.targets[TARGET]
    assert model.records[TARGET][1]["desired"] == OLD.desired
    assert pending(model) == {}


def test_a_store_that_is_down_is_transient(model: EffectsModel) -> None:
    """Without the record no request is sent."""
    model.odds = Odds(store=1.0)

    with pytest.raises(BackendError):
        push(model, OLD)

    assert model.calls == 0


def test_a_record_under_contention_gives_up_in_the_end(model: EffectsModel) -> None:
    """Endless conflicts end in a redelivery, not in an endless loop."""

    def conflict(*_: Any, **__: Any) -> Document:
        raise ConflictError("another writer")

    model.write_instead = conflict

    with pytest.raises(BackendError, match="20 times"):
        push(model, OLD)


def test_an_event_between_two_known_ones_sends_nothing(model: EffectsModel) -> None:
    """An event between two known ones needs no request."""
    until_claimed(model, begin(model, OLD))
    push(model, NEW)

    assert push(model, MIDDLE) == "done_before"
    assert model.calls == 1


def test_an_attempt_leaves_a_later_attempts_claim_while_it_repairs(model: EffectsModel) -> None:
    """A delayed attempt must not end the claim of one that may still write."""
    first = begin(model, OLD)
    until_sent(model, first)
    model.pass_time(CLAIM_SECONDS)
    second = begin(model, OLD)
    until_claimed(model, second)  # with the old state in hand
    push(model, NEW)

    finish(model, first)
    until_sent(model, second)  # on top of the newer state
    model.move(second, kill=True)
    model.pass_time(CLAIM_SECONDS)

    assert push(model, OLD) == "done"
    assert NEW.desired == model.targets[TARGET]
