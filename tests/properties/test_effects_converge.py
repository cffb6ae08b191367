"""Invariant 5: whatever happens to messages, requests and reports, effects converge.

When every message is acknowledged, nothing is pending, and the target is what the newest event asks
for that VideoVector accepts. Each event that is newer than that is on `rejected`, and was there
before it stopped being pending. Published again after a correction, it is applied, unless
VideoVector accepted a newer one.

A state that VideoVector refuses at one attempt and accepts at the next has either outcome: until it
is published again, all that is promised is that the target has a state that VideoVector accepted,
and that each newer event is on `rejected`.
"""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.converging import Odds, World
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Answer, Event

EXAMPLES = 300
ANSWERS: tuple[Answer, ...] = (
    *("accepted", "accepted", "accepted", "refused", "garbled"),
    *("refused until corrected", "refused at times"),
)


def events_of(
    random: Random, targets: int, each: int, answers: tuple[Answer, ...], *, deletions: float = 0.2
) -> list[Event]:
    """Events in an order that is theirs alone, some by their id or source alone.

    A deletion is not refused here, for it needs no request where there is nothing to delete.
    """
    events = []
    for target in range(targets):
        for number in range(each):
            desired: dict[str, Any] = {"by": f"{target}-{number}"}
            answer = random.choice(answers)
            if random.random() < deletions:
                desired["absent"], answer = True, "accepted"
            created_at = f"2026-01-01T00:00:{random.randrange(4):02}.000000+00:00"
            event_id, source = f"event-{target}-{number // 2}", f"//api/{number % 2}"
            events.append(Event(f"target-{target}", created_at, event_id, source, desired, answer))
    return events


def check_history(seed: int) -> None:
    """Deliver events while everything goes wrong, correct it, and publish again what was rejected.

    Raises `PromiseBroken`.
    """
    random = Random(seed)  # Hypothesis's own is too slow for thousands of choices
    world = World(random, Odds.drawn(random))
    targets, each, overlap = random.choice((1, 1, 1, 2)), random.randint(2, 6), random.randint(2, 8)
    events = events_of(random, targets, each, random.choice((ANSWERS, ("accepted",))))
    run_to_the_end(world, [world.publish(one) for one in events], overlap=overlap, rounds=300)
    world.check_end()

    world.corrected = True
    world.odds = Odds.drawn(random)
    redriven = [world.publish(one) for one in world.ledger.rejected()]
    run_to_the_end(world, redriven, overlap=overlap, rounds=200)
    world.check_end()

    calls, writes = world.calls, world.writes
    for event in events:
        if event.place <= world.ledger.newest_accepted(event.target):
            assert world.converge(world.publish(event)) == "done_before"
    assert (calls, writes) == (world.calls, world.writes)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_effects_converge(seed: int) -> None:
    """Any interleaving of any failures keeps every promise, before and after the correction."""
    check_history(seed)


@settings(max_examples=EXAMPLES // 3)
@given(seed=st.integers(0, 2**32 - 1), each=st.integers(1, 5), overlap=st.integers(1, 4))
def test_deleted_records_are_made_again(seed: int, each: int, overlap: int) -> None:
    """A record may be deleted between any two steps. Nothing crashes; each message gets an outcome.

    What the record knew is lost: an older event may then replace a newer one. Published again, all
    events together lead to what one pass in order leaves.
    """
    random = Random(seed)
    # No handler dies or fails to write: what it did to the target would be noted nowhere. Nor is
    # anything deleted: it would no longer be known as made by the bridge.
    world = World(random, Odds(report=0.3, delete=0.05))
    events = events_of(random, 1, each, ANSWERS, deletions=0.0)
    run_to_the_end(world, [world.publish(one) for one in events], overlap=overlap, rounds=300)

    world.corrected = True
    run_to_the_end(world, [world.publish(one) for one in events], overlap=overlap, rounds=0)
    world.check_end()


@settings(max_examples=EXAMPLES // 5)
@given(seed=st.integers(0, 2**32 - 1), each=st.integers(1, 5), overlap=st.integers(1, 4))
def test_a_deleted_record_is_no_bug(seed: int, each: int, overlap: int) -> None:
    """With all else that goes wrong, each message still gets an outcome before it is acknowledged.

    What a handler that died did to its target is known to its record alone: that is not restored.
    """
    random = Random(seed)
    world = World(random, replace(Odds.drawn(random), delete=0.05))
    events = events_of(random, 1, each, ANSWERS)

    run_to_the_end(world, [world.publish(one) for one in events], overlap=overlap, rounds=300)
