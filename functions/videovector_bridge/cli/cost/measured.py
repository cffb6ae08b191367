"""What the bridge does for an event, a message and a run: the numbers of `measured.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("measured.toml")


@dataclass(frozen=True, slots=True)
class Action:
    """A message with an effect: CPU, requests to VideoVector, documents read and written.

    `one_time`: the record belongs to one event, so Firestore deletes it later by its TTL.
    """

    cpu_ms: float
    api_calls: float
    reads: float
    writes: float
    one_time: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """All numbers. `actions` are by name; the other tables are as in the file.

    `sources` has the date and the command of each table.
    """

    actions: Mapping[str, Action]
    event: Mapping[str, float]
    drain: Mapping[str, float]
    live: Mapping[str, float]
    firestore: Mapping[str, float]
    reconcile: Mapping[str, float]
    canary: Mapping[str, float]
    webhook: Mapping[str, float]
    logs: Mapping[str, float]
    secrets: Mapping[str, float]
    alerts: Mapping[str, float]
    sources: Mapping[str, tuple[str, str]]


def read_measured() -> Measured:
    """Return the numbers of the bridge's own file."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    actions = tables.pop("actions")
    named = {**tables, **{f"actions.{name}": table for name, table in actions.items()}}
    return Measured(
        actions={name: Action(**_numbers(table)) for name, table in actions.items()},
        **{name: _numbers(table) for name, table in tables.items()},
        sources={name: (table["date"], table["command"]) for name, table in named.items()},
    )


def _numbers(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in ("date", "command")}
