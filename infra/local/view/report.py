"""The result of a run: its numbers, and the reasons why it failed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import quantiles
from types import MappingProxyType
from typing import Any, Final

from infra.local.oracle.effects import KINDS
from infra.local.oracle.failure_report import FailureReport
from infra.local.oracle.observer import Snapshot

NO_COSTS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType({})
_LISTED = 5  # of many missing items, this many are listed


def build_result(
    snapshot: Snapshot,
    backend: str,
    started_at: datetime,
    crash: str,
    costs: Mapping[str, Mapping[str, float]] = NO_COSTS,
) -> dict[str, Any]:
    """Return the result of a run as JSON values. Scripts rely on the keys."""
    progress, effects, webhooks = snapshot.progress, snapshot.effects, snapshot.webhooks
    checked, failures, lost_ends = not snapshot.unchecked, snapshot.failures, snapshot.lost_ends
    first = progress.first_event_at
    p50, p99 = compute_percentiles(effects.milliseconds)
    problems = find_problems(snapshot, crash)
    return {
        "ok": not problems,
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
        "reconciled": lost_ends.reconciled,
        "reconciled_expected": lost_ends.expected,
        "reconcile_runs": progress.checks,
        "isolated_failures": failures.isolated,
        "isolated_failures_expected": failures.isolated_expected,
        "costs": {action: dict(cost) for action, cost in costs.items()},
        "seconds": round(snapshot.seconds, 2),
        "missing": [*snapshot.missing, *(webhooks.missing if webhooks else ()), *effects.missing],
        "surplus": list(effects.surplus),
        "problems": problems,
    }


def find_problems(snapshot: Snapshot, crash: str = "") -> list[str]:
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
    sentences += _wrong_ends(snapshot)
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
    faults = {
        "effects are missing": effects.missing,
        "effects have no event that causes them": effects.surplus,
        "URLs were published with more than one ce-id": renamed,
        "messages have no valid ce-traceparent": snapshot.progress.untraced,
    }
    return [f"{len(items)} {fault}: {_list(items)}." for fault, items in faults.items() if items]


def _wrong_failures(failures: FailureReport) -> list[str]:
    counts = (
        ("refusals were reported", failures.refusals, failures.refusals_expected),
        ("redriven messages had their effect", failures.redriven, failures.redriven_expected),
        ("failures did not disturb other effects", failures.isolated, failures.isolated_expected),
    )
    return [
        f"{observed} of {expected} {outcome}."
        for outcome, observed, expected in counts
        if observed != expected
    ]


def _wrong_ends(snapshot: Snapshot) -> list[str]:
    ends, problem = snapshot.lost_ends, snapshot.progress.failed_check
    sentences = []
    if not ends.complete:
        sentences.append(
            f"{ends.reconciled} of {ends.expected} lost ends of runs and videos were reconciled."
            + (f" The last run of reconcile failed: {problem}" if problem else "")
        )
    if ends.needless:
        sentences.append(
            f"{len(ends.needless)} events were published in place of none that was lost: "
            f"{_list(ends.needless)}."
        )
    return sentences


def _list(items: Sequence[str]) -> str:
    more = len(items) - _LISTED
    return ", ".join(items[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def compute_percentiles(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the 50th and 99th percentile; None without values."""
    if len(values) < 2:
        return (round(values[0], 1),) * 2 if values else (None, None)
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)
