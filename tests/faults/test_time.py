"""Invariant 6: windows end within a second of their limits, whatever streams and stores do.

In virtual time, but for what needs real sockets: there it is enough that a window ends long before
its fault does.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import httpx
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.peers import dead_server, stalled_server
from tests.support.upstream import (
    NO_CONTENT,
    Ending,
    Fault,
    Replay,
    Upstream,
    event_stream,
    heartbeats,
    silence,
)
from tests.support.vendor_events import event, events, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, only_stream, run_window
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.batcher import BATCH_EVENTS
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.publisher import BATCHES_IN_FLIGHT
from videovector_bridge.ingest.stages import Tuning
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings import DrainSettings

WINDOW = 6.0
IDLE = 2.0
SLACK = 1.0  # what the invariant allows
ONE_EVENT = Tuning(batch_events=1, random=lambda: 0.0)
"""Batches of one event."""
REAL_WINDOW = 1.5  # over real sockets,
FAULT = 90.0  # where a fault lasts so long


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


def trickle(seconds: float) -> Ending:
    """Send an event every so many seconds, and heartbeats between them."""

    async def send(_request: httpx.Request) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            for _ in range(2):
                await asyncio.sleep(seconds / 2)
                yield b": heartbeat\n\n"
            yield sse(event(number), f"{number}")

    return send


def with_cursor(backend: Backend, cursor: str = "evt-0001") -> None:
    """Leave the stream at a cursor, for without one there is no idle timeout."""
    run_window(backend, Upstream(event_stream([sse(event(1), cursor)]), NO_CONTENT))


@pytest.mark.parametrize("cursor", [True, False])
@pytest.mark.parametrize("ending", [heartbeats, silence, drip, trickle(0.1)])
def test_the_deadline_holds(embedded_backend: Backend, ending: Ending, *, cursor: bool) -> None:
    """Under heartbeats, silence, drip or a trickle, a window is over on time."""
    if cursor:
        with_cursor(embedded_backend)
    report = run_window(
        embedded_backend,
        Upstream(event_stream(then=ending)),
        window_seconds=WINDOW,
        idle_seconds=60.0,
        heartbeat_seconds=60.0,
    )

    assert report.window_seconds <= WINDOW + SLACK
    assert report.stop_reason == "deadline"
    assert report.events == report.published


@pytest.mark.parametrize("ending", [heartbeats, silence, drip])
def test_the_idle_timeout_holds(embedded_backend: Backend, ending: Ending) -> None:
    """Without events a window ends after the idle time, heartbeats or not."""
    report = run_window(
        embedded_backend,
        Upstream(event_stream([sse(event(1), "1")], then=ending)),
        idle_seconds=IDLE,
        heartbeat_seconds=60.0,
    )

    assert (report.stop_reason, report.outcome) == ("idle", "drained")
    assert IDLE <= report.window_seconds <= IDLE + SLACK
    assert report.cursor_after == "1"


@pytest.mark.parametrize(
    ("seconds", "reason", "count"), [(0.9 * IDLE, "deadline", 11), (1.1 * IDLE, "idle", 0)]
)
def test_only_events_keep_a_window_open(
    embedded_backend: Backend, seconds: float, reason: str, count: int
) -> None:
    """Each event restarts the idle timeout; a heartbeat between two events does not."""
    with_cursor(embedded_backend)
    report = run_window(
        embedded_backend,
        Upstream(event_stream(then=trickle(seconds))),
        window_seconds=11 * 0.9 * IDLE + 3.0,  # reading ends 2 s before
        idle_seconds=IDLE,
    )

    assert (report.stop_reason, report.events) == (reason, count)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"max_events": 777}, "max_events"), ({"max_bytes": 200_000}, "max_bytes")],
    ids=["events", "bytes"],
)
def test_a_flood_stops_at_its_limits(backend: Backend, limits: dict[str, Any], reason: str) -> None:
    """Exactly so many events, not more than so many bytes, and the rest stays upstream."""
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Upstream(event_stream(then=flood)), **limits)

    size = sum(len(message.data) for _, message in topics.stored)
    assert report.stop_reason == reason
    assert report.events == report.published == limits.get("max_events", report.events)
    assert 200_000 - 400 < size <= 200_000 or reason == "max_events"


def test_publishing_that_stalls_ends_with_the_window(embedded_backend: Backend) -> None:
    """Pub/Sub that accepts and never answers costs the window, on time, and no event."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 10**6)
    report = run_window(
        watched(embedded_backend, topics),
        Upstream(event_stream(then=flood)),
        time=time,
        window_seconds=WINDOW,
        idle_seconds=0.2,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "publish_failed")
    assert report.window_seconds <= WINDOW + SLACK
    assert document(embedded_backend)["cursor"] is None
    # Backpressure: what is read is bounded by the batches in flight, waiting and open.
    assert report.events <= (BATCHES_IN_FLIGHT + 2) * BATCH_EVENTS + 100
    assert f"{report.events} of the {report.events} events" in report.message


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.5])
def test_slow_publishing_of_many_lanes_ends_with_the_window(
    embedded_backend: Backend, seconds: float
) -> None:
    """More lanes than threads, and each request takes long: over on time, and nothing lost."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, seconds)
    settings, upstream = make_settings(LANES="16"), Replay(EVENTS, then=heartbeats)
    report = run_window(
        watched(embedded_backend, topics),
        upstream,
        settings=settings,
        time=time,
        window_seconds=WINDOW,
        idle_seconds=60.0,
    )

    assert report.window_seconds <= WINDOW + SLACK
    assert (report.outcome, report.stop_reason) == ("drained", "deadline")
    left = report.events - report.published
    assert (f"{left} of the {report.events} events" in report.message) is (left > 0)
    topics.seconds = 0.0
    backend = watched(embedded_backend, topics)
    run_window(backend, upstream, settings=settings, time=time, idle_seconds=IDLE)
    assert set(topics.ids()) == set(upstream.ids)
    assert document(embedded_backend)["cursor"] == upstream.ids[-1]


EVENTS = [event(n, run_id=f"run-{n}") for n in range(1, 201)]


def test_a_pub_sub_that_fails_at_the_end_is_a_failure(embedded_backend: Backend) -> None:
    """An error of Pub/Sub is one also when the time is almost over: its type decides."""
    time = VirtualTime()

    class Failing(SlowTopics):
        def publish(self, topic: str, messages: Any, *, timeout: Timeout) -> None:
            if "evt-0002" in [message.attributes.get("ce-id") for message in messages]:
                self._time.sleep(seconds_left(timeout) - 0.001)
                raise BackendError("UNAVAILABLE")
            super().publish(topic, messages, timeout=timeout)

    async def second(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.sleep(3)
        yield sse(event(2), "evt-0002")
        async for piece in heartbeats(request):
            yield piece

    report = run_window(
        watched(embedded_backend, Failing(embedded_backend.topics, time)),
        Upstream(event_stream([sse(event(1), "evt-0001")], then=second)),
        time=time,
        window_seconds=WINDOW,
        idle_seconds=60.0,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "publish_failed")
    assert (report.published, report.cursor_after) == (1, "evt-0001")
    assert "1 of the 2 events" in report.message


def test_waiting_for_pub_sub_is_not_idleness(embedded_backend: Backend) -> None:
    """A window does not end as idle while it cannot read on because Pub/Sub is slow."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 3 * IDLE)
    report = run_window(
        watched(embedded_backend, topics),
        Replay(EVENTS[:20], then=heartbeats),
        time=time,
        tuning=ONE_EVENT,
        lanes=1,
        window_seconds=600,
        idle_seconds=IDLE,
    )

    assert (report.stop_reason, report.published) == ("idle", 20)
    assert report.window_seconds >= 20 * 3 * IDLE


