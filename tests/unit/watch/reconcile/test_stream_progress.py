"""Whether streams have been read far enough."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.reconciled import NOW
from videovector_bridge.watch.reconcile.stream_progress import FORGOTTEN_AFTER, find_progress

SEEN_AT = NOW - timedelta(minutes=5)


def stream(minutes_ago: float, outcome: str = "drained", **fields: Any) -> dict[str, Any]:
    """Return the document of a stream whose last window ended so long ago."""
    ended_at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    stop_reason = fields.pop("stop_reason", "deadline")
    window = {"outcome": outcome, "stop_reason": stop_reason, "ended_at": ended_at}
    return {"last_window": window, **fields}


@pytest.mark.parametrize(
    ("streams", "passed"),
    [
        ([], True),
        ([stream(1)], True),
        ([stream(1, "idle", stop_reason="idle")], True),
        ([stream(6)], False),
        ([stream(1), stream(6)], False),
        ([stream(1, "failed", stop_reason="unreachable")], False),
        ([stream(1, stop_reason="max_events")], False),
        ([stream(1, paused={"since": "x", "reason": "y", "by": "z"})], False),
        ([stream(99_999, paused={"since": "x"})], False),
        ([stream(1, paused=None)], True),
        # Removed from STREAMS, or never drained.
        ([stream(1), stream(FORGOTTEN_AFTER / timedelta(minutes=1) + 1, "failed")], True),
        ([{}, {"last_window": None}, {"last_window": {"ended_at": "yesterday"}}], True),
    ],
)
def test_events_are_lost_only_if_every_stream_has_passed_them(
    streams: list[dict[str, Any]], *, passed: bool
) -> None:
    """A stream that is paused, fails or lags still has events to bring."""
    named = [(str(number), fields) for number, fields in enumerate(streams)]

    assert find_progress(named, NOW).has_passed(SEEN_AT) is passed


def test_streams_that_are_behind_are_named() -> None:
    """For the log line."""
    streams = [("a", stream(1)), ("b", stream(1, "failed")), ("c", stream(1, paused={"by": "me"}))]

    assert find_progress(streams, NOW).behind == ("b", "c")
