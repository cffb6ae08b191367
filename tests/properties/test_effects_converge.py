"""Invariant 5: under all failures of messages, requests and reports, effects converge.

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

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.effect_histories import EXAMPLES, RESPONSES, check_history, events_of
from tests.support.effects_model import EffectsModel, Odds
from tests.support.overlapping_deliveries import run_to_the_end


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
    model = EffectsModel(random, Odds(report=0.3, delete=0.05))
    events = events_of(random, 1, each, RESPONSES, deletions=0.0)
    run_to_the_end(model, [model.publish(one) for one in events], overlap=overlap, rounds=300)

    model.corrected = True
    run_to_the_end(model, [model.publish(one) for one in events], overlap=overlap, rounds=0)
    model.check_end()


@settings(max_examples=EXAMPLES // 5)
@given(seed=st.integers(0, 2**32 - 1), each=st.integers(1, 5), overlap=st.integers(1, 4))
def test_a_deleted_record_is_no_bug(seed: int, each: int, overlap: int) -> None:
    """Under all other failures, each message still has an outcome before it is acknowledged.

    What a handler that died did to its target is known to its record alone: that is not restored.
    """
    random = Random(seed)
    model = EffectsModel(random, replace(Odds.drawn(random), delete=0.05))
    events = events_of(random, 1, each, RESPONSES)

    run_to_the_end(model, [model.publish(one) for one in events], overlap=overlap, rounds=300)