@pytest.mark.parametrize("since", ["the start", "the lease", "the first commit"])
@pytest.mark.parametrize("ending", [heartbeats, trickle])
def test_a_store_that_stalls_ends_with_the_window(
    embedded_backend: Backend, since: str, ending: Ending
) -> None:
    """Firestore that accepts and never answers keeps no window open."""
    number = {"the start": 0, "the lease": 1, "the first commit": 2}[since]
    time = VirtualTime()

    def stall(written: int) -> None:
        documents.stall = written >= number

    documents = WatchedDocuments(embedded_backend.documents, after=stall, time=time)
    documents.stall = number == 0
    started = time.time()
    report = run_window(
        watched(embedded_backend, documents=documents),
        Upstream(event_stream([sse(event(1), "1")], then=ending)),
        time=time,
        window_seconds=2.5,
        idle_seconds=60.0,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "state_unavailable")
    assert time.time() - started <= 2.5 + SLACK


def test_a_store_that_stalls_past_the_lease_stops_publishing(embedded_backend: Backend) -> None:
    """Nothing is published after the lease ran out, for another window may have it by then."""
    time = VirtualTime()
    documents = WatchedDocuments(
        embedded_backend.documents, after=lambda _n: setattr(documents, "stall", True), time=time
    )
    started, published_at = time.time(), list[float]()
    topics = WatchedTopics(
        embedded_backend.topics, before=lambda _n: published_at.append(time.time() - started)
    )
    report = run_window(
        watched(embedded_backend, topics, documents),
        Upstream(event_stream(then=trickle(0.1))),
        time=time,
        window_seconds=20.0,
        idle_seconds=60.0,
        lease_seconds=4.0,
    )

    assert report.outcome == "failed"
    assert published_at
    assert max(published_at) <= 4.0
    assert report.window_seconds <= 20.0 + SLACK


