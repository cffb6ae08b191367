"""The report of a run: `build/run.json`, a table for people, and its problems."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from types import MappingProxyType
from typing import Any, Final

from rich.table import Table

from infra.local.oracle.effects import KINDS
from infra.local.oracle.failure_report import FailureReport
from infra.local.oracle.observer import Snapshot

NO_COSTS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType({})
_LISTED = 5  # of many missing items, this many are listed


def result(
    snapshot: Snapshot,
    backend: str,
    started_at: datetime,
    crash: str,
    costs: Mapping[str, Mapping[str, float]] = NO_COSTS,
) -> dict[str, Any]:
    """Return the result of a run as JSON values. Scripts rely on the keys."""
    progress, effects, webhooks = snapshot.progress, snapshot.effects, snapshot.webhooks
    checked, failures = not snapshot.unchecked, snapshot.failures
    first = progress.first_event_at
    p50, p99 = percentiles(effects.milliseconds)
    reasons = problems(snapshot, crash)
    return {
        "ok": not reasons,
        "backend": backend,
        "emitted": snapshot.emitted,
        "published": len(progress.events),
        "repeats": progress.repeats,
        "lost": None if snapshot.emitted is None else len(snapshot.missing),
        "rejected": len(progress.rejected),
        **{kind: effects.confirmed.get(kind, 0) if checked else None for kind in KINDS},
        "webhooks": len(progress.webhooks),
        "windows": progress.windows + progress.cut_windows,
        "killed_windows": snapshot.killed_windows,
        "busy_windows": progress.busy_windows,
        "reconnects": progress.reconnects,
        "cursor": snapshot.cursor,
        "first_event_seconds": (
            None if first is None else round((first - started_at).total_seconds(), 2)
        ),
        "effect_ms": {"p50": p50, "p99": p99},
        **{
            f"{kind}_expected": effects.expected.get(kind, 0) if checked else None for kind in KINDS
        },
        "webhooks_expected": webhooks.events if webhooks else None,
        "webhook_repeats": progress.webhook_repeats,
        "red_no_more": effects.red_no_more if checked else None,
        "effects_unchecked": snapshot.unchecked,
        "refusals": failures.refusals,
        "refusals_expected": failures.refusals_expected,
        "redriven": failures.redriven,
        "redriven_expected": failures.redriven_expected,
        "isolated_failures": failures.isolated,
        "isolated_failures_expected": failures.isolated_expected,
        "costs": {action: dict(cost) for action, cost in costs.items()},
        "seconds": round(snapshot.seconds, 2),
        "missing": [*snapshot.missing, *(webhooks.missing if webhooks else ()), *effects.missing],
        "surplus": list(effects.surplus),
        "problems": reasons,
    }


def problems(snapshot: Snapshot, crash: str = "") -> list[str]:
    """Return the reasons why the run failed, as sentences; empty if it passed.

    `crash` is a sentence about a process that ended unexpectedly, or empty.
    """
    progress, rejected = snapshot.progress, snapshot.unexpected
    sentences = [crash] if crash else []
    if snapshot.missing:
        sentences.append(
            f"{len(snapshot.missing)} of {snapshot.emitted} events were not published: "
            f"{_list(snapshot.missing)}."
        )
    webhooks = snapshot.webhooks
    if webhooks is not None and webhooks.missing:
        sentences.append(
            f"{len(webhooks.missing)} of {webhooks.events} events sent to the webhook were not "
            f"published: {_list(webhooks.missing)}."
        )
    if snapshot.emitted is not None:
        if snapshot.emitted and not snapshot.killed_windows:
            sentences.append("No window was killed, so the resume was not tested.")
        if rejected:
            sentences.append(f"{len(rejected)} messages were rejected unexpectedly.")
    sentences += _wrong_effects(snapshot) + _wrong_failures(snapshot.failures)
    if rejected and sentences:
        first = rejected[0].attributes
        sentences.append(f"The first rejection ({first.get('code')}): {first.get('detail')}")
    # A failed window is no problem over the stand-in if a later one published every event.
    last_failed = progress.last_window.get("outcome") == "failed"
    if progress.failures and (sentences or (snapshot.emitted is None and last_failed)):
        sentences.append(f"A window failed: {progress.failures[-1]}")
    return sentences


def _wrong_effects(snapshot: Snapshot) -> list[str]:
    effects = snapshot.effects
    renamed = [key.gcs_uri for key in sorted(snapshot.progress.renamed_urls)]
    items = {
        "effects are missing": effects.missing,
        "effects have no event that causes them": effects.surplus,
        "URLs were published with more than one ce-id": renamed,
    }
    return [f"{len(each)} {what}: {_list(each)}." for what, each in items.items() if each]


def _wrong_failures(failures: FailureReport) -> list[str]:
    counts = (
        ("refusals were reported", failures.refusals, failures.refusals_expected),
        ("redriven messages had their effect", failures.redriven, failures.redriven_expected),
        ("failures did not disturb other effects", failures.isolated, failures.isolated_expected),
    )
    return [
        f"{observed} of {expected} {what}."
        for what, observed, expected in counts
        if observed != expected
    ]


def _list(items: Sequence[str]) -> str:
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def write(summary: dict[str, Any], file: Path) -> None:
    """Write the result; readers never see half of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)


