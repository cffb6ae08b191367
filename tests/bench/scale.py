"""Time and memory of windows of several sizes: time grows with the backlog, memory does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.local.clouds.emulators import Emulators
from infra.local.processes.upstream import Upstream
from tests.bench.bridge import drain_flood
from tests.bench.figures import Fit, fit_line

R_SQUARED_GOAL: Final = 0.99
RSS_GOAL_MB: Final = 150.0


@dataclass(frozen=True, slots=True)
class Point:
    """One window: its events, its seconds, the peak memory of a new instance."""

    events: int
    seconds: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Windows of several sizes."""

    points: tuple[Point, ...]

    @property
    def fit(self) -> Fit:
        """The line of seconds over events."""
        events = [float(point.events) for point in self.points]
        return fit_line(events, [point.seconds for point in self.points])

    @property
    def missed(self) -> list[str]:
        """A sentence for each goal that was not reached."""
        missed = []
        if self.fit.r_squared < R_SQUARED_GOAL:
            missed.append(f"R^2 of time is {self.fit.r_squared:.4f}, the goal {R_SQUARED_GOAL}.")
        highest = max(point.rss_mb for point in self.points)
        if highest > RSS_GOAL_MB:
            missed.append(f"A window used {highest:.0f} MB, the goal is {RSS_GOAL_MB:.0f} MB.")
        return missed


def measure_scale(
    upstream: Upstream,
    emulators: Emulators | None,
    sizes: Sequence[int],
    say: Callable[[str], None],
) -> Scale:
    """Drain each number of events in one window of a new instance."""
    points = []
    for events in sizes:
        say(f"Scale, {events:,} events...")
        measured = drain_flood(upstream, events, 16, emulators)
        points.append(Point(events, round(measured.seconds, 3), round(measured.peak_mb, 1)))
    return Scale(tuple(points))
