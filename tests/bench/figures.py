"""What the figures of several rounds say: medians, spreads, ratios of one round, a linear fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import correlation, linear_regression, median, quantiles
from typing import Final

from tests.bench.row import Row

BRIDGE: Final = "bridge, 16 lanes"
ORDINARY_ORDERED: Final = "ordinary, ordered"
ORDINARY_UNORDERED: Final = "ordinary, unordered"
TUNED_ORDERED: Final = "tuned, ordered"
TUNED_UNORDERED: Final = "tuned, unordered"
PUBLISH_ONLY: Final = "publish only"

COMPARED: Final[Mapping[str, float | None]] = {
    ORDINARY_ORDERED: 10.0,
    ORDINARY_UNORDERED: 3.0,
    TUNED_ORDERED: None,
    TUNED_UNORDERED: None,
    PUBLISH_ONLY: 0.6,
}
"""What the bridge's rate is divided by, and the least ratio that is the goal, if there is one."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, the lowest and the highest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one figure."""
    return Spread(median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile (1 to 99), interpolated between the figures around it."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class Summary:
    """The rows of one kind of work, from all rounds."""

    name: str
    events_per_second: Spread
    cpu_us_per_event: Spread
    rss_mb: Spread


def summarise(rows: Sequence[Row]) -> Summary:
    """Return the summary of rows that have the same name."""
    return Summary(
        rows[0].name,
        spread([row.events_per_second for row in rows]),
        spread([row.cpu_us_per_event for row in rows]),
        spread([row.rss_mb for row in rows]),
    )


@dataclass(frozen=True, slots=True)
class Ratio:
    """The bridge's rate divided by another one, in each round.

    `cpu_rounds` has the other's CPU time of an event, divided by the bridge's.
    """

    name: str
    rounds: tuple[float, ...]
    cpu_rounds: tuple[float, ...]
    goal: float | None

    @property
    def spread(self) -> Spread:
        """The spread over the rounds."""
        return spread(self.rounds)

    @property
    def missed(self) -> bool:
        """Whether there is a goal that the median does not reach."""
        return self.goal is not None and self.spread.median < self.goal


def compare(rounds: Mapping[str, Sequence[Row]]) -> list[Ratio]:
    """Return the ratios of the bridge's rows to the others that were measured.

    Both rows of a ratio are from one round, so that a slow moment of the machine affects both.
    """
    if BRIDGE not in rounds:
        return []
    ratios = []
    for name, goal in COMPARED.items():
        if name not in rounds:
            continue
        pairs = list(zip(rounds[BRIDGE], rounds[name], strict=True))
        rates = tuple(ours.events_per_second / other.events_per_second for ours, other in pairs)
        cpu = tuple(other.cpu_us_per_event / ours.cpu_us_per_event for ours, other in pairs)
        ratios.append(Ratio(f"bridge / {name}", rates, cpu, goal))
    return ratios


@dataclass(frozen=True, slots=True)
class Fit:
    """A straight line through points: y = `slope` * x + `intercept`; `r_squared` is 1 on it."""

    slope: float
    intercept: float
    r_squared: float


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Fit:
    """Return the line of least squares through at least two different points."""
    slope, intercept = linear_regression(xs, ys)
    return Fit(slope, intercept, correlation(xs, ys) ** 2)
