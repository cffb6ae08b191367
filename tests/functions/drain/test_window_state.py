"""Windows of `drain` and the document of their stream: other windows and people write it too."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import httpx

from tests.support.upstream import (
    Replay,
    Upstream,
    event_stream,
)
from tests.support.vendor_events import event, events, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, only_stream, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.ingest.committer import COMMIT_SECONDS
from videovector_bridge.ingest.lease import acquire
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.stream_document import Origin
from videovector_bridge.ingest.window import drain_window


def test_a_second_window_is_busy(backend: Backend) -> None:
    """While one window drains, another on the same stream does nothing and reports `busy`."""
    reports = []

    class Nested(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not self.requests:
                reports.append(await drained(backend, Upstream()))
            return await super().handle_async_request(request)

    run_window(backend, Nested(events(3)))

    (busy,) = reports
    assert (busy.outcome, busy.http_status, busy.events) == ("busy", 200, 0)
    assert "Another window" in busy.message


async def drained(backend: Backend, upstream: Upstream) -> WindowReport:
    """Drain within an event loop that runs."""
    settings = make_settings()
    stream = only_stream(settings)
    return await drain_window(settings, stream, backend, transport=upstream)


def test_a_zombie_cannot_move_the_cursor(backend: Backend) -> None:
    """A window that was taken over ends without a write; the newer one's cursor stays."""
    rival = WatchedDocuments(backend.documents, older_by=10**6)
    reports = []

    class Overtaken(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if len(self.requests) == 0:
                newer = Replay(events(9))
                reports.append(await drained(watched(backend, documents=rival), newer))
            return await super().handle_async_request(request)

    zombie = run_window(backend, Overtaken(events(3)))

    assert (zombie.outcome, zombie.stop_reason, zombie.http_status) == ("failed", "lease_lost", 503)
    assert reports[0].cursor_after == "evt-0009"
    assert document(backend)["cursor"] == "evt-0009"
    assert document(backend)["fencing_token"] == 2
    assert document(backend)["lease_owner"] == ""


def test_a_window_that_loses_its_lease_stops_publishing(backend: Backend) -> None:
    """The next commit notices a takeover: nothing is published after it, and the cursor stays."""
    time = VirtualTime()
    published: list[float] = []
    topics = WatchedTopics(backend.topics, before=lambda _number: published.append(time.time()))
    rival = WatchedDocuments(backend.documents, older_by=10**6)
    takeovers: list[float] = []

    def take_over() -> None:
        origin = Origin("api.example.test", "{}", "latest")
        acquire(rival, "default", owner="rival", origin=origin, lease_seconds=30, timeout=5)

    async def two_a_second(_request: httpx.Request) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            await asyncio.sleep(0.5)
            if number == 10:
                takeovers.append(time.time())
                await asyncio.to_thread(take_over)
            yield sse(event(number), f"evt-{number:04d}")

    started = time.time()
    zombie = run_window(
        watched(backend, topics),
        Upstream(event_stream(then=two_a_second)),
        time=time,
        window_seconds=60,
        idle_seconds=60,
    )
    (overtaken_at,) = takeovers
    left = document(backend)

    assert (zombie.stop_reason, zombie.published) == ("lease_lost", len(published))
    assert max(published) <= overtaken_at + COMMIT_SECONDS
    assert zombie.window_seconds <= overtaken_at + COMMIT_SECONDS + 0.1 - started
    assert left["lease_owner"] == "rival"
    assert "evt-0005" <= left["cursor"] < f"evt-{zombie.published:04d}"


def test_a_document_with_missing_fields_keeps_its_cursor(backend: Backend) -> None:
    """The stream continues at a cursor that a person wrote into an empty document."""
    backend.documents.write("streams", "default", {"cursor": "evt-0002"}, replaces=None, timeout=5)
    upstream = Replay(events(3))
    report = run_window(backend, upstream)

    assert upstream.last_event_ids[0] == "evt-0002"
    assert (report.events, report.cursor_after) == (1, "evt-0003")


def test_fields_that_vanish_in_the_middle_do_not_crash_a_window(backend: Backend) -> None:
    """An operator who empties the counters while a window runs does not stop it."""

    class Edited(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not self.requests:
                stored = backend.documents.read("streams", "default", timeout=5)
                emptied = {"events": None, "published": "x", "last_error": None, "windows": None}
                backend.documents.write("streams", "default", emptied, replaces=stored, timeout=5)
            return await super().handle_async_request(request)

    report = run_window(backend, Edited(events(3)))

    assert (report.outcome, report.cursor_after) == ("drained", "evt-0003")
    assert document(backend)["events"] == 3
