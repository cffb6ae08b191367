"""Invariant 6: windows end within a second of their limits, however streams and stores behave.

In virtual time.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.upstream import (
    NO_CONTENT,
    Ending,
    Fault,
    Replay,
    Upstream,
    event_stream,
    heartbeats,
    silence,
    trickle,
)
from tests.support.vendor_events import event, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.batcher import BATCH_EVENTS
from videovector_bridge.ingest.publisher import BATCHES_IN_FLIGHT
from videovector_bridge.ingest.stages import Tuning

WINDOW = 6.0

IDLE = 2.0

SLACK = 1.0  # allowed by the invariant

ONE_EVENT = Tuning(batch_events=1, random=lambda: 0.0)
"""Batches of one event."""


async def flood(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send events as fast as they are read."""
    for number in itertools.count(1):
        yield b"".join(sse(event(n), f"{n}") for n in range(number * 100, number * 100 + 100))


async def drip(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send one byte at a time, for ever in the same frame."""
    yield b"data: "
    while True:
        await asyncio.sleep(0.01)
        yield b"x"


def with_cursor(backend: Backend, cursor: str = "evt-0001") -> None:
    """Leave the stream at a cursor: without one there is no idle timeout."""
    run_window(backend, Upstream(event_stream([sse(event(1), cursor)]), NO_CONTENT))


@pytest.mark.parametrize("cursor", [True, False])
@pytest.mark.parametrize("ending", [heartbeats, silence, drip, trickle(0.1)])
def test_the_deadline_holds(embedded_backend: Backend, ending: Ending, *, cursor: bool) -> None:
    """Under heartbeats, silence, drip or a trickle, a window ends on time."""
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
    """Without events a window ends after the idle time, with or without heartbeats."""
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
    """The limit of events is reached exactly, and that of bytes is never exceeded."""
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Upstream(event_stream(then=flood)), **limits)

    size = sum(len(message.data) for _, message in topics.stored)
    assert report.stop_reason == reason
    assert report.events == report.published == limits.get("max_events", report.events)
    assert 200_000 - 400 < size <= 200_000 or reason == "max_events"


def test_publishing_that_stalls_ends_with_the_window(embedded_backend: Backend) -> None:
    """Pub/Sub accepts requests and never responds: the window fails on time, no event is lost."""
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
    """More lanes than threads, and slow requests: the window ends on time, and nothing is lost."""
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
    """An error of Pub/Sub is a failure even when the time is almost over: its type decides."""
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
    """A window that cannot read because Pub/Sub is slow does not end as idle."""
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


def test_reconnecting_never_passes_the_deadline(embedded_backend: Backend) -> None:
    """Refused connections and requested delays end with the window."""
    down = [Fault()] * 1_000
    report = run_window(
        embedded_backend,
        Upstream(*down),
        tuning=Tuning(random=lambda: 0.5),
        window_seconds=WINDOW,
        idle_seconds=60.0,
    )

    assert (report.stop_reason, report.http_status) == ("unreachable", 503)
    assert report.window_seconds <= WINDOW + SLACK
    assert report.reconnects > 0


def test_a_slow_start_is_not_idleness(embedded_backend: Backend) -> None:
    """The idle time counts from the start of reading, not from before the lease was acquired."""
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
    """Nothing more to send is a normal end."""
    report = run_window(embedded_backend, Upstream(NO_CONTENT))

    assert (report.outcome, report.stop_reason) == ("idle", "server_closed")
    assert report.window_seconds < 1
