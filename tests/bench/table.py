"""The rows of a benchmark as a table for the terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench.row import Row

_WIDTH: Final = 150
_NUMBERS: Final = {
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "503": "put_off",
    "reads": "store_reads",
    "writes": "store_writes",
    "API": "api_calls",
}


def open_console() -> Console:
    """Return a console for standard output; without a terminal, as wide as the table."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def make_table(rows: Sequence[Row], *, title: str, limit: float = 0.0) -> Table:
    """Return the table. With `limit` (events/s), each rate is also shown as a share of it."""
    table = Table(title=title, title_justify="left")
    table.add_column("row", no_wrap=True)
    shares = ("of parse",) if limit else ()
    for name in ("events/s", *shares, "CPU us", "RSS MB", *_NUMBERS):
        table.add_column(name, justify="right")
    for row in rows:
        share = (f"{row.events_per_second / limit:.0%}",) if limit else ()
        numbers = (getattr(row, name) for name in _NUMBERS.values())
        table.add_row(
            row.name,
            f"{row.events_per_second:,.0f}",
            *share,
            f"{row.cpu_us_per_event:,.1f}",
            f"{row.rss_mb:.0f}",
            *("" if each is None else f"{each:g}" for each in numbers),
        )
    return table
