"""Medians, spreads, ratios of one round, and the linear fit."""

import pytest

from tests.bench.figures import (
    BRIDGE,
    ORDINARY_ORDERED,
    PUBLISH_ONLY,
    Spread,
    compare,
    fit_line,
    percentile,
    spread,
    summarise,
)
from tests.bench.row import Row


def rows(name: str, *rates: float) -> list[Row]:
    """A row for each rate."""
    return [Row(name, rate, rate / 10, 100.0) for rate in rates]


def test_a_spread_has_the_median_and_both_ends() -> None:
    """The order of the rounds does not matter; one round is its own median."""
    assert spread([9.0, 1.0, 2.0]) == Spread(2.0, 1.0, 9.0)
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)


def test_a_summary_has_a_spread_for_each_figure() -> None:
    """Rate, CPU and memory apart."""
    summary = summarise(rows("x", 10.0, 30.0, 20.0))

    assert summary.name == "x"
    assert summary.events_per_second == Spread(20.0, 10.0, 30.0)
    assert summary.cpu_us_per_event == Spread(2.0, 1.0, 3.0)
    assert summary.rss_mb == Spread(100.0, 100.0, 100.0)


def test_a_ratio_compares_rows_of_the_same_round() -> None:
    """A slow round of the machine slows both: the ratio of medians would be 20 / 4 = 5."""
    (ratio,) = compare(
        {BRIDGE: rows(BRIDGE, 20.0, 4.0, 60.0), ORDINARY_ORDERED: rows("o", 2.0, 4.0, 20.0)}
    )

    assert ratio.rounds == (10.0, 1.0, 3.0)
    assert ratio.spread == Spread(3.0, 1.0, 10.0)
    assert ratio.cpu_rounds == (0.1, 1.0, 1 / 3)


@pytest.mark.parametrize(("rate", "missed"), [(5.9, True), (6.0, False), (6.1, False)])
def test_a_goal_is_missed_below_it(rate: float, missed: bool) -> None:  # noqa: FBT001 - the expectation
    """Of publish only, 60 % is the goal."""
    (ratio,) = compare({BRIDGE: rows(BRIDGE, rate), PUBLISH_ONLY: rows(PUBLISH_ONLY, 10.0)})

    assert ratio.goal == 0.6
    assert ratio.missed == missed


def test_rows_that_were_not_measured_have_no_ratio() -> None:
    """Without emulators neither the bridge's row nor most others exist."""
    assert compare({"read only": rows("read only", 1.0)}) == []
    assert compare({PUBLISH_ONLY: rows(PUBLISH_ONLY, 1.0)}) == []


def test_points_on_a_line_fit_it() -> None:
    """Slope and intercept are those of the line, and R^2 is 1."""
    fit = fit_line([1.0, 2.0, 4.0], [5.0, 7.0, 11.0])

    assert fit.slope == pytest.approx(2.0)
    assert fit.intercept == pytest.approx(3.0)
    assert fit.r_squared == pytest.approx(1.0)


def test_points_off_the_line_lower_r_squared() -> None:
    """Time that grows with the square of the backlog misses 0.99."""
    xs = [1.0, 3.0, 10.0, 30.0, 100.0]

    assert fit_line(xs, [x * x for x in xs]).r_squared < 0.99


def test_percentiles_are_interpolated() -> None:
    """As in `statistics.quantiles`; of one figure, the figure."""
    assert percentile([float(n) for n in range(101)], 99) == pytest.approx(99.0)
    assert percentile([float(n) for n in range(101)], 50) == pytest.approx(50.0)
    assert percentile([7.0], 99) == 7.0
