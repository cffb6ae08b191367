"""Which figures of a report are drawn, and how. Pure: only `plots.py` needs matplotlib.

A chart is a file with panels side by side. For a new one, write a function from the content of a
report to a chart, and add it to `SOURCES` beside its report.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure with the lowest and the highest value of all rounds."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dots:
    """A panel with a dot for each figure, the first one at the top, on a logarithmic axis."""

    title: str
    x_label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Points that a line connects."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """A panel with lines. Axes in `logarithmic` (`x`, `y`) are so; else the y axis begins at 0."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    logarithmic: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A file `NAME.svg`."""

    name: str
    panels: tuple[Dots | Lines, ...]


def throughput(report: Mapping[str, Any]) -> Chart:
    """Return the rate and the CPU time of each row of several rounds."""
    rows = [row for row in report["rows"] if "spread" in row]

    def dots(key: str) -> tuple[Dot, ...]:
        return tuple(Dot(row["name"], row[key], *row["spread"][key]) for row in rows)

    scope = f"{report['events']:,} events, rounds: {report['rounds']}"
    return Chart(
        "throughput",
        (
            Dots(f"Throughput ({scope})", "events/s", dots("events_per_second")),
            Dots("CPU time of an event", "microseconds", dots("cpu_us_per_event")),
        ),
    )


def scale(report: Mapping[str, Any]) -> Chart:
    """Return time and memory of windows of several sizes."""
    points = report["scale"]["points"]
    millions = tuple(point["events"] / 1e6 for point in points)
    seconds = tuple(point["seconds"] for point in points)
    memory = tuple(point["rss_mb"] for point in points)
    fit = report["scale"]["r_squared"]
    events = "events in one window, millions"
    return Chart(
        "scale",
        (
            Lines(f"Time (R² = {fit:.4f})", events, "seconds", (Series("", millions, seconds),)),
            Lines("Peak memory", events, "MB", (Series("", millions, memory),)),
        ),
    )


def latency(report: Mapping[str, Any]) -> Chart | None:
    """Return the delays by rate, or None for a report without them."""
    names = list(dict.fromkeys(each["name"] for each in report["latency"]))
    if not names:
        return None
    series = []
    for name in names:
        rows = [each for each in report["latency"] if each["name"] == name]
        rates = tuple(row["rate"] for row in rows)
        for key, label in (("p50_ms", "p50"), ("p99_ms", "p99")):
            series.append(Series(f"{name}, {label}", rates, tuple(row[key] for row in rows)))
    title = "From emitted to published, within one window"
    return Chart("latency", (Lines(title, "events/s", "ms", tuple(series), logarithmic="xy"),))


def cost(plan: Mapping[str, Any]) -> Chart:
    """Return the monthly cost by latency, of the settings to which no other is better."""
    choices = sorted((each["p99_seconds"], each["usd"]) for each in plan["choices"])
    best = [
        (seconds, usd)
        for number, (seconds, usd) in enumerate(choices)
        if usd < min((dearer for _, dearer in choices[:number]), default=math.inf)
    ]
    seconds, dollars = zip(*best, strict=True)
    events = plan["workload"]["events_a_month"]
    title = f"Cheapest settings for a latency ({events / 1e6:g}M events a month)"
    lines = Lines(
        title,
        "99 % of the events have their message within, s",
        "$ a month",
        (Series("", seconds, dollars),),
        logarithmic="x",
    )
    return Chart("cost", (lines,))


Draw = Callable[[Mapping[str, Any]], Chart | None]
"""From the content of a report to a chart."""

SOURCES: Final[Mapping[str, tuple[Draw, ...]]] = {
    "bench.json": (throughput, scale, latency),
    "cost.json": (cost,),
}
"""The reports in `build/`, and the charts of each."""


def list_charts(reports: Mapping[str, Mapping[str, Any]]) -> list[Chart]:
    """Return the charts of the reports that exist, by their file names."""
    charts = [
        draw(reports[file]) for file, draws in SOURCES.items() if file in reports for draw in draws
    ]
    return [chart for chart in charts if chart is not None]
