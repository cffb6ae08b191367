"""Invariant 6 in real time: windows over real sockets and clients end with their limits."""

import asyncio
from time import monotonic

import httpx
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.peers import dead_server, stalled_server
from tests.support.upstream import (
    Replay,
    heartbeats,
)
from tests.support.vendor_events import events
from tests.support.windows import make_settings, only_stream
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings.drain import DrainSettings

REAL_WINDOW = 1.5  # seconds

FAULT = 90.0  # seconds that a fault lasts


@pytest.mark.parametrize("variable", ["PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"])
@pytest.mark.emulator
def test_real_clients_do_not_outlast_the_window(
    gcp_settings: BackendSettings, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's own clients, and a peer that never responds: the window ends on time."""
    with stalled_server() as address:
        monkeypatch.setenv(variable, address)
        upstream = Replay(events(10), then=heartbeats)
        report, seconds = in_real_time(open_backend(gcp_settings), upstream, make_settings())

    assert report.outcome == "failed"
    assert report.stop_reason in ("publish_failed", "state_unavailable")
    assert seconds < FAULT / 3


def in_real_time(
    backend: Backend, transport: httpx.AsyncBaseTransport, settings: DrainSettings
) -> tuple[WindowReport, float]:
    """Drain one window in real time; return the report and the seconds."""
    stream = only_stream(settings, window_seconds=REAL_WINDOW, idle_seconds=60.0)
    started = monotonic()
    report = asyncio.run(drain_window(settings, stream, backend, transport=transport))
    return report, monotonic() - started


@pytest.mark.parametrize("server", ["dead", "mute"])
def test_a_missing_host_is_unreachable(embedded_backend: Backend, server: str) -> None:
    """Over real sockets: no server listens, or it never responds."""
    with stalled_server() as mute:
        address = dead_server() if server == "dead" else mute
        settings = make_settings(VIDEO_VECTOR_BASE_URL=f"http://{address}/api/v2")
        report, seconds = in_real_time(embedded_backend, httpx.AsyncHTTPTransport(), settings)

    assert (report.stop_reason, report.http_status) == ("unreachable", 503)
    assert seconds < FAULT / 3


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "stall", "seconds": FAULT, "after_events": 1},
        {"kind": "drip", "seconds": 0.02, "bytes": 1, "n": 0},
        {"kind": "delay", "seconds": FAULT},
        {"kind": "status", "status": 503, "times": None},
        {"kind": "cut", "after_bytes": 50, "times": None},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_real_connection_does_not_outlast_the_window(
    embedded_backend: Backend, fault: dict[str, object]
) -> None:
    """Over real sockets, with faults of the stand-in, a window ends on time."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1)) as standin:
        standin.control.events(*({"payload": {"n": n}} for n in range(5)))
        standin.control.faults({"on": "stream", **fault})
        settings = make_settings(
            VIDEO_VECTOR_BASE_URL=standin.api_url,
            VIDEO_VECTOR_API_KEY=standin.keys["read"],
        )
        report, seconds = in_real_time(embedded_backend, httpx.AsyncHTTPTransport(), settings)

    assert seconds < FAULT / 3
    assert report.events == report.published
