"""Apply prices and free tiers to what the parts use. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from videovector_bridge.cli.cost.part import Part
from videovector_bridge.cli.cost.prices import Price, Prices


@dataclass(frozen=True, slots=True)
class Charge:
    """One price: the quantity of a month, how much of it is free, and the cost of the rest."""

    price: Price
    quantity: float
    free: float

    @property
    def charged(self) -> float:
        """The quantity that costs something."""
        return self.quantity - self.free

    @property
    def usd(self) -> float:
        """The cost of a month."""
        return self.charged * self.price.usd / self.price.per


@dataclass(frozen=True, slots=True)
class PartCost:
    """A part: what it costs without anything free, and after its share of what is free."""

    part: Part
    full_usd: float
    usd: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A month: by price, and by part."""

    charges: tuple[Charge, ...]
    parts: tuple[PartCost, ...]

    @property
    def usd(self) -> float:
        """The sum."""
        return sum(charge.usd for charge in self.charges)


def make_bill(parts: Sequence[Part], days: Sequence[float], prices: Prices) -> Bill:
    """Return the bill of a month with these numbers of days of each kind.

    What is free is shared by the parts in proportion to their use.
    """
    charges = {sku: _charge(price, parts, days) for sku, price in prices.items()}
    return Bill(
        tuple(charge for charge in charges.values() if charge.quantity),
        tuple(_cost(part, days, charges) for part in parts),
    )


def _charge(price: Price, parts: Sequence[Part], days: Sequence[float]) -> Charge:
    monthly = sum(part.monthly.get(price.sku, 0.0) for part in parts)
    by_day = [
        sum(part.daily[kind].get(price.sku, 0.0) for part in parts if part.daily)
        for kind in range(len(days))
    ]
    quantity = monthly + sum(n * each for n, each in zip(days, by_day, strict=True))
    if price.free_each == "day":
        free = sum(n * min(each, price.free) for n, each in zip(days, by_day, strict=True))
    else:
        free = min(quantity, price.free)
    return Charge(price, quantity, free)


def _cost(part: Part, days: Sequence[float], charges: dict[str, Charge]) -> PartCost:
    quantities: dict[str, float] = defaultdict(float, part.monthly)
    for number, daily in zip(days, part.daily, strict=False):
        for sku, quantity in daily.items():
            quantities[sku] += number * quantity
    full = usd = 0.0
    for sku, quantity in quantities.items():
        charge = charges[sku]
        cost = quantity * charge.price.usd / charge.price.per
        full += cost
        usd += cost * (charge.charged / charge.quantity if charge.quantity else 0.0)
    return PartCost(part, full, usd)
