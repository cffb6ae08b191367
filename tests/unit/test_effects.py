"""Each hazard that effects guard against, step by step, in the small world of the property test."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.properties.converging import (
    CLAIM_SECONDS,
    LEFT_SECONDS,
    START_SECONDS,
    Event,
    Handler,
    Odds,
    World,
)
from videovector_bridge.api.errors import ServerTrouble, Unreachable, ValidationRefused
from videovector_bridge.automate.effects.record import (
    MAX_PENDING,
    RETENTION_SECONDS,
    ClaimHeld,
    Parts,
    Record,
    Refusal,
    State,
    TooManyPending,
    Version,
    claim,
)
from videovector_bridge.errors import BackendError, ConflictError, TransientError

TARGET = "marker:run:r1"


def event(second: int, name: str) -> Event:
    """An event that wants the target to be as its name says."""
    return Event(TARGET, Version(f"2026-01-01T00:00:{second:02}", name), {"as": name})


OLD, MIDDLE, NEW = event(1, "old"), event(2, "middle"), event(3, "new")


@pytest.fixture
def world() -> Iterator[World]:
    """A world where nothing goes wrong by itself."""
    made = World(Random(1), Odds())
    yield made
    made.close()


def finish(world: World, handler: Handler) -> bool:
    """Let a handler go on to its end; whether it acknowledged."""
    while not handler.over:
        world.move(handler)
    return handler.acked


def until_sent(world: World, handler: Handler) -> None:
    """Let a handler go on until its next request has been sent."""
    calls = world.calls
    while world.calls == calls:
        world.move(handler)


def until_claimed(world: World, handler: Handler) -> None:
    """Let a handler go on until its claim is stored, and no further."""
    writes = world.writes
    while world.writes == writes:
        world.move(handler)


def pending(world: World) -> dict[str, float]:
    """Which events the record of the target holds as under way."""
    found: dict[str, float] = world.records[TARGET][1]["pending"]
    return found


def test_the_first_event_is_applied_and_forgotten(world: World) -> None:
    """One event makes the target as it wants, and leaves nothing pending."""
    assert world.converge(OLD) == "done"

    assert OLD.wanted == world.targets[TARGET]
    assert pending(world) == {}


@pytest.mark.parametrize("late", [OLD, NEW], ids=["an older one", "the same again"])
def test_what_is_done_costs_one_reading(world: World, late: Event) -> None:
    """An event that was applied, or is older than one that was, writes and asks nothing."""
    world.converge(NEW)
    before = (world.calls, world.writes)

    assert world.converge(late) == "done_before"

    assert before == (world.calls, world.writes)
    assert NEW.wanted == world.targets[TARGET]


def test_equal_times_are_told_apart_by_id(world: World) -> None:
    """Of two events of the same moment the one with the later id is the newest, in either order."""
    low, high = event(1, "a"), event(1, "b")
    for order in ([low, high], [high, low]):
        fresh = World(Random(1), Odds())
        for one in order:
            fresh.converge(one)

        assert high.wanted == fresh.targets[TARGET]


def test_an_overlapping_older_write_is_mended_by_its_own_handler(world: World) -> None:
    """A request that lands on top of a newer one is followed by the newer state."""
    older = world.deliver(OLD)
    until_claimed(world, older)
    assert world.converge(NEW) == "done"

    assert finish(world, older)

    assert NEW.wanted == world.targets[TARGET]
    assert pending(world) == {}


def test_a_second_delivery_waits_for_the_first(world: World) -> None:
    """While an attempt may be under way, another of the same event asks nothing."""
    until_sent(world, world.deliver(OLD))

    with pytest.raises(TransientError, match="may be under way"):
        world.converge(OLD)

    assert world.calls == 1


def test_a_crash_after_the_request_is_made_good_by_redelivery(world: World) -> None:
    """The event of a handler that died stays pending, and its redelivery writes again."""
    dead = world.deliver(OLD)
    until_sent(world, dead)
    world.move(dead, kill=True)
    world.pass_time(CLAIM_SECONDS)

    assert world.converge(OLD) == "done"

    assert pending(world) == {}
    assert world.calls == 2


def fail_once(world: World, error: Exception, *, lands_in: float | None = None) -> None:
    """Let the next request fail; if it `lands_in` so many seconds, it does so late."""
    put = world.put

    def failing(target: str, wanted: Any) -> None:
        world.put = put  # type: ignore[method-assign]  # the seam of this test
        world.calls += 1
        if lands_in is not None:
            world.late.append((world.now + lands_in, target, wanted))
        raise error

    world.put = failing  # type: ignore[method-assign]  # likewise


def test_a_refused_attempt_may_be_repeated_at_once(world: World) -> None:
    """An answer of 503 leaves nothing behind, so the redelivery need not wait."""
    fail_once(world, ServerTrouble("later", status=503))
    with pytest.raises(ServerTrouble):
        world.converge(OLD)

    assert world.converge(OLD) == "done"


def test_an_attempt_in_doubt_is_not_repeated_while_it_may_land(world: World) -> None:
    """Until a request of unknown fate is past, its event is not tried again; then it is."""
    fail_once(world, Unreachable("no answer", in_doubt=True), lands_in=LEFT_SECONDS - 1)
    with pytest.raises(Unreachable):
        world.converge(OLD)
    world.converge(NEW)
    with pytest.raises(TransientError, match="may be under way"):
        world.converge(OLD)

    world.pass_time(LEFT_SECONDS)
    assert OLD.wanted == world.targets[TARGET]  # it landed on top of the newer
    assert world.converge(OLD) == "done"

    assert NEW.wanted == world.targets[TARGET]
    assert pending(world) == {}


def test_a_handler_that_slept_past_its_claim_sends_nothing(world: World) -> None:
    """A claim that got old before the request was sent is given back, not acted on."""
    sleeper = world.deliver(OLD)
    until_claimed(world, sleeper)
    world.pass_time(START_SECONDS + 1)

    assert not finish(world, sleeper)

    assert world.calls == 0
    assert world.converge(OLD) == "done"


def test_a_zombie_mends_what_it_overwrote(world: World) -> None:
    """A handler whose event was finished by another meanwhile writes the newest state again."""
    zombie = world.deliver(OLD)
    until_claimed(world, zombie)
    apply, world.put = world.put, lambda *_: world.step()  # type: ignore[method-assign]  # waits
    world.move(zombie)  # the request is about to leave, and takes its time
    world.put = apply  # type: ignore[method-assign]  # the others' are quick
    world.converge(NEW)
    world.pass_time(CLAIM_SECONDS)
    assert world.converge(OLD) == "done"
    assert pending(world) == {}
    world.targets[TARGET] = OLD.wanted  # now the zombie's lands

    assert finish(world, zombie)

    assert NEW.wanted == world.targets[TARGET]
    assert pending(world) == {}


def test_a_zombie_that_dies_while_mending_leaves_its_event_pending(world: World) -> None:
    """Before a zombie mends, it notes its event anew, so that its own crash is made good."""
    zombie = world.deliver(OLD)
    until_claimed(world, zombie)
    world.converge(NEW)
    until_sent(world, zombie)  # the older state is written over the newer
    assert OLD.wanted == world.targets[TARGET]
    writes = world.writes
    while world.writes == writes:
        world.move(zombie)
    world.move(zombie, kill=True)

    assert {OLD.version.key} == set(pending(world))
    world.pass_time(CLAIM_SECONDS)
    assert world.converge(OLD) == "done"
    assert NEW.wanted == world.targets[TARGET]


def test_each_round_of_writing_renews_the_claim(world: World) -> None:
    """A handler that writes again holds its event for another attempt, not for the first's rest."""
    handler = world.deliver(OLD)
    until_claimed(world, handler)
    first = pending(world)[OLD.version.key]
    world.converge(NEW)
    world.pass_time(START_SECONDS - 1)
    until_sent(world, handler)
    until_sent(world, handler)  # the second round: the newer state

    assert pending(world)[OLD.version.key] > first


