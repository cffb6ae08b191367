"""Tables of the result of a run, for people."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def build_result_table(result: Mapping[str, Any]) -> Table:
    """Return a table of the result."""
    p50, p99 = result["effect_ms"]["p50"], result["effect_ms"]["p99"]
    rows = [
        ("Events emitted", _known(result["emitted"]), ""),
        ("Events published", result["published"], f"{result['repeats']} repeats"),
        ("Events lost", _known(result["lost"]), ""),
        (
            "Events by webhook",
            f"{result['webhooks']} of {_known(result['webhooks_expected'])}",
            f"{result['webhook_repeats']} repeats",
        ),
        ("Rejected", result["rejected"], f"{result['refusals_expected']} expected"),
        *_effect_rows(result),
        ("Refused and redriven", _of(result, "redriven"), f"{result['refusals']} on rejected"),
        (
            "Lost ends reconciled",
            _of(result, "reconciled"),
            f"{result['reconcile_runs']} runs of reconcile",
        ),
        ("Failures isolated", _of(result, "isolated_failures"), ""),
        ("Windows", result["windows"], f"{result['killed_windows']} killed"),
        ("Busy windows", result["busy_windows"], "another had the lease"),
        ("Reconnects", result["reconnects"], "within windows"),
        ("First event after", _unit(result["first_event_seconds"], "s"), "from the start"),
        ("Effect after", _unit(p50, "ms"), f"median; 99 % in {_unit(p99, 'ms')}"),
        ("Cursor", result["cursor"] or "none", ""),
        ("Time", _unit(result["seconds"], "s"), f"backend {result['backend']}"),
    ]
    grid = Table(title="Result", show_header=False, title_justify="left")
    grid.add_column("name")
    grid.add_column("value", justify="right")
    grid.add_column("note")
    for name, value, note in rows:
        grid.add_row(name, str(value), note)
    return grid


def build_cost_table(result: Mapping[str, Any]) -> Table:
    """Return a table of the average cost of an event, by action."""
    grid = Table(title="Average cost of an event", title_justify="left")
    grid.add_column("action")
    for name in ("events", "API calls", "reads", "writes"):
        grid.add_column(name, justify="right")
    for action, cost in result["costs"].items():
        numbers = (f"{cost[name]:g}" for name in ("events", "api_calls", "reads", "writes"))
        grid.add_row(action, *numbers)
    return grid


def _effect_rows(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    if result["effects_unchecked"]:
        return [("Effects", "not checked", result["effects_unchecked"])]
    return [
        ("Markers set", _of(result, "markers"), ""),
        (
            "Markers deleted",
            _of(result, "markers_deleted"),
            f"{result['red_no_more']} no longer red",
        ),
        ("Signed URLs", _of(result, "signed_urls"), ""),
        ("Previews stored", _of(result, "previews"), ""),
        ("Videos as documents", _of(result, "snapshots"), ""),
        ("Matches of searches", _of(result, "matches"), ""),
    ]


def _of(result: Mapping[str, Any], kind: str) -> str:
    return f"{result[kind]} of {result[f'{kind}_expected']}"


def _known(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
