"""`not_before`: a delay that VideoVector asks for also delays later windows."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from tests.support.upstream import (
    ACCEPTED,
    NO_CONTENT,
    Replay,
    Response,
    Upstream,
    error_response,
    event_stream,
    heartbeats,
)
from tests.support.vendor_events import event, events, sse
from tests.support.windows import NOW, document, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.events import parse_time
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.stages import Tuning

ASKED = [
    (error_response(429, "slow down", Retry_After="600"), "rate_limited", 600),
    (error_response(503, "maintenance", Retry_After="600"), "api_unavailable", 600),
    (event_stream([b"retry: 600000\n\n"]), "retry_later", 600),
    (event_stream([b"retry: 600000\n\n", sse(b"{}", name="processing.stream_error")]),
     "stream_error", 600),
    (error_response(429, "slow down", Retry_After="999999999"), "rate_limited", 3_600),
]  # fmt: skip


def at(backend: Backend, upstream: Upstream, seconds: float, **limits: Any) -> WindowReport:
    """Drain for one window so many seconds later."""
    return run_window(backend, upstream, now=lambda: NOW + timedelta(seconds=seconds), **limits)


@pytest.mark.parametrize(("response", "reason", "seconds"), ASKED, ids=range(len(ASKED)))
def test_no_request_is_made_before(
    backend: Backend, response: Response, reason: str, seconds: int
) -> None:
    """The next windows return 200 `backing_off` without a request, until that time."""
    report = at(backend, Upstream(response), 0)
    assert report.stop_reason == reason
    assert report.window_seconds < 1
    until = parse_time(document(backend)["not_before"])
    assert until == NOW + timedelta(seconds=seconds)

    for later in (1, seconds - 1):
        report = at(backend, Upstream(), later)
        assert (report.outcome, report.stop_reason) == ("backing_off", "backing_off")
        assert (report.http_status, report.events) == (200, 0)
        assert parse_time(report.not_before) == until
    assert document(backend)["windows"] == 1

    report = at(backend, Upstream(NO_CONTENT), seconds)
    assert report.outcome == "idle"
    assert document(backend)["not_before"] is None


def test_a_delay_within_the_window_is_waited_for(embedded_backend: Backend) -> None:
    """A short Retry-After delays the window and does not end it."""
    upstream = Upstream(
        error_response(429, "slow", Retry_After="5"),
        event_stream([sse(event(1), "evt-0001")]),
        NO_CONTENT,
    )
    report = at(embedded_backend, upstream, 0)

    assert (report.outcome, report.published, report.reconnects) == ("drained", 1, 2)
    assert document(embedded_backend)["not_before"] is None


def test_a_delay_longer_than_the_idle_time_ends_the_window(embedded_backend: Backend) -> None:
    """The next window waits for the rest of it."""
    run_window(embedded_backend, Replay(events(1)))
    upstream = Upstream(ACCEPTED, error_response(429, "slow", Retry_After="20"))
    report = at(embedded_backend, upstream, 0, window_seconds=50, idle_seconds=5)

    assert report.stop_reason == "rate_limited"
    until = parse_time(document(embedded_backend)["not_before"])
    assert until is not None
    assert timedelta(seconds=14) <= until - NOW <= timedelta(seconds=20)


def test_streams_do_not_return_together(embedded_backend: Backend) -> None:
    """Full jitter is added to the delay that was asked for; the delay is never shorter."""
    # Every other number is that of the reader's own delay.
    jitter = itertools.chain.from_iterable((0.0, each) for each in (0.0, 0.25, 0.5, 0.75))
    tuning = Tuning(random=lambda: next(jitter))
    waits = []
    for hour in range(4):
        now = NOW + timedelta(hours=hour)
        response = error_response(429, "slow", Retry_After="600")
        at(embedded_backend, Upstream(response), hour * 3_600, tuning=tuning)
        until = parse_time(document(embedded_backend)["not_before"])
        assert until is not None
        waits.append((until - now).total_seconds())

    assert min(waits) == 600
    assert len(set(waits)) == 4
    assert max(waits) <= 630


def test_a_time_that_no_window_asks_for_stops_nothing(embedded_backend: Backend) -> None:
    """A wrong clock or a slip of the hand must not end the stream for a year."""
    run_window(embedded_backend, Replay(events(1)))
    for value in ("2999-01-01T00:00:00Z", "soon", 17, "", None):
        stored = embedded_backend.documents.read("streams", "default", timeout=5)
        embedded_backend.documents.write(
            "streams", "default", {"not_before": value}, replaces=stored, timeout=5
        )
        assert run_window(embedded_backend, Upstream(NO_CONTENT)).outcome == "idle"


def test_a_person_may_end_it(embedded_backend: Backend) -> None:
    """The field may be emptied by hand."""
    at(embedded_backend, Upstream(error_response(429, "slow", Retry_After="600")), 0)
    stored = embedded_backend.documents.read("streams", "default", timeout=5)
    embedded_backend.documents.write(
        "streams", "default", {"not_before": None}, replaces=stored, timeout=5
    )

    assert at(embedded_backend, Upstream(NO_CONTENT), 1).outcome == "idle"


def test_events_before_the_refusal_are_kept(embedded_backend: Backend) -> None:
    """A window that read something is drained, and records the delay."""
    upstream = Upstream(
        event_stream([sse(event(1), "evt-0001")]), error_response(429, "slow", Retry_After="600")
    )
    report = at(embedded_backend, upstream, 0)

    assert (report.outcome, report.stop_reason) == ("drained", "rate_limited")
    assert report.not_before is not None
    assert document(embedded_backend)["cursor"] == "evt-0001"
    assert at(embedded_backend, Upstream(), 60).outcome == "backing_off"


def test_a_heartbeat_alone_is_no_reason_to_wait(embedded_backend: Backend) -> None:
    """`retry:` is for connections that the server ends, not for those that the window ends."""
    run_window(embedded_backend, Replay(events(1)))
    upstream = Upstream(event_stream([b"retry: 600000\n\n"], then=heartbeats))
    report = at(embedded_backend, upstream, 0, idle_seconds=3)

    assert report.stop_reason == "idle"
    assert document(embedded_backend)["not_before"] is None
    assert at(embedded_backend, Upstream(NO_CONTENT), 1).outcome == "idle"
