"""`cli.cost.bill`: prices and free tiers."""

import pytest

from videovector_bridge.cli.cost.bill import make_bill
from videovector_bridge.cli.cost.part import Part, round_count
from videovector_bridge.cli.cost.prices import Period, Price


def price(sku: str, free: float = 0.0, free_each: Period = "month") -> Price:
    """Two dollars for ten."""
    source = "https://example.test"
    return Price(sku, "things", 2.0, 10.0, free, free_each, source, "2026-01-01", verified=True)


def test_what_is_free_is_shared_by_the_parts() -> None:
    """In proportion to their use."""
    parts = [Part("a", "", (), {"x": 300.0}), Part("b", "", (), {"x": 100.0})]
    bill = make_bill(parts, [30.0], {"x": price("x", free=200.0)})

    assert [(cost.full_usd, cost.usd) for cost in bill.parts] == [(60, 30), (20, 10)]
    assert bill.usd == 40
    (charge,) = bill.charges
    assert (charge.quantity, charge.free, charge.charged) == (400, 200, 200)


def test_what_is_free_each_day_cannot_be_saved() -> None:
    """A quiet day leaves nothing to the next."""
    part = Part("a", "", ({"x": 50.0}, {"x": 5.0}))
    bill = make_bill([part], [20.0, 10.0], {"x": price("x", free=10.0, free_each="day")})

    (charge,) = bill.charges
    assert (charge.quantity, charge.free) == (1_050, 20 * 10 + 10 * 5)
    assert bill.usd == pytest.approx(160)


def test_less_than_what_is_free_costs_nothing() -> None:
    """And nothing used is no charge."""
    part = Part("a", "", (), {"x": 100.0})
    bill = make_bill([part], [30.0], {"x": price("x", free=200.0), "y": price("y")})

    assert bill.usd == 0
    assert [charge.price.sku for charge in bill.charges] == ["x"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (3, "3"),
        (1_234, "1,234"),
        (43_800, "43.8k"),
        (999_900, "1,000k"),
        (2_190_000, "2.19M"),
        (12_345_678_901, "12.3G"),
        (2e12, "2,000G"),
    ],
)
def test_numbers_are_short(number: float, text: str) -> None:
    """Three digits."""
    assert round_count(number) == text
