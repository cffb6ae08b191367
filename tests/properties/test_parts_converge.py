"""States with many parts: no part decides for another, and none is lost.

When the message of an event is acknowledged, each part of its state was accepted, or is on
`rejected`. What was accepted is not asked for again, as long as no handler dies and the store
responses. Published again after a correction, the event leads to the parts that were refused, and
to those alone.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.effects_model import CLAIM_SECONDS, Odds
from tests.support.parts_model import (
    EXAMPLES,
    RESPONSES,
    PartsModel,
    check_parts,
    check_progress,
    check_records,
    responses_of,
)
from tests.support.stepping import finish, push, refuse_once, reported, until_sent


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_parts_converge(seed: int) -> None:
    """Under all failures, each part is accepted or on `rejected`, and a redrive works."""
    check_parts(seed)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_what_is_done_is_not_done_again(seed: int) -> None:
    """A part is confirmed and reported once. A redrive requests only the refused parts."""
    check_progress(seed)


def test_the_first_attempt_reaches_every_part() -> None:
    """A part that is refused, fails or is not reported stops no other part."""
    for seed in range(20):
        random = Random(seed)
        model = PartsModel(random, Odds(api=0.5, report=0.5))
        event = model.event("a", responses_of(random, RESPONSES, most=8))
        handler = model.deliver(model.publish(event))
        while not handler.over:
            model.move(handler)

        assert set(model.asked) == {part.key for part in model.ledger.parts[event.key]}


def test_an_event_ends_whose_part_was_accepted_by_one_attempt_and_refused_by_another() -> None:
    """Two attempts may overlap if one is delayed. Neither waits for the other."""
    model = PartsModel(Random(1), Odds())
    message = model.publish(model.event("a", ["accepted"]))
    first = model.deliver(message)
    until_sent(model, first)
    model.pass_time(CLAIM_SECONDS)
    second = model.deliver(message)
    refuse_once(model)
    while not reported(model):
        model.move(second)
    assert finish(model, first)

    assert finish(model, second)

    check_records(model)


def test_a_bug_with_one_part_does_not_repeat_the_others() -> None:
    """Parts that are done are noted, even if the attempt crashes."""
    model = PartsModel(Random(1), Odds())
    event = model.event("a", ["accepted"] * 3)
    first, *others = model.ledger.parts[event.key]

    def crash_once(_target: str, _desired: Mapping[str, Any]) -> None:
        model.put_instead = None
        raise ZeroDivisionError

    model.put_instead = crash_once
    with pytest.raises(ZeroDivisionError):
        push(model, event)
    model.pass_time(CLAIM_SECONDS)

    assert push(model, event) == "done"

    assert model.asked == {first.key: 2, **{part.key: 1 for part in others}}