def test_an_attempt_ends_no_other_attempts_claim(world: World) -> None:
    """A handler that comes back late leaves the claim of the attempt that took over."""
    late = world.deliver(OLD)
    until_sent(world, late)
    world.pass_time(CLAIM_SECONDS)
    second = world.deliver(OLD)
    until_sent(world, second)
    claimed = pending(world)

    assert finish(world, late)

    assert claimed == pending(world)
    assert finish(world, second)
    assert pending(world) == {}


def test_a_failed_attempt_frees_no_other_attempts_claim(world: World) -> None:
    """A handler that comes back late, with a refusal, does not open the way for a third."""
    late = world.deliver(OLD)
    until_claimed(world, late)
    fail_once(world, ServerTrouble("later", status=503))
    failing, writes = world.calls, world.writes
    while world.calls == failing:
        world.move(late)  # refused, and about to say so in the record
    world.pass_time(CLAIM_SECONDS)
    until_sent(world, world.deliver(OLD))
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

    assert world.converge(OLD) == "done"
    assert pending(world) == {}


def test_a_refusal_is_reported_and_not_pending(world: World) -> None:
    """What VideoVector refuses is reported once, and the event no longer pending."""
    fail_once(world, ValidationRefused("no such colour", status=422))

    assert world.converge(OLD) == "refused"

    assert pending(world) == {}
    assert world.reported == [OLD.version.event_id]


