"""Random histories of events, delivered under failures, and the check of the promises."""

from random import Random
from typing import Any

from tests.support.effects_model import EffectsModel, Odds
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Event, Response

EXAMPLES = 300
"""How many histories a property test draws."""
RESPONSES: tuple[Response, ...] = (
    *("accepted", "accepted", "accepted", "refused", "garbled"),
    *("refused until corrected", "refused at times"),
)


def events_of(
    random: Random,
    targets: int,
    each: int,
    responses: tuple[Response, ...],
    *,
    deletions: float = 0.2,
) -> list[Event]:
    """Draw events. Some differ in time, some only in id or source.

    Deletions are not refused: without a target they need no request.
    """
    events = []
    for target in range(targets):
        for number in range(each):
            desired: dict[str, Any] = {"by": f"{target}-{number}"}
            response = random.choice(responses)
            if random.random() < deletions:
                desired["absent"], response = True, "accepted"
            created_at = f"2026-01-01T00:00:{random.randrange(4):02}.000000+00:00"
            event_id, source = f"event-{target}-{number // 2}", f"//api/{number % 2}"
            events.append(
                Event(f"target-{target}", created_at, event_id, source, desired, response)
            )
    return events


def check_history(seed: int) -> None:
    """Deliver events under failures. Then correct the refusals, and publish rejected events again.

    Raises `PromiseBroken`.
    """
    random = Random(seed)  # Hypothesis's own is too slow for thousands of choices
    model = EffectsModel(random, Odds.drawn(random))
    targets, each, overlap = random.choice((1, 1, 1, 2)), random.randint(2, 6), random.randint(2, 8)
    events = events_of(random, targets, each, random.choice((RESPONSES, ("accepted",))))
    run_to_the_end(model, [model.publish(one) for one in events], overlap=overlap, rounds=300)
    model.check_end()

    model.corrected = True
    model.odds = Odds.drawn(random)
    redriven = [model.publish(one) for one in model.ledger.rejected()]
    run_to_the_end(model, redriven, overlap=overlap, rounds=200)
    model.check_end()

    calls, writes = model.calls, model.writes
    for event in events:
        if event.place <= model.ledger.newest_accepted(event.target):
            assert model.converge(model.publish(event)) == "done_before"
    assert (calls, writes) == (model.calls, model.writes)
