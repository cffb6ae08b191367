"""The progress of a run: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.local.oracle.observer import Snapshot

_LINE_SECONDS = 2.0


@contextmanager
def live_view(console: Console) -> Iterator[Callable[[Snapshot], None]]:
    """Yield a function that shows a snapshot."""
    if not console.is_terminal:
        yield _Lines(console).show
        return
    with Live(console=console, refresh_per_second=5, transient=True) as live:
        yield lambda snapshot: live.update(_table(snapshot))


class _Lines:
    """Prints a line every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.seconds < self._next:
            return
        self._next = snapshot.seconds + _LINE_SECONDS
        cells = "  ".join(f"{name} {value:>4}" for name, value in _cells(snapshot).items())
        line = f"{snapshot.seconds:5.1f} s  {snapshot.phase:<10}  {cells}"
        self._console.print(line, highlight=False, soft_wrap=True)


def _cells(snapshot: Snapshot) -> dict[str, str]:
    progress, effects, sent = snapshot.progress, snapshot.effects, snapshot.webhooks
    return {
        "emitted": "?" if snapshot.emitted is None else str(snapshot.emitted),
        "published": str(len(progress.events)),
        "repeats": str(progress.repeats),
        "webhooks": f"{len(progress.webhooks)}/{sent.events if sent else '?'}",
        "effects": f"{effects.confirmed.total()}/{effects.expected.total()}",
        "reconciled": f"{snapshot.lost_ends.reconciled}/{snapshot.lost_ends.expected}",
        "windows": str(progress.windows + progress.cut_windows),
        "killed": str(snapshot.killed_windows),
        "busy": str(progress.busy_windows),
    }


def _table(snapshot: Snapshot) -> Table:
    last = snapshot.progress.last_window
    grid = Table(
        title=f"{snapshot.phase}, {snapshot.seconds:.0f} s",
        caption=f"Cursor: {snapshot.cursor or 'none'}\nLast window: {last.get('message', 'none')}",
        title_justify="left",
        caption_justify="left",
    )
    cells = _cells(snapshot)
    for name in cells:
        grid.add_column(name, justify="right")
    grid.add_row(*cells.values())
    return grid
