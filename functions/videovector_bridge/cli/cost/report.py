"""Show an estimate: tables of at most 80 columns, and JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from videovector_bridge.cli.cost.bill import Charge
from videovector_bridge.cli.cost.cheapest import Choice, find_frontier
from videovector_bridge.cli.cost.estimate import Estimate
from videovector_bridge.cli.cost.part import round_count
from videovector_bridge.cli.cost.plot import Point, draw_plot
from videovector_bridge.cli.cost.workload import DAYS_A_MONTH

LEFT_OUT: Final = (
    "taxes, data that leaves Google Cloud or the region, builds and images of a deployment, "
    "previews and claim checks in Cloud Storage, point-in-time recovery of Firestore, KMS, your "
    "own subscriptions, and repeats after failures"
)

_MARKS: Final = "abcdefghijklmnopqrstuvwxyz"


def list_bill_lines(estimate: Estimate) -> Iterator[str]:
    """Yield the tables of the bill: by part, by price, and the totals."""
    bill = estimate.bill
    yield f"{'part':<17} {'a month':<42} {'full':>9} {'cost':>9}"
    for cost in bill.parts:
        if cost.full_usd >= 0.005:
            part = cost.part
            yield f"{part.name:<17} {part.detail:<42} {cost.full_usd:>9,.2f} {cost.usd:>9,.2f}"
    full = sum(cost.full_usd for cost in bill.parts)
    yield f"{'total, in $':<17} {'':<42} {full:>9,.2f} {bill.usd:>9,.2f}"
    yield ""
    yield f"{'price':<23} {'quantity':>9} {'free':>9} {'unit':<11} {'$ a unit':>14} {'cost':>9}"
    for charge in bill.charges:
        price = charge.price
        mark = "" if price.verified else " ?"
        unit = f"{price.usd:g}/{round_count(price.per)}" if price.per != 1 else f"{price.usd:.8g}"
        yield (
            f"{price.sku + mark:<23} {round_count(charge.quantity):>9} "
            f"{round_count(charge.free):>9} {price.unit:<11} {unit:>14} {charge.usd:>9,.2f}"
        )


def list_notes(estimate: Estimate) -> Iterator[str]:
    """Yield sentences: latency, free tiers used up, unverified prices, what is left out."""
    yield describe_latency(estimate)
    used_up = [charge.price.sku for charge in estimate.bill.charges if is_used_up(charge)]
    if used_up:
        yield f"Free tiers used up: {', '.join(used_up)}."
    unverified = [
        charge.price.sku
        for charge in estimate.bill.charges
        if not charge.price.verified and charge.usd >= 0.005
    ]
    if unverified:
        yield f"Prices marked ? were not verified with Google: {', '.join(unverified)}."
    yield f"Not included: {LEFT_OUT}."


def describe_latency(estimate: Estimate) -> str:
    """Return the latency as a sentence."""
    latency, operation = estimate.latency, estimate.inputs.operation
    if not any(day.windows.events for day in estimate.days):
        return "Latency: no events of the stream, so none."
    return (
        f"Latency ({operation.profile}), from an event to its message: half within "
        f"{latency.p50:g} s, 99 % within {latency.p99:g} s, all within {latency.longest:g} s. "
        f"Effects wait up to {latency.effect_delay:.1f} s for an instance."
    )


def is_used_up(charge: Charge) -> bool:
    """Whether something is free, and more is used."""
    return charge.price.free > 0 and charge.charged > 1e-9 * charge.quantity


def list_choice_lines(choices: Sequence[Choice]) -> Iterator[str]:
    """Yield the plot, and a row for each choice that no other beats in both cost and latency."""
    frontier = find_frontier(choices)
    marks = dict(zip(map(id, frontier), _MARKS, strict=False))
    points = [Point(c.seconds, c.usd, ".") for c in choices if id(c) not in marks]
    points += [Point(c.seconds, c.usd, marks[id(c)]) for c in frontier if id(c) in marks]
    yield from draw_plot(points)
    yield ""
    yield f"{'':<3} {'profile':<8} {'every':>8} {'window':>7} {'idle':>6} {'99 %':>9} {'$':>9}"
    for choice in frontier:
        operation = choice.estimate.inputs.operation
        live = operation.profile == "live"
        every = "-" if live else f"{operation.every_seconds // 60} min"
        window = "-" if live else f"{operation.window_seconds:g} s"
        idle = "-" if live else f"{operation.idle_seconds:g} s"
        yield (
            f"{marks.get(id(choice), ''):<3} {operation.profile:<8} {every:>8} {window:>7} "
            f"{idle:>6} {choice.seconds:>7.1f} s {choice.usd:>9,.2f}"
        )


def to_json(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as plain JSON values. `quantity` and `free` are of a month."""
    inputs, bill = estimate.inputs, estimate.bill
    return {
        "usd": round(bill.usd, 4),
        "latency_seconds": asdict(estimate.latency),
        "workload": asdict(inputs.workload),
        "operation": asdict(inputs.operation),
        "functions": {name: asdict(size) for name, size in inputs.deployment.sizes.items()},
        "days_a_month": DAYS_A_MONTH,
        "parts": [
            {
                "name": cost.part.name,
                "detail": cost.part.detail,
                "full_usd": round(cost.full_usd, 4),
                "usd": round(cost.usd, 4),
            }
            for cost in bill.parts
        ],
        "prices": [
            {
                **asdict(charge.price),
                "quantity": charge.quantity,
                "free_quantity": charge.free,
                "used_up": is_used_up(charge),
                "cost_usd": round(charge.usd, 4),
            }
            for charge in bill.charges
        ],
        "measured": {
            name: {"date": date, "command": command}
            for name, (date, command) in inputs.measured.sources.items()
        },
        "left_out": LEFT_OUT,
    }


def choice_to_json(choice: Choice) -> dict[str, Any]:
    """Return the settings of a choice with its cost and latency."""
    return {
        **asdict(choice.estimate.inputs.operation),
        "p99_seconds": choice.seconds,
        "usd": round(choice.usd, 4),
    }
