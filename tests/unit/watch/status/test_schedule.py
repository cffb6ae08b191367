"""`watch.status.schedule`: the longest gap of a cron schedule."""

import pytest

from videovector_bridge.watch.status.schedule import longest_gap_seconds


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * *", 60),
        ("*/5 * * * *", 300),
        ("0,10,40 * * * *", 1_800),
        ("7 * * * *", 3_600),
        ("0 8-18 * * *", 50_400),
        ("0 */6 * * *", 21_600),
        ("5/20 * * * *", 1_200),
        ("0 3 * * *", 86_400),
        ("0 3 * * 1", 604_800),
    ],
)
def test_the_longest_gap(schedule: str, seconds: float) -> None:
    """Over midnight too."""
    assert longest_gap_seconds(schedule) == seconds


@pytest.mark.parametrize(
    "schedule", ["", "every 5 minutes", "a * * * *", "9-1 * * * *", "*/0 * * * *"]
)
def test_an_unreadable_schedule_is_unknown(schedule: str) -> None:
    """A person may have written it; nothing fails."""
    assert longest_gap_seconds(schedule) is None
