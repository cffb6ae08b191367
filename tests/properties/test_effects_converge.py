"""Invariant 5: whatever happens to messages and requests, targets end as the newest event wants."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.converging import Event, Odds, World, run_to_the_end
from videovector_bridge.automate.record import Version


def events_of(random: Random, targets: int, each: int) -> list[Event]:
    """Events with versions that are all different, some by their id alone."""
    found = []
    for target in range(targets):
        for number in range(each):
            stamp = f"2026-01-01T00:00:{random.randrange(5):02}.000000+00:00"
            version = Version(stamp, f"event-{target}-{number}")
            found.append(Event(f"target-{target}", version, {"by": version.event_id}))
    return found


def newest(events: list[Event], target: str) -> Event:
    """The event that an in-order pass ends with."""
    return max((one for one in events if one.target == target), key=lambda one: one.version)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    targets=st.integers(1, 2),
    each=st.integers(1, 4),
    overlap=st.integers(1, 6),
)
def test_targets_end_as_the_newest_event_wants(
    seed: int, targets: int, each: int, overlap: int
) -> None:
    """Any interleaving of any failures ends as one in-order pass, with nothing left pending."""
    random = Random(seed)  # Hypothesis's own is too slow for thousands of choices
    world = World(random, Odds.drawn(random))
    events = events_of(random, targets, each)

    run_to_the_end(world, events, overlap=overlap, rounds=300)

    for target in {one.target for one in events}:
        want = newest(events, target)
        assert want.wanted == world.targets[target]
        _, record = world.records[target]
        assert record["pending"] == {}
        assert want.wanted == record["desired"]
    calls, writes = world.calls, world.writes
    for event in events:
        assert world.converge(event) == "done_before"
    assert (calls, writes) == (world.calls, world.writes)
