"""When events arrive: the patterns, as the number of events in each second of a day.

A pattern has one or two kinds of days. Arrivals are random with a fixed seed, so that a plan is
the same each time.

- `steady`: at a constant rate, day and night.
- `office-hours`: 90 % on weekdays from 08:00 to 18:00; the rest at a constant rate.
- `bursts`: runs of 100 events over 50 seconds, which begin at any time.
- `nightly`: all between 02:00 and 03:00.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from videovector_bridge.cli.cost.workload import DAYS_A_MONTH, Pattern

DAY: Final = 86_400

_HOUR: Final = 3_600
_WEEKDAYS: Final = 5 / 7
_OFFICE: Final = (8 * _HOUR, 18 * _HOUR)
_OFFICE_SHARE: Final = 0.9
_NIGHT: Final = (2 * _HOUR, 3 * _HOUR)
_RUN_EVENTS: Final = 100
_RUN_SECONDS: Final = 50
_NORMAL_FROM: Final = 30.0  # the mean from which a normal distribution is close enough


@dataclass(frozen=True, slots=True)
class Day:
    """A kind of day: how many of them a month has, and the events of each second."""

    days: float
    arrivals: Sequence[int]


@lru_cache(maxsize=4)
def make_days(pattern: Pattern, events_a_month: float) -> tuple[Day, ...]:
    """Return the kinds of days of a pattern. The number of events is close to the one asked."""
    source = random.Random(f"{pattern} {events_a_month}")  # noqa: S311 - arrival times
    a_day = events_a_month / DAYS_A_MONTH
    if pattern == "office-hours":
        base = a_day * (1 - _OFFICE_SHARE) / DAY
        begin, end = _OFFICE
        busy = base + a_day * _OFFICE_SHARE / _WEEKDAYS / (end - begin)
        weekday = [busy if begin <= second < end else base for second in range(DAY)]
        return (
            Day(DAYS_A_MONTH * _WEEKDAYS, _draw(source, weekday)),
            Day(DAYS_A_MONTH * (1 - _WEEKDAYS), _draw(source, [base] * DAY)),
        )
    if pattern == "bursts":
        return (Day(DAYS_A_MONTH, _draw_runs(source, a_day / _RUN_EVENTS / DAY)),)
    if pattern == "nightly":
        begin, end = _NIGHT
        night = [a_day / (end - begin) if begin <= s < end else 0.0 for s in range(DAY)]
        return (Day(DAYS_A_MONTH, _draw(source, night)),)
    return (Day(DAYS_A_MONTH, _draw(source, [a_day / DAY] * DAY)),)


def _draw_runs(source: random.Random, rate: float) -> list[int]:
    """Return the events of runs that begin at `rate` a second; one at the end wraps around."""
    arrivals = [0] * DAY
    for second, runs in enumerate(_draw(source, [rate] * DAY)):
        for offset in range(_RUN_SECONDS if runs else 0):
            arrivals[(second + offset) % DAY] += runs * _RUN_EVENTS // _RUN_SECONDS
    return arrivals


def _draw(source: random.Random, rates: Sequence[float]) -> list[int]:
    return list(_poisson(source, rates))


def _poisson(source: random.Random, rates: Sequence[float]) -> Iterator[int]:
    """Yield Poisson-distributed numbers with these means."""
    for rate in rates:
        if rate <= 0:
            yield 0
        elif rate > _NORMAL_FROM:
            yield max(0, round(source.gauss(rate, math.sqrt(rate))))
        else:  # Knuth's method
            number, product, limit = -1, 1.0, math.exp(-rate)
            while product > limit:
                number += 1
                product *= source.random()
            yield number
