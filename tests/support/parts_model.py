"""A model of states with many parts, and the checks of their outcomes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from tests.support.effects_model import EffectsModel, Odds
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Event, Ledger, Response
from videovector_bridge.automate.effects.parts import Part, apply_parts
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.errors import PermanentError

EXAMPLES = 150
RESPONSES: tuple[Response, ...] = (
    *("accepted", "accepted", "accepted", "refused", "garbled"),
    *("refused until corrected", "refused at times"),
)


class PartsLedger(Ledger):
    """A ledger of events with parts; each part is an event here."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[Event]] = {}

    def is_settled(self, event: Event, _reported_before: Mapping[str, int]) -> bool:
        """Each part was accepted, or is on `rejected`, possibly since before this message.

        While the first message of an event is not acknowledged, a second one continues its work.
        The one that ends last repeats the refused parts.
        """
        parts = self.parts.get(event.key, [])
        return all(super(PartsLedger, self).is_settled(each, {}) for each in parts)

    def rejected(self) -> list[Event]:
        """The events of which a part is on `rejected`."""
        reported = {each.event_id.partition("/")[0] for each in super().rejected()}
        return [event for event in self.events.values() if event.event_id in reported]


class PartsModel(EffectsModel):
    """A model in which the state of an event has parts."""

    def __init__(self, random: Random, odds: Odds) -> None:
        super().__init__(random, odds)
        self.ledger: PartsLedger = PartsLedger()
        self.asked: Counter[str] = Counter()

    def event(self, name: str, responses: Sequence[Response]) -> Event:
        """An event with parts. VideoVector gives each part the response at its index."""
        event = Event(f"urls:{name}", "2026-01-01T00:00:00", name, "//api", {"of": name})
        self.ledger.parts[event.key] = [
            Event(f"{name}/{number}", "", f"{name}/{number}", "", {"part": number}, response)
            for number, response in enumerate(responses)
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


class CountingPartsModel(PartsModel):
    """Counts the requests that VideoVector confirmed, by target, and the reports that succeeded."""

    def __init__(self, random: Random, odds: Odds) -> None:
        super().__init__(random, odds)
        self.confirmed: Counter[str] = Counter()
        self.reported: Counter[str] = Counter()

    def put(self, target: str, desired: Mapping[str, Any]) -> None:
        """Send a request, and count it."""
        super().put(target, desired)
        self.confirmed[target] += 1

    def report(self, event: Event) -> None:
        """Report a refusal, and count it."""
        super().report(event)
        self.reported[event.key] += 1


def responses_of(random: Random, choices: tuple[Response, ...], most: int = 5) -> list[Response]:
    """A random response of VideoVector for each part."""
    return [random.choice(choices) for _ in range(random.randint(1, most))]


def check_parts(seed: int) -> None:
    """Deliver two events with parts under failures. Then correct the refusals, and redrive.

    Raises `AssertionError`.
    """
    random = Random(seed)
    model = PartsModel(random, Odds.drawn(random))
    events = [model.event(name, responses_of(random, RESPONSES)) for name in ("a", "b")]
    run_to_the_end(model, [model.publish(one) for one in events], overlap=4, rounds=300)
    check_records(model)

    model.corrected = True
    model.odds = Odds.drawn(random)
    run_to_the_end(model, [model.publish(one) for one in events], overlap=4, rounds=300)
    check_records(model)
    for part in (part for parts in model.ledger.parts.values() for part in parts):
        accepted = part.response not in ("refused", "garbled")
        assert accepted == bool(model.ledger.accepted.get(part.target)), part


def check_records(model: EffectsModel) -> None:
    """Nothing is pending."""
    assert [fields["pending"] for _, fields in model.records.values()] == [{}] * len(model.records)


def check_progress(seed: int) -> None:
    """Count requests and reports of parts where VideoVector and `rejected` alone fail.

    Raises `AssertionError`.
    """
    random = Random(seed)
    odds = Odds(api=random.choice((0.0, 0.5)), report=random.choice((0.0, 0.5)))
    model = CountingPartsModel(random, odds)
    event = model.event(
        "a", responses_of(random, ("accepted", "refused", "refused until corrected"))
    )
    parts = model.ledger.parts[event.key]

    run_to_the_end(model, [model.publish(event)], overlap=1, rounds=200, copies=1)
    refused = [part.key for part in parts if part.response != "accepted"]
    assert model.reported == Counter(refused)
    assert model.confirmed == Counter(part.target for part in parts if part.response == "accepted")

    model.corrected = True
    asked = model.asked.copy()
    run_to_the_end(model, [model.publish(event)], overlap=1, rounds=0, copies=1)
    assert model.asked - asked == Counter(refused)
    assert model.confirmed == Counter(part.target for part in parts if part.response != "refused")
