"""States with many parts: no part decides for another, and none is lost.

When the message of an event is acknowledged, each part of its state was accepted, or is on
`rejected`. What was accepted is not asked for again, as long as no handler dies and the store
answers. Published again after a correction, the event leads to the parts that were refused, and
to those alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.converging import CLAIM_SECONDS, Odds, World
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Answer, Event, Ledger
from tests.support.stepping import finish, push, refuse_once, reported, until_sent
from videovector_bridge.automate.effects.parts import Part, apply_parts
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.errors import PermanentError

EXAMPLES = 150
ANSWERS: tuple[Answer, ...] = (
    *("accepted", "accepted", "accepted", "refused", "garbled"),
    *("refused until corrected", "refused at times"),
)


class PartsLedger(Ledger):
    """Knows the parts of each event, which are events of their own here."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[Event]] = {}

    def is_settled(self, event: Event, _reported_before: Mapping[str, int]) -> bool:
        """Each part was accepted, or is on `rejected`.

        Perhaps since before this message: while the first message of an event is not acknowledged,
        a second one continues its work. Whichever ends last tries again what was refused.
        """
        parts = self.parts.get(event.key, [])
        return all(super(PartsLedger, self).is_settled(each, {}) for each in parts)

    def rejected(self) -> list[Event]:
        """The events of which a part is on `rejected`."""
        reported = {each.event_id.partition("/")[0] for each in super().rejected()}
        return [event for event in self.events.values() if event.event_id in reported]


class PartsWorld(World):
    """A world where the state of an event has parts."""

    def __init__(self, random: Random, odds: Odds) -> None:
        super().__init__(random, odds)
        self.ledger: PartsLedger = PartsLedger()
        self.asked: Counter[str] = Counter()

    def event(self, name: str, answers: Sequence[Answer]) -> Event:
        """An event, of which VideoVector answers each part so."""
        event = Event(f"urls:{name}", "2026-01-01T00:00:00", name, "//api", {"of": name})
        self.ledger.parts[event.key] = [
            Event(f"{name}/{number}", "", f"{name}/{number}", "", {"part": number}, answer)
            for number, answer in enumerate(answers)
        ]
        for part in self.ledger.parts[event.key]:
            self.ledger.events[part.key] = part
        return event

    def apply(self, target: str, task: Task) -> None:
        """Apply the parts of the state that are not done."""
        event = next(each for each in self.ledger.events.values() if each.target == target)
        mine = {part.key: part for part in self.ledger.parts[event.key]}

        def listed() -> Iterator[Part]:
            for key, part in mine.items():
                self.step()
                yield key, {"key": key, **part.desired}

        def apply_one(desired: Mapping[str, Any]) -> None:
            part = mine[desired["key"]]
            self.asked[part.key] += 1
            self.put(part.target, part.desired)

        def report(_error: PermanentError, key: str) -> None:
            self.report(mine[key])

        apply_parts(listed(), apply_one, report, task.progress, clock=self.clock)


def answers_of(random: Random, choices: tuple[Answer, ...], most: int = 5) -> list[Answer]:
    """How VideoVector answers each part."""
    return [random.choice(choices) for _ in range(random.randint(1, most))]


def check_parts(seed: int) -> None:
    """Two events with parts, while everything goes wrong; then all is corrected and redriven.

    Raises `AssertionError`.
    """
    random = Random(seed)
    world = PartsWorld(random, Odds.drawn(random))
    events = [world.event(name, answers_of(random, ANSWERS)) for name in ("a", "b")]
    run_to_the_end(world, [world.publish(one) for one in events], overlap=4, rounds=300)
    check_records(world)

    world.corrected = True
    world.odds = Odds.drawn(random)
    run_to_the_end(world, [world.publish(one) for one in events], overlap=4, rounds=300)
    check_records(world)
    for part in (part for parts in world.ledger.parts.values() for part in parts):
        accepted = part.answer not in ("refused", "garbled")
        assert accepted == bool(world.ledger.accepted.get(part.target)), part


