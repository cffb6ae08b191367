"""Profile `live`: a window asks the one before it for the stream, and reads on where it stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.support.live_stream import AgeingDocuments, Ticker
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics, watched
from tests.support.windows import NO_JITTER, NOW, document, make_settings, only_stream
from videovector_bridge.backends import Backend
from videovector_bridge.ingest.hand_over import COLLECTION, LOOK_SECONDS, POLL_SECONDS
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window

PAUSED = {"since": "2026-01-02T03:04:05Z", "reason": "a consumer is broken", "by": "ana@laptop"}
WINDOW = 100.0
SLOW = 0.05  # seconds of a publish
FLUSHED = 25  # events that are emitted in the last two seconds of a window, which reads no more


class Stream:
    """A live stream: an upstream that emits all the time, and windows over it, in virtual time."""

    def __init__(self, backend: Backend, every: float = 0.5) -> None:
        self.time = VirtualTime()
        self.upstream = Ticker(self.time, every)
        self.documents = AgeingDocuments(backend.documents, self.time)
        self.topics = SlowTopics(backend.topics, self.time, seconds=SLOW)
        self.backend = watched(backend, self.topics, self.documents)

    def drain(self, profile: str = "live", **window: Any) -> Coroutine[Any, Any, WindowReport]:
        """Call `drain`."""
        settings = make_settings(WINDOW_SECONDS="", PROFILE=profile)
        stream = only_stream(settings, **window)
        return drain_window(
            settings,
            stream,
            self.backend,
            transport=self.upstream,
            now=lambda: NOW,
            tuning=NO_JITTER,
        )

    def call(self, *calls: tuple[float, Coroutine[Any, Any, WindowReport]]) -> list[WindowReport]:
        """Make calls at so many seconds from now; return their reports, in order."""

        async def later(seconds: float, call: Coroutine[Any, Any, WindowReport]) -> WindowReport:
            await asyncio.sleep(seconds)
            return await call

        async def run() -> list[WindowReport]:
            return await asyncio.gather(*(later(*call) for call in calls))

        return self.time.run(run())

    def assert_complete(self) -> None:
        """Every event that was emitted while a window could read it is published, and once."""
        numbers = sorted(int(id_.removeprefix("evt-")) for id_ in self.topics.ids())
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= self.upstream.emitted - FLUSHED


def test_the_next_window_reads_on_where_this_one_stopped(backend: Backend) -> None:
    """The first ends within a second of the request; no event is lost or published twice."""
    stream = Stream(backend, every=0.1)
    first, second = stream.call((0, stream.drain()), (60, stream.drain(window_seconds=10)))

    assert (first.outcome, first.stop_reason) == ("drained", "handed_over")
    assert 60 <= first.window_seconds <= 60 + LOOK_SECONDS + 1
    assert second.cursor_before == first.cursor_after
    assert (second.outcome, second.stop_reason) == ("drained", "deadline")
    assert 0 < second.waited_seconds <= LOOK_SECONDS + POLL_SECONDS + 1
    stream.assert_complete()


def test_a_hundred_hand_overs_leave_no_second_without_a_reader(embedded_backend: Backend) -> None:
    """Two jobs in turn, each minute one: every event is published once."""
    stream = Stream(embedded_backend)
    reports = stream.call(*((60.0 * number, stream.drain()) for number in range(101)))

    assert [report.stop_reason for report in reports] == ["handed_over"] * 100 + ["deadline"]
    assert len(stream.upstream.gaps) == 100
    assert max(stream.upstream.gaps) < 1
    stream.assert_complete()


def test_a_silent_stream_is_handed_over_too(embedded_backend: Backend) -> None:
    """A live window has no idle timeout, and nothing to write: it looks for the request."""
    stream = Stream(embedded_backend, every=1_000_000)
    first, second = stream.call((0, stream.drain()), (60, stream.drain()))

    assert (first.outcome, first.stop_reason) == ("idle", "handed_over")
    assert second.stop_reason == "deadline"
    assert second.window_seconds == pytest.approx(WINDOW, abs=3)
    assert max(stream.upstream.gaps) < 1


def test_a_window_does_not_end_at_once_for_a_second_call(embedded_backend: Backend) -> None:
    """The scheduler may call twice. In the first half of its time a window hands nothing over."""
    stream = Stream(embedded_backend)
    first, twin = stream.call((0, stream.drain()), (1, stream.drain()))

    assert twin.outcome == "busy"
    assert "nothing to do" in twin.message
    assert first.stop_reason == "deadline"
    assert first.window_seconds == pytest.approx(WINDOW, abs=3)


def test_of_two_that_wait_one_reads_on(embedded_backend: Backend) -> None:
    """The other sees that the stream has a reader, and ends."""
    stream = Stream(embedded_backend)
    reports = stream.call((0, stream.drain()), (60, stream.drain()), (60, stream.drain()))

    assert sorted(report.outcome for report in reports) == ["busy", "drained", "drained"]
    stream.assert_complete()


def test_a_dead_window_is_replaced_when_its_lease_ends(embedded_backend: Backend) -> None:
    """The next one waits for the lease; the request does not renew it."""
    stream = Stream(embedded_backend)

    async def kill() -> None:
        window = asyncio.create_task(stream.drain())
        await asyncio.sleep(58)
        window.cancel()

    stream.time.run(kill())
    (report,) = stream.call((2, stream.drain()))

    assert report.outcome == "drained"
    assert 25 <= report.waited_seconds <= 30
    assert document(embedded_backend)["fencing_token"] == 2
    assert set(stream.topics.ids()) >= {f"evt-{n:04d}" for n in range(1, stream.upstream.emitted)}


def test_nobody_asks_a_window_of_profile_economy(embedded_backend: Backend) -> None:
    """As ever: while one window drains, another is busy at once."""
    stream = Stream(embedded_backend)
    first, second = stream.call((0, stream.drain("economy")), (10, stream.drain("economy")))

    assert (first.outcome, first.stop_reason) == ("drained", "deadline")
    assert (second.outcome, second.waited_seconds) == ("busy", 0.0)
    assert embedded_backend.documents.read(COLLECTION, "default", timeout=5) is None


def test_a_live_window_waits_for_the_end_of_an_economical_one(embedded_backend: Backend) -> None:
    """After a change of the profile, for once."""
    stream = Stream(embedded_backend)
    first, second = stream.call(
        (0, stream.drain("economy", window_seconds=50)), (30, stream.drain())
    )

    assert (first.stop_reason, second.outcome) == ("deadline", "drained")
    assert second.waited_seconds == pytest.approx(50 - 30, abs=3)


def test_a_request_that_cannot_be_read_does_not_end_a_window(embedded_backend: Backend) -> None:
    """The window continues; when the store recovers, it hands the stream over."""
    stream = Stream(embedded_backend)

    async def recover() -> WindowReport:
        stream.documents.fail.clear()
        return await stream.drain()

    async def fail() -> WindowReport:
        stream.documents.fail.add(COLLECTION)
        return await stream.drain("economy")

    first, busy, second = stream.call((0, stream.drain()), (40, fail()), (70, recover()))

    assert busy.outcome == "busy"
    assert first.stop_reason == "handed_over"
    assert 70 <= first.window_seconds <= 73
    assert second.outcome == "drained"


def test_a_request_that_cannot_be_written_fails_the_call(embedded_backend: Backend) -> None:
    """The scheduler's next call asks again; the window before is not disturbed."""
    stream = Stream(embedded_backend)

    async def fail() -> WindowReport:
        stream.documents.fail.add(COLLECTION)
        return await stream.drain()

    first, failed = stream.call((0, stream.drain()), (60, fail()))

    assert (failed.outcome, failed.stop_reason) == ("failed", "state_unavailable")
    assert (first.outcome, first.stop_reason) == ("drained", "deadline")


def test_a_pause_ends_the_wait(embedded_backend: Backend) -> None:
    """A stream that a person pauses has no next window."""
    stream = Stream(embedded_backend)

    async def pause() -> WindowReport:
        stored = stream.documents.read("streams", "default", timeout=5)
        stream.documents.write("streams", "default", {"paused": PAUSED}, replaces=stored, timeout=5)
        return await stream.drain()

    first, waiting, paused = stream.call((0, stream.drain()), (40, stream.drain()), (41, pause()))

    assert first.stop_reason == "paused"
    assert {waiting.outcome, paused.outcome} == {"paused"}
