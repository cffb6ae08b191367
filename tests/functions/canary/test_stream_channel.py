"""The stream channel: quiet is alive, silence is not."""

from typing import Any

import pytest

from tests.support.canaries import Canary, ago
from tests.support.hosting import host
from videovector_bridge.ingest.drain import Endpoint, entry_point

CHANNEL = "stream:default"
SILENT_WINDOW = {"outcome": "idle", "stop_reason": "idle", "heartbeats": 0}
STALLED = {"on": "stream", "kind": "stall", "after_events": 0, "seconds": 600, "times": None}


def facts(report: dict[str, Any]) -> tuple[str, str]:
    """Return the state and its reason."""
    return report["state"], report["reason"]


def test_a_quiet_stream_is_alive(canary: Canary) -> None:
    """A window with heartbeats alone shows that VideoVector serves the stream."""
    limits = {"WINDOW_SECONDS": "600", "LEASE_SECONDS": "600", "MAX_EVENTS": "1"}
    drain = host(
        entry_point(Endpoint(canary.environ | limits | {"IDLE_SECONDS": "2"}))
    ).test_client()
    canary.standin.control.events({"payload": {}})
    assert drain.post("/").get_json()["events"] == 1  # now it has a cursor and an idle timeout
    stored = canary.backend.documents.read("streams", "default", timeout=60)
    canary.backend.documents.write(
        "streams", "default", {"alive_at": ago(hours=9)}, replaces=stored, timeout=60
    )
    report = drain.post("/").get_json()

    assert (report["outcome"], report["events"]) == ("idle", 0)
    assert report["heartbeats"] > 0
    assert facts(canary.check()[CHANNEL]) == ("alive", "recent")


def test_windows_that_end_before_a_heartbeat_raise_no_alert(embedded: Canary) -> None:
    """The canary listens itself, and hears the heartbeat."""
    window = SILENT_WINDOW | {"ended_at": ago(seconds=20)}
    embedded.write_stream(alive_at=ago(hours=3), last_window=window, windows=180)

    assert facts(embedded.check()[CHANNEL]) == ("alive", "heard")


def test_a_stream_without_heartbeats_is_dead(canary: Canary) -> None:
    """VideoVector accepts the request, and sends nothing for HEARTBEAT_SECONDS."""
    canary.standin.control.faults(STALLED)
    window = SILENT_WINDOW | {"ended_at": ago(seconds=20)}
    canary.write_stream(alive_at=ago(hours=3), last_window=window, windows=180)
    report = canary.check(HEARTBEAT_SECONDS="0.3", API_TIMEOUT_SECONDS="60")[CHANNEL]

    assert facts(report) == ("dead", "silent")
    assert "0.3 s" in report["detail"]


def test_without_time_to_listen_the_state_is_unknown(embedded: Canary) -> None:
    """Silence that is shorter than HEARTBEAT_SECONDS is no evidence."""
    embedded.standin.control.faults(STALLED)
    window = SILENT_WINDOW | {"ended_at": ago(seconds=20)}
    embedded.write_stream(last_window=window, windows=180)
    report = embedded.check(CANARY_SECONDS="1", HEARTBEAT_SECONDS="60")[CHANNEL]

    assert facts(report) == ("unknown", "no_time")


def test_a_stream_that_ends_at_once_is_unknown(embedded: Canary) -> None:
    """Neither a sign of life nor evidence of silence."""
    end = {"on": "stream", "kind": "cut", "clean": True, "after_events": 0}
    embedded.standin.control.faults(end)
    window = SILENT_WINDOW | {"ended_at": ago(seconds=20)}
    embedded.write_stream(last_window=window, windows=180)

    assert facts(embedded.check()[CHANNEL]) == ("unknown", "closed")


def test_a_refused_connection_is_unknown(embedded: Canary) -> None:
    """One refused request of the canary is no evidence; windows have their own alerts."""
    embedded.standin.control.faults({"on": "stream", "kind": "status", "status": 503})
    window = SILENT_WINDOW | {"ended_at": ago(seconds=20)}
    embedded.write_stream(last_window=window, windows=180)

    assert facts(embedded.check()[CHANNEL]) == ("unknown", "refused")


def test_a_paused_stream_is_paused(canary: Canary) -> None:
    """An operator paused it: nothing is wrong."""
    paused = {"since": "2026-11-27T01:00:00Z", "reason": "migration", "by": "ana"}
    canary.write_stream(paused=paused, alive_at=ago(hours=9))
    report = canary.check()[CHANNEL]

    assert facts(report) == ("paused", "paused")
    assert report["what_to_do"] == "Resume it with `videovector-bridge resume default`."


def test_each_stream_has_its_own_bound(embedded: Canary) -> None:
    """A stream that is drained once a day may be silent for longer."""
    for name in ("fast", "daily"):
        window = {"outcome": "idle", "ended_at": ago(hours=5)}
        embedded.write_stream(name, alive_at=ago(hours=5), last_window=window, windows=9)
    embedded.changes["clock"] = lambda: 0.0
    streams = '{"fast": {"run_id": "a"}, "daily": {"run_id": "b"}, "new": {"run_id": "c"}}'
    reports = embedded.check(STREAMS=streams, CANARY_STREAM_SECONDS='{"daily": 260000}')

    assert facts(reports["stream:daily"]) == ("alive", "recent")
    assert facts(reports["stream:new"]) == ("absent", "no_window")
    # The document was written a moment ago: windows begin.
    assert facts(reports["stream:fast"]) == ("unknown", "windows_do_not_end")


@pytest.mark.parametrize("left_over", ["old", "tmp"])
def test_a_document_without_a_stream_is_ignored(embedded: Canary, left_over: str) -> None:
    """A stream that was removed from STREAMS has no channel."""
    embedded.write_stream(left_over, alive_at=ago(days=9))

    assert f"stream:{left_over}" not in embedded.check()
