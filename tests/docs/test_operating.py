"""docs/operating.md: the stop reasons have the statuses that the page states."""

import re

import pytest

from tests.support import ROOT
from videovector_bridge.ingest.outcome import WindowReport

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