def test_a_refused_event_that_is_published_again_is_applied(world: World) -> None:
    """A redriven event is tried again, for what refused it may be corrected."""
    fail_once(world, ValidationRefused("no such colour", status=422))
    world.converge(OLD)

    assert world.converge(OLD) == "done"

    assert OLD.wanted == world.targets[TARGET]
    assert world.records[TARGET][1]["refused"] == {}


def test_an_older_event_is_applied_after_a_refused_newest_one(world: World) -> None:
    """A refused event hides no other: an older one that arrives later is applied."""
    fail_once(world, ValidationRefused("no such colour", status=422))
    assert world.converge(NEW) == "refused"

    assert world.converge(OLD) == "done"

    assert OLD.wanted == world.targets[TARGET]


def test_a_refusal_falls_back_to_the_accepted_state(world: World) -> None:
    """After a refusal the accepted state is the desired one, and events after it are newer."""
    world.converge(OLD)
    fail_once(world, ValidationRefused("no such colour", status=422))
    assert world.converge(NEW) == "refused"

    assert world.records[TARGET][1]["desired"] == OLD.wanted
    assert world.converge(MIDDLE) == "done"
    assert MIDDLE.wanted == world.targets[TARGET]


def test_an_event_older_than_one_in_flight_is_not_given_up(world: World) -> None:
    """Until the newest state is accepted, an older event takes part: the newest may be refused."""
    newest = world.deliver(NEW)
    until_claimed(world, newest)
    fail_once(world, ValidationRefused("no such colour", status=422))

    assert world.converge(OLD) == "done"  # tried the newest state, which was refused, then its own

    assert OLD.wanted == world.targets[TARGET]
    assert set(pending(world)) == {NEW.version.key}


def test_a_report_that_fails_is_made_good_at_redelivery(world: World) -> None:
    """A refusal that could not be published stays pending, and is published later."""
    fail_once(world, ValidationRefused("no such colour", status=422))
    world.report_fails = True
    with pytest.raises(BackendError):
        world.converge(OLD)
    assert set(pending(world)) == {OLD.version.key}
    calls, world.report_fails = world.calls, False

    assert world.converge(OLD) == "refused"

    assert world.reported == [OLD.version.event_id]
    assert world.calls == calls
    assert pending(world) == {}


def test_a_crash_before_the_report_is_made_good_at_redelivery(world: World) -> None:
    """A handler that dies between the refusal and its report leaves the event pending."""
    fail_once(world, ValidationRefused("no such colour", status=422))
    dead = world.deliver(OLD)
    until_claimed(world, dead)
    until_claimed(world, dead)  # the refusal is stored
    world.move(dead, kill=True)
    assert world.reported == []
    world.pass_time(CLAIM_SECONDS)

    assert world.converge(OLD) == "refused"

    assert world.reported == [OLD.version.event_id]


