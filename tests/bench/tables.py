"""The tables of a bench: one for each question, each at most 80 columns wide."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Ratio, Spread, Summary, spread
from tests.bench.hand_overs import HandOvers
from tests.bench.latency import Latency
from tests.bench.report import Report
from tests.bench.row import Row
from tests.bench.scale import Scale

WIDTH: Final = 80
_WEBHOOK_FIELDS: Final = {"p50": "p50_ms", "p99": "p99_ms", "503": "put_off"}
_SUBSCRIBER_FIELDS: Final = {
    "p50": "p50_ms",
    "p99": "p99_ms",
    "reads": "store_reads",
    "writes": "store_writes",
    "API": "api_calls",
}


def open_console() -> Console:
    """Return a console for standard output; without a terminal, 80 columns wide."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=WIDTH, highlight=False)


def list_tables(report: Report) -> list[Table]:
    """Return the tables of what was measured."""
    tables = [
        throughput_table(report.summaries),
        ratio_table(report.ratios),
        scale_table(report.scale),
        latency_table(report.latency),
        hand_over_table(report.hand_overs),
        webhook_table(report.deliveries),
        subscriber_table(report.messages, title="One instance of a subscriber (p50, p99 in ms)"),
    ]
    return [table for table in tables if table.row_count]


def throughput_table(summaries: Sequence[Summary]) -> Table:
    """Return the rate, cost and memory of each kind of work."""
    table = _table(
        "Throughput, median of all rounds", "events/s", "lowest", "highest", "CPU us", "MB"
    )
    for summary in summaries:
        rate = summary.events_per_second
        table.add_row(
            summary.name,
            *(f"{value:,.0f}" for value in (rate.median, rate.low, rate.high)),
            f"{summary.cpu_us_per_event.median:,.1f}",
            f"{summary.rss_mb.median:.0f}",
        )
    return table


def ratio_table(ratios: Sequence[Ratio]) -> Table:
    """Return the bridge's rate as a multiple of the others', and their CPU time of the bridge's."""
    title = "Ratio of rates in the same round (CPU: of the other's time to the bridge's)"
    table = _table(title, "median", "lowest", "highest", "goal", "", "CPU")
    for ratio in ratios:
        verdict = "" if ratio.goal is None else "missed" if ratio.missed else "reached"
        cpu = f"{spread(ratio.cpu_rounds).median:.2f}"
        goal = "" if ratio.goal is None else f">= {ratio.goal:g}"
        table.add_row(ratio.name, *_numbers(ratio.spread), goal, verdict, cpu)
    return table


def scale_table(scale: Scale) -> Table:
    """Return the time and memory of windows of several sizes."""
    title = f"One window, R^2 of a linear fit: {scale.fit.r_squared:.4f}"
    table = _table(title, "seconds", "events/s", "MB", first="events")
    for point in scale.points:
        rate = point.events / point.seconds
        table.add_row(
            f"{point.events:,}", f"{point.seconds:,.2f}", f"{rate:,.0f}", f"{point.rss_mb:.0f}"
        )
    return table


def latency_table(latency: Sequence[Latency]) -> Table:
    """Return the delays from emitted to published."""
    title = "Emitted to published, in ms, within one window (LINGER_MS: 50, live 10)"
    table = _table(title, "events/s", "events", "p50", "p99", "highest")
    for each in latency:
        numbers = (each.p50_ms, each.p99_ms, each.max_ms)
        table.add_row(
            each.name,
            f"{each.rate:,}",
            f"{each.events:,}",
            *(f"{number:,.1f}" for number in numbers),
        )
    return table


def hand_over_table(over: HandOvers | None) -> Table:
    """Return the delays over hand-overs, and the longest time without a reader."""
    title = "Emitted to published, in ms, over hand-overs of profile live"
    table = _table(title, "events", "p50", "p99", "highest", "gap ms", first="hand-overs")
    if over is not None:
        each = over.latency
        numbers = (each.p50_ms, each.p99_ms, each.max_ms, over.longest_gap_seconds * 1_000)
        table.add_row(f"{over.count}", f"{each.events:,}", *(f"{n:,.0f}" for n in numbers))
    return table


def webhook_table(rows: Sequence[Row]) -> Table:
    """Return the deliveries to one instance of `receive-webhook`."""
    return _rows_table(rows, "One instance of receive-webhook (p50, p99 in ms)", _WEBHOOK_FIELDS)


def subscriber_table(rows: Sequence[Row], *, title: str) -> Table:
    """Return the messages to one instance of a subscriber."""
    return _rows_table(rows, title, _SUBSCRIBER_FIELDS)


def _rows_table(rows: Sequence[Row], title: str, fields: dict[str, str]) -> Table:
    table = _table(title, "per s", "CPU us", "MB", *fields)
    for row in rows:
        numbers = (getattr(row, name) for name in fields.values())
        table.add_row(
            row.name.partition(", ")[2],
            f"{row.events_per_second:,.0f}",
            f"{row.cpu_us_per_event:,.0f}",
            f"{row.rss_mb:.0f}",
            *("" if number is None else f"{number:g}" for number in numbers),
        )
    return table


def _table(title: str, *columns: str, first: str = "") -> Table:
    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        min_width=len(title),  # so that the title has one line
    )
    table.add_column(first, justify="right" if first else "left", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _numbers(values: Spread) -> list[str]:
    return [f"{value:.2f}" for value in (values.median, values.low, values.high)]
