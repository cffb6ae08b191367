"""Each hazard that effects guard against, step by step: overlap, late requests, crashes."""

from random import Random
from typing import Any

import pytest

from tests.support.converging import (
    CLAIM_SECONDS,
    LEFT_SECONDS,
    START_SECONDS,
    Odds,
    World,
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
from videovector_bridge.errors import BackendError, ConflictError, TransientError


def test_the_first_event_is_applied_and_forgotten(world: World) -> None:
    """One event makes the target as it wants, and leaves nothing pending."""
    assert push(world, OLD) == "done"

    assert OLD.desired == world.targets[TARGET]
    assert pending(world) == {}


@pytest.mark.parametrize("late", [OLD, NEW], ids=["an older one", "the same again"])
def test_what_is_done_costs_one_reading(world: World, late: Event) -> None:
    """An event that was applied, or is older than one that was, writes and asks nothing."""
    push(world, NEW)
    before = (world.calls, world.writes)

    assert push(world, late) == "done_before"

    assert before == (world.calls, world.writes)
    assert NEW.desired == world.targets[TARGET]


def test_equal_times_are_told_apart_by_id(world: World) -> None:
    """Of two events of the same moment the one with the later id is the newest, in either order."""
    low, high = event(1, "a"), event(1, "b")
    for order in ([low, high], [high, low]):
        fresh = World(Random(1), Odds())
        for one in order:
            push(fresh, one)

        assert high.desired == fresh.targets[TARGET]


def test_an_overlapping_older_write_is_repaired_by_its_own_handler(world: World) -> None:
    """A request that lands on top of a newer one is followed by the newer state."""
    older = begin(world, OLD)
    until_claimed(world, older)
    assert push(world, NEW) == "done"

    assert finish(world, older)

    assert NEW.desired == world.targets[TARGET]
    assert pending(world) == {}


def test_a_second_delivery_waits_for_the_first(world: World) -> None:
    """While an attempt may be under way, another of the same event asks nothing."""
    until_sent(world, begin(world, OLD))

    with pytest.raises(TransientError, match="may be under way"):
        push(world, OLD)

    assert world.calls == 1


def test_a_crash_after_the_request_is_made_good_by_redelivery(world: World) -> None:
    """The event of a handler that died stays pending, and its redelivery writes again."""
    dead = begin(world, OLD)
    until_sent(world, dead)
    world.move(dead, kill=True)
    world.pass_time(CLAIM_SECONDS)

    assert push(world, OLD) == "done"

    assert pending(world) == {}
    assert world.calls == 2


def test_a_refused_attempt_may_be_repeated_at_once(world: World) -> None:
    """An answer of 503 leaves nothing behind, so the redelivery need not wait."""
    fail_once(world, ServerTrouble("later", status=503))
    with pytest.raises(ServerTrouble):
        push(world, OLD)

    assert push(world, OLD) == "done"


def test_an_attempt_in_doubt_is_not_repeated_while_it_may_land(world: World) -> None:
    """Until a request of unknown fate is past, its event is not tried again; then it is."""
    fail_once(world, Unreachable("no answer", outcome_unknown=True), lands_in=LEFT_SECONDS - 1)
    with pytest.raises(Unreachable):
        push(world, OLD)
    push(world, NEW)
    with pytest.raises(TransientError, match="may be under way"):
        push(world, OLD)

    world.pass_time(LEFT_SECONDS)
    assert OLD.desired == world.targets[TARGET]  # it landed on top of the newer
    assert push(world, OLD) == "done"

    assert NEW.desired == world.targets[TARGET]
    assert pending(world) == {}


def test_a_handler_that_slept_past_its_claim_sends_nothing(world: World) -> None:
    """A claim that got old before the request was sent is given back, not acted on."""
    sleeper = begin(world, OLD)
    until_claimed(world, sleeper)
    world.pass_time(START_SECONDS + 1)

    assert not finish(world, sleeper)

    assert world.calls == 0
    assert push(world, OLD) == "done"


def test_a_zombie_repairs_what_it_overwrote(world: World) -> None:
    """A handler whose event was finished by another since writes the newest state again."""
    zombie = begin(world, OLD)
    until_claimed(world, zombie)
    apply, world.put = world.put, lambda *_: world.step()  # type: ignore[method-assign]  # waits
    world.move(zombie)  # the request is about to leave, and takes its time
    world.put = apply  # type: ignore[method-assign]  # the others' are quick
    push(world, NEW)
    world.pass_time(CLAIM_SECONDS)
    assert push(world, OLD) == "done"
    assert pending(world) == {}
    world.targets[TARGET] = OLD.desired  # now the zombie's lands

    assert finish(world, zombie)

    assert NEW.desired == world.targets[TARGET]
    assert pending(world) == {}


def test_a_zombie_that_dies_while_it_repairs_leaves_its_event_pending(world: World) -> None:
    """A zombie notes its event again before it repairs, so that its own crash is made good."""
    zombie = begin(world, OLD)
    until_claimed(world, zombie)
    push(world, NEW)
    until_sent(world, zombie)  # the older state is written over the newer
    assert OLD.desired == world.targets[TARGET]
    writes = world.writes
    while world.writes == writes:
        world.move(zombie)
    world.move(zombie, kill=True)

    assert {OLD.key} == set(pending(world))
    world.pass_time(CLAIM_SECONDS)
    assert push(world, OLD) == "done"
    assert NEW.desired == world.targets[TARGET]


def test_each_round_of_writing_renews_the_claim(world: World) -> None:
    """A handler that writes again holds its event for another attempt, not for the first's rest."""
    handler = begin(world, OLD)
    until_claimed(world, handler)
    first = pending(world)[OLD.key]
    push(world, NEW)
    world.pass_time(START_SECONDS - 1)
    until_sent(world, handler)
    until_sent(world, handler)  # the second round: the newer state

    assert pending(world)[OLD.key] > first


def test_an_attempt_ends_no_other_attempts_claim(world: World) -> None:
    """A handler that comes back late leaves the claim of the attempt that took over."""
    late = begin(world, OLD)
    until_sent(world, late)
    world.pass_time(CLAIM_SECONDS)
    second = begin(world, OLD)
    until_sent(world, second)
    claimed = pending(world)

    assert finish(world, late)

    assert claimed == pending(world)
    assert finish(world, second)
    assert pending(world) == {}


def test_a_failed_attempt_frees_no_other_attempts_claim(world: World) -> None:
    """A handler that comes back late, with a refusal, does not open the way for a third."""
    late = begin(world, OLD)
    until_claimed(world, late)
    fail_once(world, ServerTrouble("later", status=503))
    failing, writes = world.calls, world.writes
    while world.calls == failing:
        world.move(late)  # refused, and about to say so in the record
    world.pass_time(CLAIM_SECONDS)
    until_sent(world, begin(world, OLD))
    claimed = pending(world)

    assert not finish(world, late)

    assert claimed == pending(world)
    assert world.writes == writes + 1


def test_a_claim_whose_answer_was_lost_is_known_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that repeats a write which had succeeded reports a conflict with ourselves."""
    write = world.write

    def twice(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(world, "write", write)
        write(*arguments, **named)
        raise ConflictError("our own")

    monkeypatch.setattr(world, "write", twice)

    assert push(world, OLD) == "done"
    assert pending(world) == {}


def test_a_record_that_is_deleted_between_two_steps_is_made_again(world: World) -> None:
    """A person may delete a record while its event is handled."""
    handler = begin(world, OLD)
    until_sent(world, handler)
    del world.records[TARGET]

    assert finish(world, handler)

    assert OLD.desired == world.targets[TARGET]
    assert world.records[TARGET][1]["desired"] == OLD.desired
    assert pending(world) == {}


def test_a_store_that_is_down_is_transient(world: World) -> None:
    """Without its record an effect is not tried."""
    world.odds = Odds(store=1.0)

    with pytest.raises(BackendError):
        push(world, OLD)

    assert world.calls == 0


def test_a_record_under_contention_gives_up_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless conflicts end in a redelivery, not in an endless loop."""

    def conflict(*_: Any, **__: Any) -> Any:
        raise ConflictError("somebody else")

    monkeypatch.setattr(world, "write", conflict)

    with pytest.raises(BackendError, match="20 times"):
        push(world, OLD)


def test_a_middle_event_is_superseded_unseen(world: World) -> None:
    """An event between two that are known needs no request of its own."""
    until_claimed(world, begin(world, OLD))
    push(world, NEW)

    assert push(world, MIDDLE) == "done_before"
    assert world.calls == 1


def test_an_attempt_leaves_a_later_attempts_claim_while_it_repairs(world: World) -> None:
    """An attempt that wakes late must not end the claim of one that may still write."""
    first = begin(world, OLD)
    until_sent(world, first)
    world.pass_time(CLAIM_SECONDS)
    second = begin(world, OLD)
    until_claimed(world, second)  # with the old state in hand
    push(world, NEW)

    finish(world, first)
    until_sent(world, second)  # on top of the newer state
    world.move(second, kill=True)
    world.pass_time(CLAIM_SECONDS)

    assert push(world, OLD) == "done"
    assert NEW.desired == world.targets[TARGET]
