"""How much a bench measures: all of it, or a little of everything, to prove that it works."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.bench.subscriber import MessageLoad
from tests.bench.webhook import DeliveryLoad

_LEAST_EVENTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts and sizes. `simplest_events` is small because the simplest bridge is slow."""

    events: int
    simplest_events: int
    rounds: int
    scale: tuple[int, ...]
    rates: tuple[int, ...]
    latency_seconds: float
    hand_overs: int
    deliveries: tuple[DeliveryLoad, ...]
    messages: tuple[MessageLoad, ...]
    is_quick: bool = False

    @property
    def flood(self) -> int:
        """Events that the stand-in must have."""
        return max(self.events, self.simplest_events, *self.scale)


# Deliveries as deployed, and overloaded: more of them than one instance accepts at once. Messages
# one at a time, and as many as an instance accepts; each has its own target.
FULL: Final = Plan(
    events=100_000,
    simplest_events=2_000,
    rounds=5,
    scale=(10_000, 30_000, 100_000, 300_000, 1_000_000),
    rates=(10, 100, 1_000),
    latency_seconds=15,
    hand_overs=100,
    deliveries=(DeliveryLoad(2_000, 16, 80, 96), DeliveryLoad(1_000, 64, 8, 96)),
    messages=(MessageLoad(60, 1), MessageLoad(400, 16)),
)
QUICK: Final = Plan(
    events=10_000,
    simplest_events=100,
    rounds=1,
    scale=(2_000, 5_000, 10_000),
    rates=(50,),
    latency_seconds=2,
    hand_overs=2,
    deliveries=(DeliveryLoad(100, 16, 80, 96), DeliveryLoad(100, 64, 8, 96)),
    messages=(MessageLoad(10, 1), MessageLoad(80, 16)),
    is_quick=True,
)


def parse_plan(description: str | None, arguments: Sequence[str] | None = None) -> Plan:
    """Return the plan that the command line asks for. Exits with 2 if a value is wrong."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a little of everything, one round")
    parser.add_argument(
        "--events", type=int, help=f"events of a row of the throughput ({FULL.events})"
    )
    parser.add_argument("--rounds", type=int, help=f"rows of each kind ({FULL.rounds})")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    events = plan.events if options.events is None else options.events
    rounds = plan.rounds if options.rounds is None else options.rounds
    if events < _LEAST_EVENTS:
        parser.error(f"--events must be at least {_LEAST_EVENTS}")
    if rounds < 1:
        parser.error("--rounds must be at least 1")
    return replace(plan, events=events, rounds=rounds)
