"""Output of commands: results on standard output, messages on standard error."""

import sys
from collections.abc import Sequence
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videovector_bridge.redact import redact, redact_all

WIDE = 10_000
"""The width without a terminal, where lines are not wrapped: other programs read them."""


def print_message(message: str) -> None:
    """Print a message for a person on standard error."""
    typer.echo(redact(message), err=True)


def print_json(value: Any) -> None:
    """Print one JSON document; the query strings of URLs are redacted."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    typer.echo(orjson.dumps(redact_all(value), option=options).decode(), nl=False)


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """Print names and values in two columns, without values that are None."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        if value is not None:
            typer.echo(f"{name:<{width}}  {_format(value)}")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with numbers aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for index, name in enumerate(columns):
        numbers = all(isinstance(row[index], int | None) for row in rows)
        table.add_column(name, justify="right" if rows and numbers else "left", overflow="fold")
    for row in rows:
        # In a plain string, rich reads brackets as markup.
        table.add_row(*[Text(_format(value)) for value in row])
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _format(value: object) -> str:
    if isinstance(value, list | tuple):
        return redact(", ".join(map(str, value)))
    return "" if value is None else redact(str(value))
