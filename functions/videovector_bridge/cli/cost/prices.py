"""The prices of Google Cloud, from `prices.toml` or a file of the same form."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from videovector_bridge.errors import SettingsError

FILE: Final = Path(__file__).with_name("prices.toml")

Period = Literal["day", "month"]

_TEXTS: Final = ("unit", "source", "date")


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one thing: `usd` for `per` units, of which `free` cost nothing each period.

    `verified` says that the amount was read on Google's own page.
    """

    sku: str
    unit: str
    usd: float
    per: float
    free: float
    free_each: Period
    source: str
    date: str
    verified: bool


Prices = Mapping[str, Price]


def parse_prices(text: str, name: str) -> dict[str, Price]:
    """Return the prices by `sku`. Raises `SettingsError` with every problem of the text."""
    try:
        tables = tomllib.loads(text)["price"]
        problems: list[str] = []
        prices = [_parse_price(table, problems) for table in tables]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError([f"{name!r} is no table of prices: {error!r}"]) from None
    if problems:
        raise SettingsError([f"{name!r}: {problem}" for problem in problems])
    return {price.sku: price for price in prices}


def read_prices() -> dict[str, Price]:
    """Return the prices of the bridge's own table."""
    return parse_prices(FILE.read_text(encoding="utf-8"), FILE.name)


def without_free_tier(prices: Prices) -> dict[str, Price]:
    """Return the prices with nothing free."""
    return {sku: replace(price, free=0.0) for sku, price in prices.items()}


def find_missing(prices: Prices, needed: Prices) -> list[str]:
    """Return the `sku`s of `needed` that `prices` lacks."""
    return sorted(needed.keys() - prices.keys())


def _parse_price(table: Mapping[str, Any], problems: list[str]) -> Price:
    sku = str(table.get("sku", ""))
    where = f"the price {sku!r}"

    def number(key: str, low: float) -> float:
        value = table.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < low:
            problems.append(f"{where}: {key} must be a number of {low:g} or more, not {value!r}")
            return 1.0
        return float(value)

    per = number("per", 0)
    if not per:
        problems.append(f"{where}: per must not be 0")
    if table.get("free_each") not in get_args(Period):
        problems.append(f"{where}: free_each must be day or month, not {table.get('free_each')!r}")
    problems.extend(f"{where} has no {key}" for key in _TEXTS if not table.get(key))
    return Price(
        sku,
        *(str(table.get("unit", "")), number("usd", 0), per, number("free", 0)),
        "day" if table.get("free_each") == "day" else "month",
        str(table.get("source", "")),
        str(table.get("date", "")),
        verified=table.get("verified") is True,
    )
