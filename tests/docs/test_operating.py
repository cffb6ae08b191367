"""docs/operating.md: stop reasons and outcomes of deliveries have the statuses of the page."""

import re

import pytest

from tests.support import ROOT
from tests.support.outcomes_in_code import (
    find_refusals,
    find_stop_reasons,
    find_webhook_outcomes,
)
from videovector_bridge.ingest.outcome import Stop, WindowReport, classify_stop

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
# These end a request before a window opens, or instead of its report.
WITHOUT_A_WINDOW = {"bad_request", "settings_wrong", "crashed"}
STATUSES = {
    reason: int(row[:3])
    for row in re.findall(r"^\| (\d{3}.*)$", PAGE, re.MULTILINE)
    for reason in re.findall(r"`(\w+)`", row.split("|")[1])
}


@pytest.mark.parametrize("reason", sorted(STATUSES.keys() - WITHOUT_A_WINDOW))
def test_a_failed_window_has_the_documented_status(reason: str) -> None:
    """Scheduler and alerts see the status in the first column."""
    report = WindowReport("default", "failed", reason, "")

    assert report.http_status == STATUSES[reason]


def test_every_failure_of_a_window_is_documented() -> None:
    """The table has each stop reason whose window fails without events."""
    reports = {reason: classify_stop(Stop(reason), 0) for reason in find_stop_reasons()}
    failed = {reason for reason, outcome in reports.items() if outcome == "failed"}

    assert failed - {"busy", "backing_off"} == STATUSES.keys() - WITHOUT_A_WINDOW


def test_every_outcome_of_a_delivery_is_documented() -> None:
    """The table has each event with its statuses, and nothing else."""
    rows = re.findall(r"^\| ([\d, ]+) \| `webhook\.(\w+)` \|", PAGE, re.MULTILINE)
    documented = {(int(status), event) for each, event in rows for status in each.split(", ")}
    refused = {(status, "refused") for status, _ in find_refusals() if status != 503}

    assert documented == find_webhook_outcomes() | refused