def test_a_record_that_is_deleted_between_two_steps_is_made_again(world: World) -> None:
    """A person may delete a record while its event is handled."""
    handler = world.deliver(OLD)
    until_sent(world, handler)
    del world.records[TARGET]

    assert finish(world, handler)

    assert OLD.wanted == world.targets[TARGET]
    assert world.records[TARGET][1]["desired"] == OLD.wanted
    assert pending(world) == {}


def test_an_older_event_is_not_blamed_for_a_newer_ones_refusal(world: World) -> None:
    """A handler that writes a newer event's state leaves its refusal to that event."""
    older = world.deliver(OLD)
    until_sent(world, older)
    until_claimed(world, world.deliver(NEW))
    fail_once(world, ValidationRefused("no such colour", status=422))

    assert finish(world, older)

    assert {NEW.version.key} == set(pending(world))


def test_a_store_that_is_down_is_transient(world: World) -> None:
    """Without its record an effect is not tried."""
    world.odds = Odds(store=1.0)

    with pytest.raises(BackendError):
        world.converge(OLD)

    assert world.calls == 0


def test_a_record_under_contention_gives_up_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless conflicts end in a redelivery, not in an endless loop."""

    def conflict(*_: Any, **__: Any) -> Any:
        raise ConflictError("somebody else")

    monkeypatch.setattr(world, "write", conflict)

    with pytest.raises(BackendError, match="20 times"):
        world.converge(OLD)


def test_a_record_survives_its_document() -> None:
    """A record is the same after it was stored and read."""
    old = State({"marker": {"color": "red"}}, OLD.version)
    refusal = Refusal("validation_refused", "no such colour", "user", 7.0, reported=True)
    parts = Parts(frozenset("ab"), frozenset("c"))
    record = Record(old, None, {"e": 12.5}, {"f": refusal}, True, "mrk_1", parts)
    world = World(Random(1), Odds())
    stored = world.write("effects", "x", record.fields(), replaces=None, timeout=1)

    assert record == Record.from_fields(stored.fields)
    assert Record(None) == Record.from_fields(Record(None).fields())


def test_a_record_of_version_0_1_is_read() -> None:
    """Records without outcomes are read: without pending events their state was accepted."""
    fields = {"desired": {"a": 1}, "created_at": "t", "event_id": "e", "pending": {}}
    state = State({"a": 1}, Version("t", "e"))

    assert Record(state, state, created=True) == Record.from_fields(fields)


def test_a_middle_event_is_superseded_unseen(world: World) -> None:
    """An event between two that are known needs no request of its own."""
    until_claimed(world, world.deliver(OLD))
    world.converge(NEW)

    assert world.converge(MIDDLE) == "done_before"
    assert world.calls == 1


def test_a_held_claim_says_how_long() -> None:
    """A claim that still holds has the seconds that are left of it."""
    record = Record(State({}, OLD.version), None, {OLD.version.key: 50.0})

    assert ClaimHeld(8.0) == claim(record, State({}, OLD.version), now=42.0, until=80.0)


def test_a_record_forgets_what_pubsub_no_longer_has() -> None:
    """Events that were given up long ago, and old refusals, are removed with the next claim."""
    refusal = Refusal("validation_refused", "no", "user", 1.0)
    record = Record(None, None, {"gone": 1.0}, {"gone": refusal})
    now = RETENTION_SECONDS + 2

    claimed = claim(record, State({}, OLD.version), now=now, until=now + 1)

    assert isinstance(claimed, Record)
    assert claimed.pending == {OLD.version.key: now + 1}
    assert claimed.refused == {}


def test_a_record_has_room_for_so_many_events() -> None:
    """A target with too many pending events takes no more, so that its document stays small."""
    record = Record(None, None, {str(number): 5.0 for number in range(MAX_PENDING)})

    assert TooManyPending() == claim(record, State({}, OLD.version), now=9.0, until=10.0)
