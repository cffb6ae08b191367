"""`alive_at` and heartbeats: a quiet stream differs from one that sends nothing at all."""

from datetime import timedelta

import pytest

from tests.support.upstream import (
    ACCEPTED,
    NO_CONTENT,
    Fault,
    Replay,
    Response,
    Upstream,
    error_response,
    event_stream,
    heartbeats,
    silence,
    trickle,
)
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedDocuments, watched
from tests.support.windows import NOW, document, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.events import parse_time
from videovector_bridge.ingest.stages import Tuning

LATER = NOW + timedelta(hours=1)

SIGNS = {
    "heartbeats": event_stream(then=heartbeats),
    "an event": event_stream([sse(event(9), "evt-0009")], then=silence),
    "an event and heartbeats": event_stream(then=trickle(0.5)),
    "a part of a large frame": event_stream([b"data: " + b"a" * 3_000_000], then=silence),
    "204": NO_CONTENT,
}
NO_SIGNS = {
    "silence": event_stream(then=silence),
    "an unknown field": event_stream([b"retry: 5\n\nevent: x\n\n"], then=silence),
    "connections that end": event_stream([b"retry: 600000\n\n"]),
    "an error": error_response(429, "slow down", Retry_After="600"),
    "no response": Fault(),
}


@pytest.mark.parametrize("sign", sorted(SIGNS))
def test_a_sign_of_life_is_recorded(embedded_backend: Backend, sign: str) -> None:
    """Events, heartbeats and 204 show that VideoVector serves the stream."""
    run_window(embedded_backend, Replay(events(1)))
    upstream = Upstream(SIGNS[sign])
    run_window(
        embedded_backend,
        upstream,
        now=lambda: LATER,
        max_frame_bytes=1_024,
        idle_seconds=5,
        window_seconds=6,
    )

    assert parse_time(document(embedded_backend)["alive_at"]) == LATER


@pytest.mark.parametrize("response", NO_SIGNS.values(), ids=NO_SIGNS.keys())
def test_without_a_sign_the_last_time_stays(
    embedded_backend: Backend, response: Response | Fault
) -> None:
    """An accepted request alone is no sign of life, nor is a failure."""
    run_window(embedded_backend, Replay(events(1)))
    report = run_window(
        embedded_backend,
        Endless(response),
        now=lambda: LATER,
        tuning=Tuning(random=lambda: 0.5),  # time passes between connections
        window_seconds=6,
        idle_seconds=5,
    )

    stored = document(embedded_backend)
    assert (report.events, report.heartbeats) == (0, 0)
    assert parse_time(stored["alive_at"]) == NOW
    assert parse_time(stored["last_window"]["ended_at"]) == LATER


class Endless(Upstream):
    """Sends the same response to every request."""

    def __init__(self, response: Response | Fault) -> None:
        super().__init__()
        self._response = response

    def respond(self, _request: object) -> Response | Fault:
        """Return the response."""
        return self._response


def test_a_stream_that_never_sent_anything_has_no_time(embedded_backend: Backend) -> None:
    """Null until the first sign of life."""
    run_window(embedded_backend, Upstream(event_stream(then=silence), ACCEPTED), window_seconds=5)

    assert document(embedded_backend)["alive_at"] is None


def test_heartbeats_are_counted(backend: Backend) -> None:
    """In the report, its JSON and the document; the idle timeout holds as without them."""
    run_window(backend, Replay(events(1)))
    report = run_window(backend, Upstream(event_stream(then=heartbeats)), idle_seconds=1)

    assert (report.outcome, report.stop_reason) == ("idle", "idle")
    assert report.window_seconds < 2
    assert 40 <= report.heartbeats <= 60
    assert report.as_json()["heartbeats"] == report.heartbeats
    assert document(backend)["last_window"]["heartbeats"] == report.heartbeats


def test_a_quiet_window_writes_twice(embedded_backend: Backend) -> None:
    """To acquire and to release the lease: `alive_at` needs no write of its own."""
    run_window(embedded_backend, Replay(events(1)))
    documents = WatchedDocuments(embedded_backend.documents)
    upstream = Upstream(event_stream(then=heartbeats))
    run_window(watched(embedded_backend, documents=documents), upstream, idle_seconds=0.5)

    assert len(documents.written) == 2
