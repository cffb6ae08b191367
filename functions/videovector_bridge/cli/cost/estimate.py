"""The estimate of a month: the bill, and the latency that it buys. Pure."""

from collections import Counter
from dataclasses import dataclass

from videovector_bridge.cli.cost.bill import Bill, make_bill
from videovector_bridge.cli.cost.day import SimulatedDay, simulate_days
from videovector_bridge.cli.cost.function_parts import list_function_parts
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.prices import Prices
from videovector_bridge.cli.cost.service_parts import list_service_parts
from videovector_bridge.cli.cost.windows import find_wait


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from an event of the stream to its message, and how late effects are at most.

    `effect_delay` is the longest time that a message waits because instances are busy.
    """

    p50: float
    p99: float
    longest: float
    effect_delay: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bill and the latency of the inputs, and the simulated days."""

    inputs: Inputs
    bill: Bill
    latency: Latency
    days: tuple[SimulatedDay, ...]


def estimate_month(inputs: Inputs, prices: Prices) -> Estimate:
    """Simulate each kind of day, and return the bill of a month."""
    days = simulate_days(inputs)
    parts = [*list_function_parts(inputs, days), *list_service_parts(inputs, days)]
    waits: Counter[int] = Counter()
    for day in days:
        for tenths, events in day.windows.waits.items():
            waits[tenths] += round(events * day.days)
    return Estimate(
        inputs,
        make_bill(parts, [day.days for day in days], prices),
        Latency(
            find_wait(waits, 0.5),
            find_wait(waits, 0.99),
            find_wait(waits, 1.0),
            max(day.effects.longest_delay for day in days),
        ),
        days,
    )
