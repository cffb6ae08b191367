"""docs/operating.md: stop reasons, outcomes, states and checks are those of the page."""

import re

import pytest

from tests.support import ROOT
from tests.support.outcomes_in_code import (
    find_refusals,
    find_stop_reasons,
    find_webhook_outcomes,
)
from videovector_bridge.cli.operate.doctor.command import CHECKS
from videovector_bridge.ingest.outcome import Stop, WindowReport, classify_stop
from videovector_bridge.watch.status.states import STATES

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
# These end a request before a window opens, or instead of its report.
WITHOUT_A_WINDOW = {"bad_request", "settings_wrong", "crashed"}
HEADINGS = {text.strip("`") for text in re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)}
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


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_status_is_documented(state: str) -> None:
    """The table of the page has it with its severity; its section is a heading."""
    rows = re.findall(rf"^\| (\w+) \| `{state}` \|.*\|.*\|$", PAGE, re.MULTILINE)

    assert rows == [STATES[state].severity]
    assert STATES[state].section in HEADINGS | {""}


def test_no_other_state_is_documented() -> None:
    """A state that is gone has no row."""
    rows = re.findall(r"^\| (?:problem|warning|note|ok) \| `(\w+)` \|", PAGE, re.MULTILINE)

    assert set(rows) == set(STATES)


def test_every_check_of_doctor_is_documented() -> None:
    """In the order of the code."""
    section = PAGE.split("## `doctor`")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(CHECKS)
