"""A plot of cost against latency, as text."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 56
HEIGHT: Final = 14

_TICKS: Final = (0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0)
_NAMES: Final = ("0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h")


class Point(NamedTuple):
    """A point: latency (s), cost ($ a month), and a letter."""

    seconds: float
    usd: float
    mark: str


def draw_plot(points: Sequence[Point]) -> list[str]:
    """Return the lines of the plot: latency to the right in decades, cost upwards from 0.

    Of several points in one place, the last is drawn.
    """
    most = max(1.0, *(point.usd for point in points))
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]
    for point in points:
        height = round(point.usd / most * (HEIGHT - 1))
        rows[HEIGHT - 1 - height][_column(point.seconds)] = point.mark
    lines = ["cost a month"]
    for number, row in enumerate(rows):
        value = most * (HEIGHT - 1 - number) / (HEIGHT - 1)
        label = f"${value:8,.2f}" if number % 4 == 1 or number == HEIGHT - 1 else ""
        lines.append(f"{label:>9} |{''.join(row).rstrip()}")
    lines.append(f"{'':>9} +{'-' * WIDTH}")
    axis = [" "] * (WIDTH + 8)
    for seconds, name in zip(_TICKS, _NAMES, strict=True):
        at = _column(seconds)
        axis[at : at + len(name)] = name
    lines.append(f"{'':>11}{''.join(axis).rstrip()}")
    lines.append(f"{'':>11}latency: 99 % of the events have their message in this time")
    return lines


def _column(seconds: float) -> int:
    """Return the column of a latency, from `_TICKS[0]` to the last tick."""
    low, high = math.log(_TICKS[0]), math.log(_TICKS[-1])
    place = (math.log(min(max(seconds, _TICKS[0]), _TICKS[-1])) - low) / (high - low)
    return round(place * (WIDTH - 1))