def test_the_lease_is_renewed_through_the_flush(embedded_backend: Backend) -> None:
    """Reading is over at once, publishing takes three leases: none of it is refused.

    A request may take as long as the lease is sure to last, which is a little less than two thirds.
    """
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 5.0)
    written: list[float] = []
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda _n: written.append(time.time())
    )
    report = run_window(
        watched(embedded_backend, topics, documents),
        Replay(EVENTS[:6]),
        time=time,
        tuning=ONE_EVENT,
        lanes=1,
        window_seconds=40.0,
        lease_seconds=10.0,
    )

    assert (report.outcome, report.stop_reason, report.published) == ("drained", "server_closed", 6)
    assert 30.0 <= report.window_seconds < 31.0
    assert max(after - before for before, after in itertools.pairwise(written)) < 10.0


def test_a_lease_that_is_lost_stops_the_flush(embedded_backend: Backend) -> None:
    """A takeover that a commit notices cancels what waits to be published."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 1.0)

    def overtake(number: int) -> None:
        if number == 2:
            stored = embedded_backend.documents.read("streams", "default", timeout=5)
            rival = {"fencing_token": 99, "lease_owner": "rival"}
            embedded_backend.documents.write(
                "streams", "default", rival, replaces=stored, timeout=5
            )

    documents = WatchedDocuments(embedded_backend.documents, before=overtake)
    report = run_window(
        watched(embedded_backend, topics, documents),
        Replay(EVENTS, then=heartbeats),
        time=time,
        lanes=64,
        window_seconds=60.0,
        lease_seconds=3.0,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "lease_lost")
    assert report.window_seconds < 4.0
    assert len(topics.ids()) < len(EVENTS)
    assert document(embedded_backend)["lease_owner"] == "rival"


@pytest.mark.parametrize("variable", ["PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"])
@pytest.mark.emulator
def test_real_clients_do_not_outlast_the_window(
    gcp_settings: BackendSettings, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's own clients against a peer that accepts and never answers: over on time."""
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
    """One window in real time, and how long it took; far from any limit that a fault has."""
    stream = only_stream(settings, window_seconds=REAL_WINDOW, idle_seconds=60.0)
    started = monotonic()
    report = asyncio.run(drain_window(settings, stream, backend, transport=transport))
    return report, monotonic() - started


def test_reconnecting_never_passes_the_deadline(embedded_backend: Backend) -> None:
    """Refused connections and pauses asked for end with the window."""
    down = [Fault()] * 1_000
    report = run_window(embedded_backend, Upstream(*down), window_seconds=WINDOW, idle_seconds=60.0)

    assert (report.stop_reason, report.http_status) == ("unreachable", 503)
    assert report.window_seconds <= WINDOW + SLACK
    assert report.reconnects > 0


@pytest.mark.parametrize("server", ["dead", "mute"])
def test_a_host_that_is_not_there_is_unreachable(embedded_backend: Backend, server: str) -> None:
    """Over real sockets: no server listens, or one does and never answers."""
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
    """Over real sockets too, with the stand-in misbehaving, a window is over on time."""
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


def test_a_window_of_a_lease_shorter_than_itself_keeps_it(embedded_backend: Backend) -> None:
    """The lease is renewed as long as the window lasts, with and without events."""
    time = VirtualTime()
    written: list[float] = []
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda _n: written.append(time.time())
    )
    report = run_window(
        watched(embedded_backend, documents=documents),
        Upstream(event_stream(then=heartbeats)),
        time=time,
        window_seconds=12.0,
        idle_seconds=60.0,
        lease_seconds=1.0,
    )

    assert (report.outcome, report.stop_reason) == ("idle", "deadline")
    assert max(after - before for before, after in itertools.pairwise(written)) < 1.0


def test_a_slow_start_is_not_idleness(embedded_backend: Backend) -> None:
    """The idle time counts from when reading begins, not from before the lease was taken."""
    with_cursor(embedded_backend)
    time = VirtualTime()
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda n: time.sleep(2.5 if n == 1 else 0)
    )

    async def soon(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.sleep(1.9)
        yield sse(event(2), "2")
        async for piece in heartbeats(request):
            yield piece

    report = run_window(
        watched(embedded_backend, documents=documents),
        Upstream(event_stream(then=soon)),
        time=time,
        idle_seconds=2.0,
    )

    assert (report.outcome, report.published) == ("drained", 1)


def test_204_ends_a_window_at_once(embedded_backend: Backend) -> None:
    """Nothing more to send is a good end."""
    report = run_window(embedded_backend, Upstream(NO_CONTENT))

    assert (report.outcome, report.stop_reason) == ("idle", "server_closed")
    assert report.window_seconds < 1
