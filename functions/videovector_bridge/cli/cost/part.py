"""What everything is computed from, and a part of the bill with what it uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from videovector_bridge.cli.cost.deployed import Deployment, Size
from videovector_bridge.cli.cost.measured import Measured
from videovector_bridge.cli.cost.workload import Operation, Workload

Quantities = Mapping[str, float]
"""`sku` of a price -> quantity in the unit of the price."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is deployed and operated, what it must do, and what was measured."""

    deployment: Deployment
    workload: Workload
    operation: Operation
    measured: Measured

    @property
    def message_bytes(self) -> float:
        """The size of a message as Pub/Sub counts it."""
        event = self.measured.event
        return self.workload.event_bytes + event["attribute_bytes"] + event["envelope_bytes"]


@dataclass(frozen=True, slots=True)
class Part:
    """A line of the bill: its name, its main quantity in words, and what it uses.

    `daily` has a mapping for each kind of day, `monthly` what does not depend on days.
    """

    name: str
    detail: str
    daily: tuple[Quantities, ...] = ()
    monthly: Quantities = field(default_factory=dict)


def use_instances(size: Size, seconds: float, requests: float) -> dict[str, float]:
    """Return what the billed time of instances and their requests use."""
    return {
        "run.cpu": seconds * size.cpu,
        "run.memory": seconds * size.memory_gib,
        "run.requests": requests,
    }


def round_count(number: float) -> str:
    """Return a number in three digits for people: 43.8k, 2.19M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= limit:
            scaled = number / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if scaled < 999.5 else f"{scaled:,.0f}{unit}"
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"
