"""`cli.cost.arrivals`: the patterns of events."""

from typing import get_args

import pytest

from videovector_bridge.cli.cost.arrivals import DAY, make_days
from videovector_bridge.cli.cost.workload import DAYS_A_MONTH, Pattern

HOUR = 3_600
EVENTS = 3_000_000.0


@pytest.mark.parametrize("pattern", get_args(Pattern))
@pytest.mark.parametrize("events", [0.0, 30_000.0, EVENTS, 300_000_000.0])
def test_a_month_has_the_events_that_were_asked_for(pattern: Pattern, events: float) -> None:
    """In days that together are a month."""
    days = make_days(pattern, events)

    assert sum(day.days for day in days) == pytest.approx(DAYS_A_MONTH)
    assert {len(day.arrivals) for day in days} == {DAY}
    assert min(min(day.arrivals) for day in days) >= 0
    # Random numbers: four standard deviations of a day, in bursts of 100.
    total = sum(day.days * sum(day.arrivals) for day in days)
    assert total == pytest.approx(events, abs=4 * (events * DAYS_A_MONTH * 100) ** 0.5)


def test_the_same_days_are_made_each_time() -> None:
    """So that a plan can be compared with another."""
    first = make_days("bursts", EVENTS)
    make_days.cache_clear()

    assert make_days("bursts", EVENTS) == first


def test_office_hours_are_on_weekdays_from_8_to_18() -> None:
    """They have nine of ten events."""
    weekday, weekend = make_days("office-hours", EVENTS)
    in_office = sum(weekday.arrivals[8 * HOUR : 18 * HOUR])

    assert weekday.days / weekend.days == pytest.approx(5 / 2)
    assert in_office * weekday.days > 0.88 * EVENTS
    assert sum(weekend.arrivals) < 0.1 * sum(weekday.arrivals)


def test_bursts_have_two_events_a_second_of_each_run() -> None:
    """A run is 100 events over 50 seconds; between runs there are none."""
    (day,) = make_days("bursts", 3_000.0)

    assert all(events % 2 == 0 for events in day.arrivals)
    assert sum(day.arrivals) % 100 == 0
    assert sum(events > 0 for events in day.arrivals) <= sum(day.arrivals) / 2


def test_nightly_events_arrive_within_an_hour() -> None:
    """From two to three o'clock."""
    (day,) = make_days("nightly", EVENTS)

    assert sum(day.arrivals) == sum(day.arrivals[2 * HOUR : 3 * HOUR]) > 0
