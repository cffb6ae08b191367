"""`cli.operate.rewind_target`: what `--to` means."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from videovector_bridge.cli.operate.rewind_target import (
    RewindTarget,
    ToEarliest,
    ToEvent,
    ToTime,
    parse_target,
)
from videovector_bridge.errors import SettingsError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("earliest", ToEarliest()),
        ("evt_1", ToEvent("evt_1")),
        ("20260102", ToEvent("20260102")),
        ("id:2h", ToEvent("2h")),
        ("id:earliest", ToEvent("earliest")),
        ("2h", ToTime(NOW - timedelta(hours=2))),
        ("90 m", ToTime(NOW - timedelta(minutes=90))),
        ("2026-01-01T00:00:00Z", ToTime(datetime(2026, 1, 1, tzinfo=UTC))),
        (
            "2026-01-01 00:00:00+02:00",
            ToTime(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
        ),
    ],
)
def test_a_target_is_an_event_a_time_or_the_earliest(text: str, target: RewindTarget) -> None:
    """An id that looks like a time or a word has a prefix."""
    assert parse_target(text, NOW) == target


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-01-01", "no time zone: write 2026-01-01T00:00:00Z"),
        ("2026-01-01T12:00", "no time zone"),
        ("2026-13-01T12:00Z", "not a time in ISO 8601"),
        ("évènement", "an event id, earliest or a time"),
        ("id:", "an event id, earliest or a time"),
    ],
)
def test_what_is_none_of_them_is_refused(text: str, problem: str) -> None:
    """A time without a zone would mean another moment on another machine."""
    with pytest.raises(SettingsError, match=problem):
        parse_target(text, NOW)
