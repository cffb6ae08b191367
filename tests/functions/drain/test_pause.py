"""Windows over a paused stream: they do nothing, or end what they began."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.support.upstream import NO_CONTENT, Replay, Upstream, event_stream, heartbeats
from tests.support.vendor_events import event, events, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.errors import ConflictError
from videovector_bridge.ingest.committer import COMMIT_SECONDS

PAUSED = {"since": "2026-01-02T03:04:05Z", "reason": "a consumer is broken", "by": "ana@laptop"}


def edit(backend: Backend, **fields: Any) -> None:
    """Change the document of the stream by hand, or create it; a window may write it too."""
    while True:
        stored = backend.documents.read("streams", "default", timeout=5)
        with suppress(ConflictError):
            backend.documents.write("streams", "default", fields, replaces=stored, timeout=5)
            return


def two_a_second(backend: Backend, *, pause_at: int) -> Upstream:
    """Return an upstream that sends two events a second; before one of them the stream pauses."""

    async def send(_request: httpx.Request) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            await asyncio.sleep(0.5)
            if number == pause_at:
                await asyncio.to_thread(edit, backend, paused=PAUSED)
            yield sse(event(number), f"evt-{number:04d}")

    return Upstream(event_stream(then=send))


@pytest.mark.parametrize("known", [{}, {"cursor": "evt-0001", "fencing_token": 3}], ids=str)
def test_a_paused_stream_makes_no_request(backend: Backend, known: Mapping[str, Any]) -> None:
    """200 `paused` with who, when and why; not even the lease is acquired. Also before a start."""
    edit(backend, **known, paused=PAUSED)
    report = run_window(backend, Upstream())

    assert (report.outcome, report.stop_reason, report.http_status) == ("paused", "paused", 200)
    assert "since 2026-01-02T03:04:05Z by ana@laptop: a consumer is broken." in report.message
    assert "`videovector-bridge resume default`" in report.message
    assert document(backend) == {**known, "paused": PAUSED}


def test_a_resumed_stream_continues(backend: Backend) -> None:
    """At the cursor that it had."""
    run_window(backend, Replay(events(2)))
    edit(backend, paused=PAUSED)
    run_window(backend, Upstream())
    edit(backend, paused=None)
    upstream = Replay(events(3))
    report = run_window(backend, upstream)

    assert upstream.last_event_ids[0] == "evt-0002"
    assert (report.outcome, report.events) == ("drained", 1)


@pytest.mark.parametrize("value", [True, "broken", {"reason": 7}, {"since": None}, ["x"]], ids=str)
def test_a_pause_written_by_hand_counts(embedded_backend: Backend, value: object) -> None:
    """Whatever its form is: draining against the will of a person is worse."""
    edit(embedded_backend, paused=value)

    assert run_window(embedded_backend, Upstream()).outcome == "paused"


@pytest.mark.parametrize("value", [None, "", False, {}])
def test_an_emptied_field_is_no_pause(embedded_backend: Backend, value: object) -> None:
    """As the console leaves it."""
    edit(embedded_backend, paused=value)

    assert run_window(embedded_backend, Upstream(NO_CONTENT)).outcome == "idle"


def test_a_running_window_ends_at_its_next_write(backend: Backend) -> None:
    """It publishes and commits what it has read, releases the lease and keeps the pause."""
    time = VirtualTime()
    topics = WatchedTopics(backend.topics)
    started = time.time()
    report = run_window(
        watched(backend, topics),
        two_a_second(backend, pause_at=10),
        time=time,
        window_seconds=60,
        idle_seconds=60,
    )
    after = document(backend)

    assert (report.outcome, report.stop_reason, report.http_status) == ("drained", "paused", 200)
    assert time.time() - started <= 5 + 2 * COMMIT_SECONDS
    assert report.published == report.events == len(topics.ids())
    assert after["cursor"] == report.cursor_after == topics.ids()[-1]
    assert (after["lease_owner"], after["paused"]) == ("", PAUSED)
    assert after["last_window"]["stop_reason"] == "paused"


def test_a_silent_window_ends_when_it_renews_its_lease(backend: Backend) -> None:
    """Without an event there is no other write."""
    time = VirtualTime()

    async def pause(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.to_thread(edit, backend, paused=PAUSED)
        async for piece in heartbeats(request):
            yield piece

    started = time.time()
    report = run_window(
        backend,
        Upstream(event_stream(then=pause)),
        time=time,
        window_seconds=60,
        lease_seconds=30,
    )

    assert (report.outcome, report.stop_reason) == ("idle", "paused")
    assert time.time() - started <= 30 / 3 + 2 * COMMIT_SECONDS
    assert document(backend)["lease_owner"] == ""


def test_what_is_on_its_way_is_published_before_the_end(embedded_backend: Backend) -> None:
    """A slow Pub/Sub delays the end of the window; the cursor never passes the rest."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, seconds=3)
    report = run_window(
        watched(embedded_backend, topics),
        two_a_second(embedded_backend, pause_at=4),
        time=time,
        window_seconds=60,
        lanes=1,
    )

    assert report.stop_reason == "paused"
    assert report.events == report.published == len(set(topics.ids()))
    assert document(embedded_backend)["cursor"] == topics.ids()[-1]


def test_a_pause_between_reading_and_claiming_counts(embedded_backend: Backend) -> None:
    """The write that acquires the lease loses to it."""

    def pause(number: int) -> None:
        if number == 1:
            edit(embedded_backend, paused=PAUSED)

    documents = WatchedDocuments(embedded_backend.documents, before=pause)
    report = run_window(watched(embedded_backend, documents=documents), Upstream())

    assert report.outcome == "paused"
    assert "lease_owner" not in document(embedded_backend)


def test_a_window_that_ends_anyway_keeps_the_pause(embedded_backend: Backend) -> None:
    """Paused after its last event: the release meets the pause."""

    class Pausing(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if self.requests:
                await asyncio.to_thread(edit, embedded_backend, paused=PAUSED)
            return await super().handle_async_request(request)

    report = run_window(embedded_backend, Pausing(events(3)))

    assert (report.outcome, report.cursor_after) == ("drained", "evt-0003")
    assert document(embedded_backend)["paused"] == PAUSED
    assert run_window(embedded_backend, Upstream()).outcome == "paused"
