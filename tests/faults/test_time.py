"""Invariant 6: windows end within a second of their limits, whatever streams and stores do."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.local.standin import StandIn, StandInConfig
from tests.contract.peers import dead_server, stalled_server
from tests.fakes import (
    GONE,
    Answer,
    Ending,
    Replay,
    Upstream,
    WatchedDocuments,
    WatchedTopics,
    document,
    event,
    events,
    heartbeats,
    refusal,
    settings,
    silence,
    sse,
    watched,
    window,
)
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.ingest.pages import PAGE_EVENTS

pytestmark = pytest.mark.keeps_time
WINDOW = 1.5
IDLE = 0.5
SLACK = 1.0  # what the invariant allows


async def flood(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send events as fast as they are taken."""
    for number in itertools.count(1):
        yield b"".join(sse(event(n), f"{n}") for n in range(number * 100, number * 100 + 100))


async def drip(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send one byte at a time, for ever in the same frame."""
    yield b"data: "
    while True:
        await asyncio.sleep(0.01)
        yield b"x"


async def trickle(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send an event now and then, often enough not to be idle."""
    for number in itertools.count(1):
        await asyncio.sleep(0.1)
        yield sse(event(number), f"{number}")


@pytest.mark.parametrize("ending", [heartbeats, silence, flood, drip, trickle])
def test_the_deadline_holds(embedded_backend: Backend, ending: Ending) -> None:
    """Under heartbeats, silence, flood, drip or a trickle, a window is over on time."""
    report = window(
        embedded_backend,
        Upstream(Answer(then=ending)),
        window_seconds=WINDOW,
        idle_seconds=60.0,
        heartbeat_seconds=60.0,
    )

    assert report.window_seconds <= WINDOW + SLACK
    if ending is not flood:  # of which a slow machine may not publish all in time
        assert report.stop_reason == "deadline"
        assert report.events == report.published


@pytest.mark.parametrize("ending", [heartbeats, silence, drip])
def test_the_idle_cut_off_holds(embedded_backend: Backend, ending: Ending) -> None:
    """Without events a window ends after the idle time, heartbeats or not."""
    report = window(
        embedded_backend,
        Upstream(Answer([sse(event(1), "1")], then=ending)),
        idle_seconds=IDLE,
        heartbeat_seconds=60.0,
    )

    assert (report.stop_reason, report.outcome) == ("idle", "drained")
    assert IDLE <= report.window_seconds <= IDLE + SLACK
    assert report.cursor_after == "1"


def test_a_trickle_is_not_idle(embedded_backend: Backend) -> None:
    """Events keep a window open."""
    report = window(
        embedded_backend,
        Upstream(Answer(then=trickle)),
        window_seconds=WINDOW,
        idle_seconds=1.0,
    )

    assert report.stop_reason == "deadline"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"max_events": 777}, "max_events"), ({"max_bytes": 200_000}, "max_bytes")],
    ids=["events", "bytes"],
)
def test_a_flood_stops_at_its_limits(backend: Backend, limits: dict[str, Any], reason: str) -> None:
    """Exactly so many events, not more than so many bytes, and the rest stays upstream."""
    topics = WatchedTopics(backend.topics)
    report = window(watched(backend, topics), Upstream(Answer(then=flood)), **limits)

    size = sum(len(message.data) for _, message in topics.stored)
    assert report.stop_reason == reason
    assert report.window_seconds < 20
    assert report.events == report.published == limits.get("max_events", report.events)
    assert 200_000 - 400 < size <= 200_000 or reason == "max_events"


def test_publishing_that_stalls_ends_with_the_window(backend: Backend) -> None:
    """Pub/Sub that accepts and never answers costs the window, on time, and no event."""
    topics = WatchedTopics(backend.topics)
    topics.resume.clear()
    report = window(
        watched(backend, topics),
        Upstream(Answer(then=flood)),
        window_seconds=WINDOW,
        idle_seconds=0.2,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "publish_failed")
    assert report.window_seconds <= WINDOW + SLACK
    assert document(backend)["cursor"] is None
    # Backpressure: what is read is bounded by the pages in flight.
    assert report.events < 6 * PAGE_EVENTS


