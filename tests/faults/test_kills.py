"""Invariant 1: at any moment that a window dies, nothing is lost and the cursor is valid."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.upstream import Replay, Response, cut, event_stream, heartbeats
from tests.support.vendor_events import event, events
from tests.support.watched_ports import Kill, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, only_stream, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.stages import Tuning
from videovector_bridge.ingest.window import drain_window

COUNT = 24
LEASE_IS_OVER = 10.0**6
BATCH_EVENTS = 4


BUSY = Tuning(batch_events=BATCH_EVENTS, commit_seconds=0.002, random=lambda: 0.0)
"""Many small batches, and commits as often as possible."""


class Stream:
    """A stream and its windows, each of which may die; checks every cursor that is written."""

    def __init__(self, backend: Backend, name: str, upstream: list[bytes] | None = None) -> None:
        self._backend = backend
        self._name = name
        self._upstream = upstream or events(COUNT)
        self.ids = Replay(self._upstream).ids
        self.topics = WatchedTopics(backend.topics)

    def window(
        self,
        *,
        topics: dict[str, Callable[[int], None]] | None = None,
        documents: dict[str, Callable[[int], None]] | None = None,
        **limits: Any,
    ) -> WindowReport:
        """Run a window with these hooks, after the lease of the previous window has expired."""
        watched_topics = WatchedTopics(self._backend.topics, **(topics or {}))
        watched_topics.stored = self.topics.stored
        state = _Checked(self, older_by=LEASE_IS_OVER, **(documents or {}))
        return run_window(
            watched(self._backend, watched_topics, state),
            Replay(self._upstream),
            settings=make_settings({self._name: {}}),
            tuning=BUSY,
            lanes=3,
            linger_ms=0,
            **limits,
        )

    @property
    def backend(self) -> Backend:
        """The real backend."""
        return self._backend

    def check(self, cursor: str | None) -> None:
        """Check that everything up to the cursor is published."""
        passed = self.ids[: self.ids.index(cursor) + 1] if cursor else []
        missing = set(passed) - set(self.topics.ids())
        assert not missing, f"cursor {cursor} passed {missing}"

    def check_end(self, windows: int, committed: str | None = None) -> None:
        """Check that all is published, once up to `committed`; the cursor is at the end."""
        counts = Counter(self.topics.ids())
        once = self.ids.index(committed) + 1 if committed else 0
        assert sorted(counts) == self.ids
        assert document(self._backend, self._name)["cursor"] == self.ids[-1]
        assert all(counts[id_] == 1 for id_ in self.ids[:once])
        assert max(counts.values()) <= windows


class _Checked(WatchedDocuments):
    """Documents that check the cursor at every write, before the hook that may kill."""

    def __init__(self, under_test: Stream, **hooks: Any) -> None:
        super().__init__(under_test.backend.documents, **hooks)
        self._stream = under_test

    def write(self, *arguments: Any, **named: Any) -> Any:
        self._stream.check(arguments[2].get("cursor"))
        return super().write(*arguments, **named)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", ["publish", "write"])
def test_a_kill_at_any_call_loses_nothing(backend: Backend, call: str, moment: str) -> None:
    """Die before or after the k-th publish or write, for every k; the next window completes it."""
    number = 0
    while True:
        number += 1
        kill = Kill(number)
        first: dict[str, Callable[[int], None]] = {moment: kill}
        other: dict[str, Callable[[int], None]] = {"before": kill.dead}
        hooks = (first, other) if call == "publish" else (other, first)
        under_test = Stream(backend, f"{call}-{moment}-{number}")
        report = under_test.window(topics=hooks[0], documents=hooks[1])
        if not kill.happened:
            break
        assert report.outcome == "failed"
        committed = document(backend, f"{call}-{moment}-{number}").get("cursor")
        under_test.check(committed)
        assert under_test.window().outcome in ("drained", "idle")
        under_test.check_end(2, committed)

    assert number > (8 if call == "publish" else 2)
    under_test.check_end(1)


def test_windows_that_all_die_make_progress(backend: Backend) -> None:
    """Windows that each die after a few requests make progress, and repeat only these requests."""
    under_test = Stream(backend, "progress")
    windows = 0
    while document(backend, "progress").get("cursor") != under_test.ids[-1]:
        windows += 1
        kill = Kill(8)
        under_test.window(topics={"before": kill})
        assert windows < 50
    under_test.check_end(windows)


@pytest.mark.parametrize("call", ["publish", "write"])
def test_a_cancelled_window_loses_nothing_and_leaves_nothing_running(
    backend: Backend, call: str
) -> None:
    """Cancel the window during its k-th publish or write: its tasks end, the rest is repeated."""
    cancelled = 0
    for number in (1, 2, 3, 5, 8) if call == "publish" else (1, 2, 3):
        under_test = Stream(backend, f"{call}-cancel-{number}")
        name = f"{call}-cancel-{number}"

        async def run(
            name: str = name, number: int = number, under_test: Stream = under_test
        ) -> bool:
            loop = asyncio.get_running_loop()
            done = threading.Event()

            def cancel(at: int) -> None:
                if at == number:
                    loop.call_soon_threadsafe(task.cancel)
                    done.wait(0.05)  # so that the cancellation is first

            hook: dict[str, Any] = {"before": cancel}
            topics = WatchedTopics(backend.topics, **(hook if call == "publish" else {}))
            topics.stored = under_test.topics.stored
            state = _Checked(under_test, **(hook if call == "write" else {}))
            settings = make_settings({name: {}})
            stream = only_stream(settings, lanes=3, linger_ms=0)
            transport = Replay(events(COUNT), then=heartbeats)
            draining = drain_window(
                settings, stream, watched(backend, topics, state), transport=transport, tuning=BUSY
            )
            task = asyncio.create_task(draining)
            await asyncio.wait([task], timeout=1)
            if not task.done():  # fewer calls than that
                task.cancel()
                await asyncio.wait([task])
            for _ in range(20):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return task.cancelled()

        cancelled += asyncio.run(run())
        committed = document(backend, name).get("cursor")
        under_test.check(committed)
        assert under_test.window().outcome in ("drained", "idle")
        under_test.check_end(2, committed)

    assert cancelled > 1


@pytest.mark.parametrize("lanes_that_fail", [{0}, {1}, {2}, {0, 2}])
def test_failing_lanes_stop_the_cursor(backend: Backend, lanes_that_fail: set[int]) -> None:
    """Publishing that succeeds only in some lanes never moves the cursor past the others."""
    under_test = Stream(backend, "lanes")
    inner = backend.topics

    class Some(WatchedTopics):
        def publish(self, topic: str, messages: Any, *, timeout: Timeout) -> None:
            if int(messages[0].ordering_key.removeprefix("lane-")) in lanes_that_fail:
                raise BackendError("this lane is down")
            super().publish(topic, messages, timeout=timeout)

    topics = Some(inner)
    topics.stored = under_test.topics.stored
    settings = make_settings({"lanes": {}})
    report = run_window(
        watched(backend, topics, _Checked(under_test)),
        Replay(events(COUNT)),
        settings=settings,
        tuning=BUSY,
        lanes=3,
    )
    assert report.stop_reason == "publish_failed"
    committed = document(backend, "lanes")["cursor"]
    under_test.check(committed)
    assert under_test.window().outcome == "drained"
    under_test.check_end(2, committed)


def test_garbage_between_kills_is_not_lost(backend: Backend) -> None:
    """An invalid event is rejected at least once, wherever the window dies."""
    upstream = [event(n) for n in range(1, 13)]
    good = {f"evt-{n:04d}" for n in range(1, 13)} - {"evt-0005"}
    for number in range(1, 9):
        name = f"garbage-{number}"
        topics = WatchedTopics(backend.topics)
        kill = Kill(number)
        for hook in (kill, lambda _n: None):
            attempt = WatchedTopics(backend.topics, before=hook)
            attempt.stored = topics.stored
            state = WatchedDocuments(backend.documents, older_by=LEASE_IS_OVER)
            run_window(
                watched(backend, attempt, state),
                _Spoilt(upstream),
                settings=make_settings({name: {}}),
                tuning=BUSY,
                linger_ms=0,
            )
        rejected = [m.data for t, m in topics.stored if t == "rejected"]
        assert set(topics.ids()) == good
        assert rejected
        assert set(rejected) == {b"{garbage"}


class _Spoilt(Replay):
    """The fifth event is garbage under its own id."""

    def __init__(self, upstream: list[bytes]) -> None:
        super().__init__(upstream)
        self._frames[4] = b"id: evt-0005\ndata: {garbage\n\n"


def test_an_upstream_that_dies_too(backend: Backend) -> None:
    """Cuts after any number of bytes: every event is published exactly once."""
    topics = WatchedTopics(backend.topics)
    upstream = _Cutting(events(12))
    report = run_window(watched(backend, topics), upstream, tuning=BUSY)

    assert sorted(topics.ids()) == upstream.ids
    assert report.outcome == "drained"
    assert report.reconnects > 10


class _Cutting(Replay):
    """Each connection breaks after some bytes more than the one before, wherever that is."""

    def respond(self, request: httpx.Request) -> Response:
        response = super().respond(request)
        body = b"".join(piece for piece in response.pieces if isinstance(piece, bytes))
        if not body:
            return response
        room = 97 * len(self.requests) % 611
        return event_stream([body[: room + 1]], then=cut)
