"""The end of a run: `build/run.json`, a table for people, and what is wrong if anything is."""

import json
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.table import Table

from infra.local.scenario import Snapshot


def result(snapshot: Snapshot, backend: str, started_at: datetime) -> dict[str, Any]:
    """The run as plain JSON values. The keys are relied on by scripts."""
    progress, effects = snapshot.progress, snapshot.effects
    first = progress.first_event_at
    middle, high = _percentiles(effects.milliseconds)
    found = {
        "ok": False,
        "backend": backend,
        "emitted": snapshot.emitted,
        "published": len(progress.events),
        "repeats": progress.repeats,
        "lost": snapshot.missing,
        "rejected": len(progress.rejected),
        "markers": effects.markers,
        "signed_urls": effects.urls,
        "webhooks": 0,
        "windows": progress.windows + progress.killed_windows,
        "killed_windows": progress.killed_windows,
        "cursor": snapshot.cursor,
        "first_event_seconds": None if first is None else _seconds(started_at, first),
        "effect_ms": {"p50": middle, "p99": high},
        "seconds": round(snapshot.seconds, 2),
    }
    found["ok"] = not problems(snapshot)
    return found


def problems(snapshot: Snapshot) -> list[str]:
    """What keeps the run from being a success, as sentences; nothing when it is one."""
    progress, effects = snapshot.progress, snapshot.effects
    found: list[str] = []
    if snapshot.emitted is None:
        # A real API: how much there was to drain is not known, only whether draining worked.
        return [f"A window failed: {message}" for message in progress.failed[-1:]]
    if snapshot.missing:
        found.append(f"{snapshot.missing} of {snapshot.emitted} events were not published.")
    if not progress.events:
        found.append("No event was published at all.")
    if not progress.killed_windows:
        found.append("No window was killed, so the resume was not shown.")
    if effects.markers < effects.markers_wanted:
        found.append(f"Markers: {effects.markers} of {effects.markers_wanted} are right.")
    if effects.urls < effects.urls_wanted:
        found.append(f"Signed URLs: {effects.urls} of {effects.urls_wanted} were published.")
    if progress.rejected:
        found.append(f"Rejected messages: {len(progress.rejected)}; none was expected.")
    found += [f"A window failed: {message}" for message in progress.failed[-1:]] if found else []
    return found


def write(found: dict[str, Any], file: Path) -> None:
    """Write the result, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)


def table(found: dict[str, Any], snapshot: Snapshot) -> Table:
    """The result for people."""
    progress, effects = snapshot.progress, snapshot.effects
    emitted = "not known" if found["emitted"] is None else found["emitted"]
    lines = [
        ("Events emitted", emitted, ""),
        ("Events published", found["published"], f"{found['repeats']} repeats"),
        ("Events lost", found["lost"], ""),
        ("Rejected", found["rejected"], ""),
        ("Markers right", effects.markers, f"of {effects.markers_wanted}"),
        ("Signed URLs", effects.urls, f"of {effects.urls_wanted}; {progress.url_repeats} repeats"),
        ("Windows", found["windows"], f"{found['killed_windows']} killed half-way"),
        ("First event after", _unit(found["first_event_seconds"], "s"), "from the start"),
        ("Effect after", _unit(found["effect_ms"]["p50"], "ms"), _p99(found)),
        ("Cursor", found["cursor"] or "none", ""),
        ("Time", f"{snapshot.seconds:.1f} s", f"backend {found['backend']}"),
    ]
    grid = Table(title="Result", show_header=False, title_justify="left")
    grid.add_column("what")
    grid.add_column("value", justify="right")
    grid.add_column("note")
    for what, value, note in lines:
        grid.add_row(what, str(value), note)
    return grid


def _p99(found: dict[str, Any]) -> str:
    high = found["effect_ms"]["p99"]
    return "" if high is None else f"median; p99 {high:.0f} ms"


def _unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 2)


def _percentiles(values: tuple[float, ...]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return (round(values[0], 1),) * 2 if values else (None, None)
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)