def test_waiting_for_pub_sub_is_not_idleness(embedded_backend: Backend) -> None:
    """A window does not end as idle while what it read is on its way."""
    topics = WatchedTopics(embedded_backend.topics)
    topics.resume.clear()

    async def resume_later(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.sleep(3 * IDLE)
        topics.resume.set()
        async for piece in heartbeats(request):
            yield piece

    report = window(
        watched(embedded_backend, topics),
        Upstream(Answer([sse(event(1), "1")], then=resume_later)),
        idle_seconds=IDLE,
    )

    assert (report.stop_reason, report.published) == ("idle", 1)
    assert report.window_seconds >= 3 * IDLE


@pytest.mark.parametrize("since", ["the start", "the lease", "the first commit"])
@pytest.mark.parametrize("ending", [heartbeats, flood])
def test_a_store_that_stalls_ends_with_the_window(
    embedded_backend: Backend, since: str, ending: Ending
) -> None:
    """Firestore that accepts and never answers keeps no window open."""
    number = {"the start": 0, "the lease": 1, "the first commit": 2}[since]
    documents = WatchedDocuments(embedded_backend.documents)

    def stall(written: int) -> None:
        documents.stall = written >= number

    documents = WatchedDocuments(embedded_backend.documents, after=stall)
    documents.stall = number == 0
    started = time.monotonic()
    report = window(
        watched(embedded_backend, documents=documents),
        Upstream(Answer([sse(event(1), "1")], then=ending)),
        window_seconds=2.5,
        idle_seconds=60.0,
    )

    assert report.outcome == "failed"
    assert report.stop_reason == "state_unavailable" or ending is flood
    assert time.monotonic() - started <= 2.5 + SLACK


def test_a_store_that_stalls_past_the_lease_stops_publishing(embedded_backend: Backend) -> None:
    """Nothing is published after the lease ran out, for another window may have it by then."""
    documents = WatchedDocuments(
        embedded_backend.documents, after=lambda _n: setattr(documents, "stall", True)
    )
    lease, started = 1.0, time.monotonic()
    late: list[float] = []
    topics = WatchedTopics(
        embedded_backend.topics,
        before=lambda _n: late.append(time.monotonic() - started),
    )
    report = window(
        watched(embedded_backend, topics, documents),
        Upstream(Answer(then=trickle)),
        window_seconds=4.0,
        lease_seconds=lease,
    )

    assert report.outcome == "failed"
    assert max(late) <= lease + 0.5
    assert report.window_seconds <= 4.0 + SLACK


@pytest.mark.parametrize("variable", ["PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"])
@pytest.mark.emulator
def test_real_clients_do_not_outlast_the_window(
    gcp_settings: BackendSettings, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's own clients against a peer that accepts and never answers: over on time."""
    with stalled_server() as address:
        monkeypatch.setenv(variable, address)
        upstream = Replay(events(10), then=heartbeats)
        started = time.monotonic()
        report = window(
            open_backend(gcp_settings), upstream, window_seconds=WINDOW, idle_seconds=60.0
        )

    assert report.outcome == "failed"
    assert report.stop_reason in ("publish_failed", "state_unavailable")
    assert time.monotonic() - started <= WINDOW + SLACK


def test_reconnecting_never_passes_the_deadline(embedded_backend: Backend) -> None:
    """Refused connections and pauses asked for end with the window."""
    down = [httpx.ConnectError("refused")] * 1_000
    report = window(embedded_backend, Upstream(*down), window_seconds=WINDOW, idle_seconds=60.0)

    assert (report.stop_reason, report.http_status) == ("unreachable", 503)
    assert report.window_seconds <= WINDOW + SLACK
    assert report.reconnects > 0


def test_a_long_pause_ends_the_window_at_once(embedded_backend: Backend) -> None:
    """Instead of sleeping past the deadline a window ends early and leaves the rest to the next."""
    report = window(embedded_backend, Upstream(refusal(429, "slow down", Retry_After="31")))

    assert report.stop_reason == "rate_limited"
    assert report.window_seconds < 10


@pytest.mark.parametrize("server", ["dead", "mute"])
def test_a_host_that_is_not_there_is_unreachable(embedded_backend: Backend, server: str) -> None:
    """Over real sockets: nobody listens, or somebody does and never answers."""
    with stalled_server() as mute:
        address = dead_server() if server == "dead" else mute
        given = settings(VIDEO_VECTOR_BASE_URL=f"http://{address}/api/v2")
        report = window(
            embedded_backend,
            httpx.AsyncHTTPTransport(),
            given=given,
            window_seconds=WINDOW,
            idle_seconds=60.0,
        )

    assert (report.stop_reason, report.http_status) == ("unreachable", 503)
    assert report.window_seconds <= WINDOW + SLACK


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "stall", "seconds": 60, "after_events": 1},
        {"kind": "drip", "seconds": 0.02, "bytes": 1, "n": 0},
        {"kind": "delay", "seconds": 60},
        {"kind": "status", "status": 503, "times": None},
        {"kind": "cut", "after_bytes": 50, "times": None},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_real_connection_does_not_outlast_the_window(
    embedded_backend: Backend, fault: dict[str, object]
) -> None:
    """Over real sockets too, with the stand-in misbehaving, a window is over on time."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1)) as standin:
        standin.control.events(*({"payload": {"n": n}} for n in range(5)))
        standin.control.faults({"on": "stream", **fault})
        report = window(
            embedded_backend,
            httpx.AsyncHTTPTransport(),
            given=settings(
                VIDEO_VECTOR_BASE_URL=standin.api_url,
                VIDEO_VECTOR_API_KEY=standin.keys["read"],
            ),
            window_seconds=WINDOW,
            idle_seconds=60.0,
        )

    assert report.window_seconds <= WINDOW + SLACK
    assert report.events == report.published


def test_a_window_of_a_lease_shorter_than_itself_keeps_it(embedded_backend: Backend) -> None:
    """The lease is renewed as long as the window lasts, with and without events."""
    reports = []

    async def rival(request: httpx.Request) -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.8)
            reports.append(
                await asyncio.to_thread(window, embedded_backend, Upstream(), lease_seconds=1.0)
            )
            yield b": heartbeat\n\n"
        async for piece in heartbeats(request):
            yield piece

    report = window(
        embedded_backend,
        Upstream(Answer(then=rival)),
        window_seconds=3.5,
        idle_seconds=60.0,
        lease_seconds=1.0,
    )

    assert [one.outcome for one in reports] == ["busy"] * 3
    assert (report.outcome, report.stop_reason) == ("idle", "deadline")


def test_a_slow_start_is_not_idleness(embedded_backend: Backend) -> None:
    """The idle time counts from when reading begins, not from before the lease was taken."""
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda n: time.sleep(2.5 if n == 1 else 0)
    )

    async def soon(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.3)
        yield sse(event(1), "1")
        async for piece in heartbeats(request):
            yield piece

    report = window(
        watched(embedded_backend, documents=documents),
        Upstream(Answer(then=soon)),
        idle_seconds=2.0,
    )

    assert (report.outcome, report.published) == ("drained", 1)


def test_204_ends_a_window_at_once(embedded_backend: Backend) -> None:
    """Nothing more to send is a good end."""
    report = window(embedded_backend, Upstream(GONE))

    assert (report.outcome, report.stop_reason) == ("idle", "server_closed")
    assert report.window_seconds < 5
