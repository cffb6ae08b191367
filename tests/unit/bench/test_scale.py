"""The goals of windows of several sizes."""

from tests.bench.scale import Point, Scale


def test_linear_time_and_flat_memory_reach_the_goals() -> None:
    """No sentence."""
    points = (Point(10_000, 0.6, 100.0), Point(100_000, 2.4, 120.0), Point(1_000_000, 20.4, 150.0))

    assert Scale(points).missed == []


def test_each_missed_goal_is_named() -> None:
    """With the figure and the goal."""
    points = (Point(1_000, 1.0, 100.0), Point(2_000, 9.0, 151.0), Point(3_000, 9.0, 100.0))

    time, memory = Scale(points).missed

    assert time == "R^2 of time is 0.7500, the goal 0.99."
    assert memory == "A window used 151 MB, the goal is 150 MB."
