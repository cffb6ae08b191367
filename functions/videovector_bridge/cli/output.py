"""What the command line says: results on standard output, all else on standard error."""

import sys
from collections.abc import Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videovector_bridge.redact import redact, redact_all

# Where there is no terminal, a line is as long as it is: it is searched and cut by others.
_UNBOUNDED = 10_000


def tell(message: str) -> None:
    """Tell a person, on standard error."""
    typer.echo(redact(message), err=True)


def show_json(value: Any) -> None:
    """Write one JSON document, with the queries of addresses hidden."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    typer.echo(orjson.dumps(redact_all(value), option=options).decode(), nl=False)


def show_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Write names and values in two columns; what is None is left out."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value is not None:
            typer.echo(f"{name:<{width}}  {_text(value)}")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table; numbers to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(columns):
        numbers = all(isinstance(row[index], int | None) for row in rows)
        table.add_column(name, justify="right" if rows and numbers else "left", overflow="fold")
    for row in rows:
        # As Text, because brackets in a plain string would be taken for markup.
        table.add_row(*[Text(_text(value)) for value in row])
    _console().print(table)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return redact(", ".join(map(str, value)))
    return "" if value is None else redact(str(value))


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED)