def check_records(world: World) -> None:
    """Nothing is pending."""
    assert [fields["pending"] for _, fields in world.records.values()] == [{}] * len(world.records)


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_parts_converge(seed: int) -> None:
    """Whatever goes wrong, each part is accepted or on `rejected`, and redriven when corrected."""
    check_parts(seed)


def check_progress(seed: int) -> None:
    """Count requests and reports of parts where VideoVector and `rejected` alone fail.

    Raises `AssertionError`.
    """
    random = Random(seed)
    odds = Odds(api=random.choice((0.0, 0.5)), report=random.choice((0.0, 0.5)))
    world = PartsWorld(random, odds)
    event = world.event("a", answers_of(random, ("accepted", "refused", "refused until corrected")))
    parts = world.ledger.parts[event.key]
    confirmed: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    put, report = world.put, world.report

    def count_put(target: str, desired: Mapping[str, Any]) -> None:
        put(target, desired)
        confirmed[target] += 1

    def count_report(part: Event) -> None:
        report(part)
        noted[part.key] += 1

    with patch.multiple(world, put=count_put, report=count_report):
        run_to_the_end(world, [world.publish(event)], overlap=1, rounds=200, copies=1)
        refused = [part.key for part in parts if part.answer != "accepted"]
        assert noted == Counter(refused)
        assert confirmed == Counter(part.target for part in parts if part.answer == "accepted")

        world.corrected = True
        asked = world.asked.copy()
        run_to_the_end(world, [world.publish(event)], overlap=1, rounds=0, copies=1)
    again = Counter(refused) if refused else Counter()
    assert world.asked - asked == again
    assert confirmed == Counter(part.target for part in parts if part.answer != "refused")


@settings(max_examples=EXAMPLES)
@given(st.integers(0, 2**32 - 1))
def test_what_is_done_is_not_done_again(seed: int) -> None:
    """A part is confirmed once and reported once; a redrive asks for what was refused, no more."""
    check_progress(seed)


def test_the_first_attempt_reaches_every_part() -> None:
    """A part that is refused, out of reach or unreported stops none of the others."""
    for seed in range(20):
        random = Random(seed)
        world = PartsWorld(random, Odds(api=0.5, report=0.5))
        event = world.event("a", answers_of(random, ANSWERS, most=8))
        handler = world.deliver(world.publish(event))
        while not handler.over:
            world.move(handler)

        assert set(world.asked) == {part.key for part in world.ledger.parts[event.key]}


def test_an_event_ends_whose_part_was_accepted_by_one_attempt_and_refused_by_another() -> None:
    """Two attempts may overlap when one wakes late: neither waits for ever for the other's part."""
    world = PartsWorld(Random(1), Odds())
    message = world.publish(world.event("a", ["accepted"]))
    first = world.deliver(message)
    until_sent(world, first)
    world.pass_time(CLAIM_SECONDS)
    second = world.deliver(message)
    refuse_once(world)
    while not reported(world):
        world.move(second)
    assert finish(world, first)

    assert finish(world, second)

    check_records(world)


def test_a_bug_with_one_part_does_not_repeat_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done is noted, whatever becomes of the attempt."""
    world = PartsWorld(Random(1), Odds())
    event = world.event("a", ["accepted"] * 3)
    first, *others = world.ledger.parts[event.key]
    put = world.put

    def crash(target: str, desired: Mapping[str, Any]) -> None:
        if target == first.target:
            raise ZeroDivisionError
        put(target, desired)

    with monkeypatch.context() as patched:
        patched.setattr(world, "put", crash)
        with pytest.raises(ZeroDivisionError):
            push(world, event)
    world.pass_time(CLAIM_SECONDS)

    assert push(world, event) == "done"

    assert world.asked == {first.key: 2, **{part.key: 1 for part in others}}
