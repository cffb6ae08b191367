"""The average cost of an event by action, counted from the functions' log lines."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_DONE: Final = ".done"
_COUNTS: Final = {"api_calls": "api_calls", "reads": "store_reads", "writes": "store_writes"}


def read_costs(logs: Iterable[Path]) -> dict[str, dict[str, float]]:
    """Return action -> number of events, and average API calls, document reads and writes.

    An event that two automations of an action act on counts twice. The logs have no costs of failed
    attempts.
    """
    done: dict[str, list[Mapping[str, Any]]] = {}
    for line in _lines(logs):
        name = str(line.get("event", ""))
        if name.endswith(_DONE) and all(isinstance(line.get(f), int) for f in _COUNTS.values()):
            done.setdefault(name.removesuffix(_DONE), []).append(line)
    return {action: _averages(lines) for action, lines in sorted(done.items())}


def _averages(lines: list[Mapping[str, Any]]) -> dict[str, float]:
    totals = {name: sum(line[count] for line in lines) for name, count in _COUNTS.items()}
    return {
        "events": len(lines),
        **{name: round(total / len(lines), 2) for name, total in totals.items()},
    }


def _lines(logs: Iterable[Path]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines that are JSON objects; servers write other lines too."""
    for log in logs:
        if not log.exists():
            continue
        for text in log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line
