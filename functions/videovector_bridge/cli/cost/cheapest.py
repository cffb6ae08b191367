"""Search the settings for the cheapest that meets a latency, and what each latency costs. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from videovector_bridge.cli.cost.deployed import Deployment, Size
from videovector_bridge.cli.cost.estimate import Estimate, estimate_month
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.prices import Prices
from videovector_bridge.cli.cost.workload import Operation

EVERY_MINUTES: Final = (1, 2, 5, 15, 60)
LIMITS: Final = ((50.0, 10.0), (20.0, 5.0), (10.0, 2.0))
"""Window and idle timeout, in seconds."""
DRAIN_CPUS: Final = (0.167, 0.333, 0.5)
"""CPUs of `drain` that are compared, if they can publish what a window has read before it ends."""

_DRAIN: Final = "drain"
_SMALL: Final = Size(0.167, 0.5, 1, 10)


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings with their estimate."""

    estimate: Estimate

    @property
    def usd(self) -> float:
        """The cost of a month."""
        return self.estimate.bill.usd

    @property
    def seconds(self) -> float:
        """The latency: 99 % of the events have their message in this time."""
        return self.estimate.latency.p99

    def as_terraform(self, before: Deployment) -> list[str]:
        """Return the lines of a file with Terraform's variables for these settings."""
        inputs = self.estimate.inputs
        operation, sizes = inputs.operation, inputs.deployment.sizes
        lines = [f'profile = "{operation.profile}"']
        if operation.profile == "economy":
            stream = (
                f'schedule = "{_format_schedule(operation.every_seconds)}", '
                f"window_seconds = {operation.window_seconds:g}, "
                f"idle_seconds = {operation.idle_seconds:g}"
            )
            lines.append(f"streams = {{ default = {{ {stream} }} }}")
        changed = [
            f'  {name} = {{ cpu = "{size.cpu:g}", concurrency = {size.concurrency}, '
            f"max_instances = {size.max_instances} }}"
            for name, size in sizes.items()
            if size != before.sizes[name]
        ]
        return [*lines, "functions = {", *changed, "}"] if changed else lines


def list_choices(inputs: Inputs, prices: Prices) -> Iterator[Choice]:
    """Yield the schedules, windows and profiles that are compared, with the sizes of `inputs`."""
    for operation in _list_operations(inputs.operation):
        yield Choice(estimate_month(replace(inputs, operation=operation), prices))


def choose_cheapest(choices: Sequence[Choice], prices: Prices, *, seconds: float) -> Choice | None:
    """Return the cheapest choice within `seconds`, with its cheapest sizes; None if there is none.

    Only sizes of `drain` and of the function with the effects are compared.
    """
    fast = [choice for choice in choices if choice.seconds <= seconds]
    if not fast:
        return None
    best = min(fast, key=_rank)
    resized = [
        Choice(estimate_month(replace(best.estimate.inputs, deployment=deployment), prices))
        for deployment in _list_sizes(best.estimate.inputs)
    ]
    return min([best, *(each for each in resized if each.seconds <= seconds)], key=_rank)


def find_frontier(choices: Sequence[Choice]) -> list[Choice]:
    """Return the choices to which no other is both cheaper and faster, fastest first."""
    frontier: list[Choice] = []
    for choice in sorted(choices, key=lambda each: (each.seconds, each.usd)):
        if not frontier or choice.usd < frontier[-1].usd - 0.005:
            frontier.append(choice)
    return frontier


def _rank(choice: Choice) -> tuple[float, float]:
    """Order by cost in cents, then by latency."""
    return round(choice.usd, 2), choice.seconds


def _list_operations(operation: Operation) -> Iterator[Operation]:
    """Yield the operation itself, the profile `live`, and the grid of economy."""
    limits = dict.fromkeys([*LIMITS, (operation.window_seconds, operation.idle_seconds)])
    grid = [
        replace(
            operation,
            profile="economy",
            every_seconds=60 * minutes,
            window_seconds=window,
            idle_seconds=idle,
        )
        for minutes, (window, idle) in product(EVERY_MINUTES, limits)
    ]
    yield from dict.fromkeys([operation, replace(operation, profile="live"), *grid])


def _list_sizes(inputs: Inputs) -> Iterator[Deployment]:
    deployment = inputs.deployment
    function = deployment.actions[inputs.workload.action]
    drain, effects = deployment.sizes[_DRAIN], deployment.sizes[function]
    cpus = [cpu for cpu in DRAIN_CPUS if _can_flush(inputs, cpu)]
    for cpu, size in product(dict.fromkeys([drain.cpu, *cpus]), (effects, _SMALL)):
        changed = {_DRAIN: replace(drain, cpu=cpu), function: size}
        yield replace(deployment, sizes={**deployment.sizes, **changed})


def _can_flush(inputs: Inputs, cpu: float) -> bool:
    """Whether all batches of a window can be published in the time at its end without reading."""
    drain, window = inputs.measured.drain, inputs.operation.window_seconds
    seconds = min(drain["flush_seconds"], drain["flush_share"] * window)
    return drain["batches"] * drain["batch_events"] * drain["publish_cpu_us"] / 1e6 <= cpu * seconds


def _format_schedule(seconds: int) -> str:
    minutes = seconds // 60
    if minutes == 1:
        return "* * * * *"
    return f"*/{minutes} * * * *" if minutes < 60 else f"0 */{minutes // 60} * * *"
