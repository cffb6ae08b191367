"""The results of a run: progress lines, the table, and `build/acceptance.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.acceptance.course import Outcome, Result

_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole run. `left_out` has a sentence for each course that could not run here."""

    cloud: str
    seconds: float
    results: tuple[Result, ...]
    left_out: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no step failed and at least one ran."""
        outcomes = {result.outcome for result in self.results}
        return Outcome.OK in outcomes and Outcome.FAILED not in outcomes


def open_console() -> Console:
    """Return a console for standard output; without a terminal, as wide as the table."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=_WIDTH, highlight=False)


def describe_progress(result: Result) -> str:
    """Return the line that reports a step when it ends."""
    name = f"{result.course}: {result.step}"
    detail = f"  {result.detail}" if result.detail else ""
    return f"{name:<40} {result.outcome:<8} {result.seconds:6.1f} s{detail}"


def list_failures(results: Sequence[Result]) -> list[str]:
    """Return each failure as a sentence that names its step."""
    return [
        f"{result.course}: {result.step}: {failure}"
        for result in results
        for failure in result.failures
    ]


def make_table(summary: Summary) -> Table:
    """Return the steps, what each checked, its outcome and its seconds."""
    table = Table(title=f"Acceptance: {summary.cloud}", title_justify="left")
    for name in ("course", "step"):
        table.add_column(name, no_wrap=True)
    table.add_column("checked")
    table.add_column("outcome", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    course = ""
    for result in summary.results:
        first = result.course != course
        course = result.course
        table.add_row(
            course if first else "",
            result.step,
            result.checked,
            result.outcome,
            f"{result.seconds:.1f}",
        )
    return table


def to_json(summary: Summary) -> Mapping[str, Any]:
    """Return the content of `build/acceptance.json`."""
    return {
        "ok": summary.ok,
        "cloud": summary.cloud,
        "seconds": summary.seconds,
        "left_out": list(summary.left_out),
        "steps": [asdict(result) for result in summary.results],
    }
