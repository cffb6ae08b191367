"""What a person sees while a run works: a live table on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.local.scenario import Snapshot

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
    """A line every two seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.seconds < self._next:
            return
        self._next = snapshot.seconds + _LINE_SECONDS
        progress, effects = snapshot.progress, snapshot.effects
        self._console.print(
            f"{snapshot.seconds:6.1f} s  {snapshot.phase:<10}  emitted {_of(snapshot.emitted):>4}  "
            f"published {len(progress.events):>4}  repeats {progress.repeats:>3}  "
            f"markers {effects.markers:>2}/{effects.markers_wanted:<2}  "
            f"URLs {effects.urls:>2}/{effects.urls_wanted:<2}  "
            f"windows {progress.windows} (+{progress.killed_windows} killed)",
            highlight=False,
            soft_wrap=True,
        )


def _of(emitted: int | None) -> str:
    return "?" if emitted is None else str(emitted)


def _table(snapshot: Snapshot) -> Table:
    progress, effects = snapshot.progress, snapshot.effects
    grid = Table(title=f"{snapshot.phase}, {snapshot.seconds:.0f} s", title_justify="left")
    for name in ("emitted", "published", "repeats", "markers", "URLs", "windows", "cursor"):
        grid.add_column(name, justify="right")
    grid.add_row(
        _of(snapshot.emitted),
        str(len(progress.events)),
        str(progress.repeats),
        f"{effects.markers}/{effects.markers_wanted}",
        f"{effects.urls}/{effects.urls_wanted}",
        f"{progress.windows} (+{progress.killed_windows} killed)",
        snapshot.cursor or "-",
    )
    return grid
