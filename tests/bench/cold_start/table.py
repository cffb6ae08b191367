"""The results of a cold start as tables of 80 columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.cold_start.imports import ImportTimes
from tests.bench.cold_start.starts import Start

GOAL: Final = 1.15
"""The highest ratio that an entry point may have."""
_WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Seconds of the starts of one entry point: medians, and the shortest and the longest.

    `published` is to the first event on the topic, None for functions that publish none. `cpu` is
    the CPU time until the response.
    """

    entry_point: str
    cpus: float | None
    starts: int
    published: float | None
    answered: float
    answered_low: float
    answered_high: float
    cpu: float


def summarize(entry_point: str, cpus: float | None, starts: Sequence[Start]) -> StartTimes:
    """Return the row of several starts, of which there is at least one."""
    answered = [each.answered for each in starts]
    published = [each.published for each in starts if each.published is not None]
    return StartTimes(
        entry_point,
        cpus,
        len(starts),
        round(median(published), 3) if published else None,
        round(median(answered), 3),
        round(min(answered), 3),
        round(max(answered), 3),
        round(median(each.cpu for each in starts), 3),
    )


def open_console() -> Console:
    """Return a console for standard output, 80 columns wide."""
    return Console(width=_WIDTH, highlight=False)


def make_import_table(rows: Iterable[ImportTimes]) -> Table:
    """Return the table of import times. A ratio above the goal has an exclamation mark."""
    table = Table(title="Import, ms", title_justify="left", box=box.SIMPLE)
    table.add_column("entry point", no_wrap=True)
    for name in ("vCPU", "bare", "bridge", "of CPU", "ratio", "quartiles"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.entry_point,
            show_cpus(row.cpus),
            f"{row.bare_ms:.0f}",
            f"{row.bridge_ms:.0f}",
            f"{row.bare_cpu_ms:.0f}/{row.bridge_cpu_ms:.0f}",
            f"{row.ratio:.2f}{'!' if row.ratio > GOAL else ''}",
            f"{row.ratio_low:.2f}-{row.ratio_high:.2f}",
        )
    return table


def make_start_table(rows: Iterable[StartTimes]) -> Table:
    """Return the table of starts."""
    table = Table(title="From process start, s", title_justify="left", box=box.SIMPLE)
    table.add_column("entry point", no_wrap=True)
    for name in ("vCPU", "first event", "response", "low-high", "CPU"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.entry_point,
            show_cpus(row.cpus),
            "" if row.published is None else f"{row.published:.2f}",
            f"{row.answered:.2f}",
            f"{row.answered_low:.2f}-{row.answered_high:.2f}",
            f"{row.cpu:.2f}",
        )
    return table


def show_cpus(cpus: float | None) -> str:
    """Return a limit of CPUs as text."""
    return "full" if cpus is None else f"{cpus:g}"
