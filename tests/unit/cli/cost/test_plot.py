"""`cli.cost.plot`: cost against latency, as text."""

import pytest

from videovector_bridge.cli.cost.plot import HEIGHT, Point, draw_plot


def place(lines: list[str], mark: str) -> tuple[int, int]:
    """The row and column of a mark in the plot."""
    ((row, column),) = [
        (row, line.index(mark, 11))
        for row, line in enumerate(lines[1 : HEIGHT + 1])
        if mark in line[11:]
    ]
    return row, column


def test_cost_is_upwards_and_latency_to_the_right() -> None:
    """The dearest point is at the top, a free one at the bottom."""
    lines = draw_plot([Point(0.1, 50.0, "a"), Point(60.0, 25.0, "b"), Point(3_600.0, 0.0, "c")])
    (top, left), (middle, centre), (bottom, right) = (place(lines, mark) for mark in "abc")

    assert (top, bottom) == (0, HEIGHT - 1)
    assert top < middle < bottom
    assert left < centre < right


def test_it_fits_a_terminal() -> None:
    """80 columns, also with points beyond the axes."""
    lines = draw_plot([Point(0.0, 1e6, "a"), Point(1e9, 3.0, "b")])

    assert max(map(len, lines)) <= 80
    assert place(lines, "a")[0] == 0


@pytest.mark.parametrize("usd", [0.0, 0.001])
def test_points_that_cost_nothing_can_be_drawn(usd: float) -> None:
    """At the bottom."""
    assert place(draw_plot([Point(1.0, usd, "x")]), "x")[0] == HEIGHT - 1
