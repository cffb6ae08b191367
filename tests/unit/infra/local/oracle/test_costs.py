"""The cost of an event by action, counted from logs."""

import json
from pathlib import Path
from typing import Any

from infra.local.oracle.costs import read_costs


def logged(folder: Path, *lines: dict[str, Any] | str) -> Path:
    """A function's log."""
    file = folder / "function.log"
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    file.write_text(text, encoding="utf-8")
    return file


def done(action: str, calls: int, reads: int, writes: int) -> dict[str, Any]:
    """The log line of a completed effect."""
    counts = {"api_calls": calls, "store_reads": reads, "store_writes": writes}
    return {"event": f"{action}.done", **counts}


def test_costs_are_averages_by_action(tmp_path: Path) -> None:
    """The average is over the events that the action completed."""
    log = logged(
        tmp_path,
        done("search", 1, 20, 2),
        done("search", 2, 21, 5),
        done("upsert_marker", 1, 1, 2),
    )

    assert read_costs([log]) == {
        "search": {"events": 2, "api_calls": 1.5, "reads": 20.5, "writes": 3.5},
        "upsert_marker": {"events": 1, "api_calls": 1.0, "reads": 1.0, "writes": 2.0},
    }


def test_other_lines_do_not_count(tmp_path: Path) -> None:
    """Lines of servers, and outcomes without costs, are ignored."""
    log = logged(
        tmp_path,
        "[2026-01-01] Booting worker",
        '"text"',
        '{"event": "search.done"',
        {"event": "search.done"},
        {"event": "search.done_before", "api_calls": 0, "store_reads": 1, "store_writes": 0},
        {"event": 7},
    )

    assert read_costs([log, tmp_path / "never-started.log"]) == {}
