"""The result of a bench, and `build/bench.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tests.bench.figures import Ratio, Spread, Summary, compare, spread, summarise
from tests.bench.hand_overs import HandOvers
from tests.bench.latency import LIVE, Latency
from tests.bench.plan import Plan
from tests.bench.row import Row
from tests.bench.scale import Scale

_WINDOW_P99_MS: Final = 50
_HAND_OVER_P99_MS: Final = 1_500
_GAP_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured. `rounds` has the rows of the throughput by their name."""

    plan: Plan
    cpus: int
    rounds: Mapping[str, Sequence[Row]]
    scale: Scale
    latency: Sequence[Latency]
    hand_overs: HandOvers | None
    deliveries: Sequence[Row]
    messages: Sequence[Row]

    @property
    def summaries(self) -> list[Summary]:
        """The throughput of each kind of work."""
        return [summarise(rows) for rows in self.rounds.values()]

    @property
    def ratios(self) -> list[Ratio]:
        """The bridge compared with the others."""
        return compare(self.rounds)

    @property
    def missed_goals(self) -> list[str]:
        """A sentence for each goal that was not reached."""
        ratios = [
            f"{ratio.name} is {ratio.spread.median:.2f}, the goal {ratio.goal:g}."
            for ratio in self.ratios
            if ratio.missed
        ]
        return ratios + self.scale.missed + self._missed_latency

    @property
    def _missed_latency(self) -> list[str]:
        missed = [
            f"p99 of {each.name} at {each.rate:,} events/s is {each.p99_ms:g} ms, the goal "
            f"{_WINDOW_P99_MS}."
            for each in self.latency
            if each.name == LIVE and each.p99_ms > _WINDOW_P99_MS
        ]
        if (over := self.hand_overs) is None:
            return missed
        if over.latency.p99_ms > _HAND_OVER_P99_MS:
            missed.append(
                f"p99 over hand-overs is {over.latency.p99_ms:g} ms, the goal {_HAND_OVER_P99_MS}."
            )
        if over.longest_gap_seconds > _GAP_SECONDS:
            missed.append(
                f"{over.longest_gap_seconds:g} s passed without a reader, the goal {_GAP_SECONDS}."
            )
        return missed

    def as_json(self) -> dict[str, Any]:
        """Return the file's content. The keys of `rows` are fixed; its figures are medians."""
        return {
            "cpus": self.cpus,
            "events": self.plan.events,
            "rounds": self.plan.rounds,
            "rows": [
                *(_summary_json(summary) for summary in self.summaries),
                *(asdict(row) for row in (*self.deliveries, *self.messages)),
            ],
            "ratios": [_ratio_json(ratio) for ratio in self.ratios],
            "scale": {
                "points": [asdict(point) for point in self.scale.points],
                **asdict(self.scale.fit),
            },
            "latency": [asdict(each) for each in self.latency],
            "hand_overs": None if self.hand_overs is None else asdict(self.hand_overs),
            "missed_goals": self.missed_goals,
        }


def _summary_json(summary: Summary) -> dict[str, Any]:
    spreads = {
        "events_per_second": summary.events_per_second,
        "cpu_us_per_event": summary.cpu_us_per_event,
        "rss_mb": summary.rss_mb,
    }
    medians = {name: round(each.median, 2) for name, each in spreads.items()}
    ranges = {name: _range(each) for name, each in spreads.items()}
    return {"name": summary.name, **medians, "spread": ranges}


def _ratio_json(ratio: Ratio) -> dict[str, Any]:
    return {
        "name": ratio.name,
        "median": round(ratio.spread.median, 3),
        "spread": _range(ratio.spread, 3),
        "rounds": [round(value, 3) for value in ratio.rounds],
        "cpu": round(spread(ratio.cpu_rounds).median, 3),
        "goal": ratio.goal,
        "missed": ratio.missed,
    }


def _range(values: Spread, digits: int = 2) -> list[float]:
    return [round(values.low, digits), round(values.high, digits)]
