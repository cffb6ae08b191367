"""`cli.cost.prices`: the table of prices."""

import pytest

from videovector_bridge.cli.cost.prices import (
    FILE,
    find_missing,
    parse_prices,
    read_prices,
    without_free_tier,
)
from videovector_bridge.errors import SettingsError

ONE = """
[[price]]
sku = "run.cpu"
unit = "vCPU s"
usd = 0.5
per = 2
free = 10
free_each = "month"
source = "https://example.test"
date = "2026-01-01"
verified = true
"""


def test_a_price_has_its_source_and_date() -> None:
    """Each of the bridge's own prices does, and says whether Google's page was read."""
    prices = read_prices()

    assert len(prices) == FILE.read_text(encoding="utf-8").count("[[price]]")
    for price in prices.values():
        assert price.source.startswith("https://")
        assert price.date.startswith("2026-")
        assert price.usd > 0
        assert price.per > 0


def test_a_table_is_parsed() -> None:
    """By the name of each price."""
    price = parse_prices(ONE, "mine.toml")["run.cpu"]

    assert (price.usd, price.per, price.free, price.free_each) == (0.5, 2, 10, "month")
    assert price.verified


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("usd = 0.5", 'usd = "a"', "usd must be a number of 0 or more, not 'a'"),
        ("usd = 0.5", "usd = true", "usd must be a number of 0 or more, not True"),
        ("free = 10", "free = -1", "free must be a number of 0 or more, not -1"),
        ("per = 2", "per = 0", "per must not be 0"),
        ('free_each = "month"', 'free_each = "year"', "free_each must be day or month"),
        ('source = "https://example.test"', "", "has no source"),
    ],
)
def test_a_wrong_price_is_named(old: str, new: str, problem: str) -> None:
    """With the file and what is wrong."""
    with pytest.raises(SettingsError) as caught:
        parse_prices(ONE.replace(old, new), "mine.toml")

    (text,) = caught.value.problems
    assert text.startswith("'mine.toml': the price 'run.cpu'")
    assert problem in text


@pytest.mark.parametrize("text", ["", "price = 1", "[[", "price = [1]"])
def test_other_files_are_refused(text: str) -> None:
    """They have no prices."""
    with pytest.raises(SettingsError, match="no table of prices"):
        parse_prices(text, "mine.toml")


def test_missing_prices_are_listed() -> None:
    """So that another table can be completed."""
    own = read_prices()

    assert find_missing(parse_prices(ONE, "mine.toml"), own) == sorted(own.keys() - {"run.cpu"})


def test_without_free_tier_nothing_is_free() -> None:
    """The amounts stay."""
    prices = without_free_tier(parse_prices(ONE, "mine.toml"))

    assert (prices["run.cpu"].free, prices["run.cpu"].usd) == (0, 0.5)