def table(summary: dict[str, Any]) -> Table:
    """Return the result as a table for people."""
    p50, p99 = summary["effect_ms"]["p50"], summary["effect_ms"]["p99"]
    lines = [
        ("Events emitted", _known(summary["emitted"]), ""),
        ("Events published", summary["published"], f"{summary['repeats']} repeats"),
        ("Events lost", _known(summary["lost"]), ""),
        (
            "Events by webhook",
            f"{summary['webhooks']} of {_known(summary['webhooks_expected'])}",
            f"{summary['webhook_repeats']} repeats",
        ),
        ("Rejected", summary["rejected"], f"{summary['refusals_expected']} expected"),
        *_effect_lines(summary),
        ("Refused and redriven", _of(summary, "redriven"), f"{summary['refusals']} on rejected"),
        ("Failures isolated", _of(summary, "isolated_failures"), ""),
        ("Windows", summary["windows"], f"{summary['killed_windows']} killed"),
        ("Lease was held", summary["busy_windows"], "windows"),
        ("Reconnects", summary["reconnects"], "within windows"),
        ("First event after", _unit(summary["first_event_seconds"], "s"), "from the start"),
        ("Effect after", _unit(p50, "ms"), f"median; 99 % in {_unit(p99, 'ms')}"),
        ("Cursor", summary["cursor"] or "none", ""),
        ("Time", _unit(summary["seconds"], "s"), f"backend {summary['backend']}"),
    ]
    grid = Table(title="Result", show_header=False, title_justify="left")
    grid.add_column("what")
    grid.add_column("value", justify="right")
    grid.add_column("note")
    for what, value, note in lines:
        grid.add_row(what, str(value), note)
    return grid


def cost_table(summary: dict[str, Any]) -> Table:
    """Return the average cost of an event by action, as a table for people."""
    grid = Table(title="Average cost of an event", title_justify="left")
    grid.add_column("action")
    for name in ("events", "API calls", "reads", "writes"):
        grid.add_column(name, justify="right")
    for action, cost in summary["costs"].items():
        numbers = (f"{cost[name]:g}" for name in ("events", "api_calls", "reads", "writes"))
        grid.add_row(action, *numbers)
    return grid


def percentiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the 50th and 99th percentile; None without values."""
    if len(values) < 2:
        return (round(values[0], 1),) * 2 if values else (None, None)
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)


def _effect_lines(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    if summary["effects_unchecked"]:
        return [("Effects", "not checked", summary["effects_unchecked"])]
    return [
        ("Markers set", _of(summary, "markers"), ""),
        (
            "Markers deleted",
            _of(summary, "markers_deleted"),
            f"{summary['red_no_more']} no longer red",
        ),
        ("Signed URLs", _of(summary, "signed_urls"), ""),
        ("Previews stored", _of(summary, "previews"), ""),
        ("Videos as documents", _of(summary, "snapshots"), ""),
        ("Matches of searches", _of(summary, "matches"), ""),
    ]


def _of(summary: dict[str, Any], kind: str) -> str:
    return f"{summary[kind]} of {summary[f'{kind}_expected']}"


def _known(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def _unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
