"""`ingest.outcome`: the status and message of each stop reason."""

from datetime import UTC, datetime

import pytest

from videovector_bridge.api.errors import Unreachable
from videovector_bridge.errors import BridgeError
from videovector_bridge.ingest.outcome import (
    Outcome,
    Stop,
    WindowReport,
    backing_off_report,
    busy_report,
    classify_error,
    classify_stop,
    describe,
)


@pytest.mark.parametrize(
    ("reason", "events", "outcome"),
    [
        ("deadline", 0, "idle"),
        ("deadline", 1, "drained"),
        ("unreachable", 0, "failed"),
        ("unreachable", 1, "drained"),
        ("credential_refused", 1, "failed"),
        ("publish_failed", 1, "failed"),
    ],
)
def test_a_transient_error_after_events_is_no_failure(
    reason: str, events: int, outcome: Outcome
) -> None:
    """The next window resumes, and fails if the error persists."""
    assert classify_stop(Stop(reason), events) == outcome


@pytest.mark.parametrize(
    ("outcome", "reason", "status"),
    [
        ("drained", "deadline", 200),
        ("busy", "busy", 200),
        ("failed", "cursor_refused", 409),
        ("failed", "scope_refused", 502),
        ("failed", "publish_failed", 503),
    ],
)
def test_a_failed_window_has_the_status_of_its_reason(
    outcome: Outcome, reason: str, status: int
) -> None:
    """409: a person decides. 502: the API refuses. 503: the next window may succeed."""
    assert WindowReport("s", outcome, reason, "").http_status == status


def test_an_unknown_error_is_a_refused_request() -> None:
    """Errors of known kinds have their own reasons; without an error the stream was closed."""
    assert classify_error(BridgeError("x")).reason == "request_refused"
    assert classify_error(down := Unreachable("x"), 5.0) == Stop(
        "unreachable", down, wait_seconds=5.0
    )
    assert classify_error(None, 5.0) == Stop("retry_later", wait_seconds=5.0)
    assert classify_error(None) == Stop("deadline")


def test_the_message_says_what_is_left_and_where_the_stream_begins() -> None:
    """One sentence each, after the reason."""
    message = describe(
        Stop("deadline"), read=5, acknowledged=3, large_bytes=1_234, start_from="evt-7"
    )

    assert "deadline" in message
    assert "1,234 bytes of a large frame" in message
    assert "2 of the 5 events" in message
    assert "begins at event 'evt-7'" in message


def test_a_window_that_does_not_drain_says_why() -> None:
    """Another window has the lease, or VideoVector accepts no request yet."""
    until = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    busy, waiting = busy_report("s", 12.4), backing_off_report("s", until)

    assert (busy.outcome, busy.http_status) == ("busy", 200)
    assert "12 s" in busy.message
    assert (waiting.outcome, waiting.not_before) == ("backing_off", "2026-01-02T03:05:00+00:00")
