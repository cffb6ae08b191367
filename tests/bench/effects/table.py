"""The tables of the effects benchmark, 80 columns wide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, quantiles

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tests.bench.effects.stages import STAGES


@dataclass(frozen=True, slots=True)
class Phase:
    """The messages of a phase: milliseconds by stage, and their `total`."""

    name: str
    messages: list[Mapping[str, float]] = field(default_factory=list)


def print_report(title: str, phases: Sequence[Phase], cpu: Sequence[Mapping[str, float]]) -> None:
    """Print a row for each stage, and the CPU seconds of a burst by process, its median run."""
    console = Console(width=80)
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 0))
    table.add_column("ms", min_width=9)
    for phase in phases:
        for name in (f"{phase.name} p50", "p99", "share"):
            table.add_column(name, justify="right", no_wrap=True)
    for stage in (*STAGES, "total"):
        cells = [cell for phase in phases for cell in _cells(phase, stage)]
        table.add_row(stage, *cells, end_section=stage == STAGES[-1])
    table.add_row("messages", *(c for p in phases for c in (f"{len(p.messages):,}", "", "")))
    console.print(table)
    names = sorted({name for run in cpu for name in run})
    seconds = {name: median(run.get(name, 0.0) for run in cpu) for name in names}
    processes = Table(title="CPU of a burst", title_justify="left", box=SIMPLE)
    processes.add_column("process")
    processes.add_column("CPU s", justify="right")
    for name, used in sorted(seconds.items(), key=lambda item: -item[1]):
        processes.add_row(name, f"{used:.2f}")
    processes.add_row("sum", f"{sum(seconds.values()):.2f}")
    console.print(processes)


def _cells(phase: Phase, stage: str) -> tuple[str, str, str]:
    values = [message.get(stage, 0.0) for message in phase.messages]
    cuts = quantiles(values, n=100, method="inclusive")
    share = fmean(values) / fmean(message["total"] for message in phase.messages)
    return f"{cuts[49]:,.0f}", f"{cuts[98]:,.0f}", f"{share:.0%}"
