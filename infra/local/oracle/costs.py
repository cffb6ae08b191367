"""What an event costs by action, counted from the log lines of the functions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_DONE: Final = ".done"
_COUNTS: Final = {"api_calls": "api_calls", "reads": "store_reads", "writes": "store_writes"}


def read_costs(logs: Iterable[Path]) -> dict[str, dict[str, float]]:
    """By action: how many events it was done for, and the averages of what one of them took.

    Requests to VideoVector, and reads and writes of documents. An event that two automations of
    the action act on counts twice. Attempts that failed are not in the logs with their costs.
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
    """The lines that are JSON objects; servers write others as well."""
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
