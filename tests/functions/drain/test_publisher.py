"""`ingest.publisher`: lanes side by side, each in order, and nothing more after a failure."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.traces import SPAN_ID, TRACE_ID, trace_and_span, without_trace
from tests.support.vendor_events import event
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import Kill, WatchedTopics, watched
from videovector_bridge.api.frames import Frame
from videovector_bridge.api.stream import Position
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Message, Timeout, seconds_left
from videovector_bridge.backends.publish_limits import check_request, split_requests
from videovector_bridge.errors import BackendError, OutOfTimeError
from videovector_bridge.events import (
    MAX_DATA_BYTES,
    Event,
    bridge_event,
    decode_event,
    event_message,
    parse_time,
)
from videovector_bridge.ingest import publisher
from videovector_bridge.ingest.batcher import Batch, Batcher, BatchLimits, Checkpoint
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.ingest.publisher import Publisher
from videovector_bridge.settings import TopicNames
from videovector_bridge.trace import Trace

TOPICS = TopicNames("events", "rejected", "media-urls")
TRACE = Trace(TRACE_ID, SPAN_ID, sampled=True)


@dataclass
class Published:
    """The result of publishing batches."""

    failure: BackendError | None
    checkpoints: list[Checkpoint]
    published: int
    rejected: int
    seconds: float


def publish(
    backend: Backend,
    *batches: Batch,
    seconds: float = 30.0,
    lanes: int = 4,
    time: VirtualTime | None = None,
) -> Published:
    """Publish batches as a window does that ends in so many seconds, in virtual time."""
    time = time or VirtualTime()

    async def run() -> Published:
        started = time.time()
        deadline = Deadline(started + seconds, started + 1_000, clock=time.time)
        waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        acknowledged: asyncio.Queue[Checkpoint | None] = asyncio.Queue()
        under_test = Publisher(
            backend,
            TOPICS,
            source="//host/processing/events",
            stream="default",
            lanes=lanes,
            deadline=deadline,
            batches=waiting,
            acknowledged=acknowledged,
            trace=TRACE,
        )
        for batch in (*batches, None):
            waiting.put_nowait(batch)
        failure = await under_test.run()
        checkpoints = []
        while (checkpoint := acknowledged.get_nowait()) is not None:
            checkpoints.append(checkpoint)
        counts = under_test.published, under_test.rejected
        return Published(failure, checkpoints, *counts, time.time() - started)

    return time.run(run())


def batch(backend: Backend, *frames: bytes, lanes: int = 4) -> Batch:
    """A batch of these frames, made by the batcher itself."""
    made: list[Batch] = []

    async def run() -> None:
        batches: asyncio.Queue[Batch | None] = asyncio.Queue()
        limits = BatchLimits(lanes, 60.0, 10**6, 10**9, claimable=backend.blobs is not None)
        under_test = Batcher(batches, Position(None, "latest", "0"), limits)
        await under_test.add([Frame(data, f"id-{n}") for n, data in enumerate(frames)])
        await under_test.close()
        one = batches.get_nowait()
        assert one is not None
        made.append(one)

    VirtualTime().run(run())
    return made[0]


def test_every_event_and_every_rejection_is_published(backend: Backend) -> None:
    """Events are published to `events` with their lane's ordering key, others to `rejected`."""
    topics = WatchedTopics(backend.topics)
    frames = [*(event(n) for n in range(1, 40)), b"{", b"[]"]
    one = batch(backend, *frames)
    outcome = publish(watched(backend, topics), one)

    assert (outcome.failure, outcome.checkpoints) == (None, [one.checkpoint])
    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 40)]
    assert sorted(m.data for t, m in topics.stored if t == "rejected") == [b"[]", b"{"]
    assert (outcome.published, outcome.rejected) == (39, 2)
    keys = {(m.attributes["ce-runid"], m.ordering_key) for t, m in topics.stored if t == "events"}
    assert len(keys) == 7  # one key for each run
    assert all(key.startswith("lane-0") for _, key in keys)


def test_many_rejections_are_few_requests(embedded_backend: Backend) -> None:
    """A flood of garbage does not cost a request for each frame."""
    calls: list[int] = []
    topics = WatchedTopics(embedded_backend.topics, before=calls.append)
    outcome = publish(
        watched(embedded_backend, topics), batch(embedded_backend, *[b"{garbage"] * 2_000)
    )

    assert outcome.rejected == 2_000
    assert len(calls) <= 3


def test_after_a_failure_no_lane_continues(backend: Backend) -> None:
    """After a failed request nothing later is sent in any lane; the error is returned."""
    topics = WatchedTopics(backend.topics, before=Kill(1))
    first = batch(backend, *map(event, range(1, 9)))
    second = batch(backend, *map(event, range(9, 99)))
    outcome = publish(watched(backend, topics), first, second)

    assert isinstance(outcome.failure, BackendError)
    assert (topics.stored, outcome.checkpoints) == ([], [])


def test_a_bug_counts_as_a_failure(backend: Backend) -> None:
    """An unforeseen error stops the lanes like any other."""

    def bug(_number: int) -> None:
        raise ZeroDivisionError("a bug")

    topics = WatchedTopics(backend.topics, before=bug)
    outcome = publish(watched(backend, topics), batch(backend, event(1)))

    assert "ZeroDivisionError: a bug" in str(outcome.failure)


class Slow(WatchedTopics):
    """Topics that are slow for some lanes: each request lasts some seconds of virtual time."""

    def __init__(self, real: Any, time: VirtualTime, seconds: dict[str, float]) -> None:
        super().__init__(real)
        self._time = time
        self._seconds = seconds
        self.started: list[tuple[float, str]] = []
        self._order = threading.Lock()

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish when the time has passed, if there was any left at the start."""
        left = seconds_left(timeout)
        if left <= 0:
            raise OutOfTimeError("no time was left")
        key = messages[0].ordering_key
        with self._order:
            self.started.append((self._time.time(), key))
        takes = self._seconds.get(key, self._seconds.get("", 0.0))
        self._time.sleep(min(takes, left))
        if takes > left:
            raise OutOfTimeError("the time was over before the response")
        super().publish(topic, messages, timeout=timeout)


def test_checkpoints_follow_the_order_of_the_batches(embedded_backend: Backend) -> None:
    """The checkpoint of an acknowledged batch waits for all batches before it, in any order."""
    time = VirtualTime()
    made = [batch(embedded_backend, event(n), lanes=16) for n in (1, 2, 3)]
    keys = [f"lane-{next(iter(one.lanes)):02d}" for one in made]
    topics = Slow(embedded_backend.topics, time, dict(zip(keys, (9.0, 5.0, 1.0), strict=True)))
    outcome = publish(watched(embedded_backend, topics), *made, lanes=16, time=time)

    assert topics.ids() == ["evt-0003", "evt-0002", "evt-0001"]
    assert outcome.checkpoints == [one.checkpoint for one in made]


def test_a_failure_blocks_no_earlier_checkpoint(embedded_backend: Backend) -> None:
    """Batches before the failed one are still acknowledged; batches after it are not."""
    time = VirtualTime()
    made = [batch(embedded_backend, event(n), lanes=16) for n in (1, 2, 3)]
    keys = [f"lane-{next(iter(one.lanes)):02d}" for one in made]

    class Failing(Slow):
        def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
            if messages[0].ordering_key == keys[1]:
                raise BackendError("this lane is down")
            super().publish(topic, messages, timeout=timeout)

    topics = Failing(embedded_backend.topics, time, {keys[0]: 9.0})
    outcome = publish(watched(embedded_backend, topics), *made, lanes=16, time=time)

    assert "this lane is down" in str(outcome.failure)
    assert outcome.checkpoints == [made[0].checkpoint]


def test_the_deadline_is_checked_when_a_request_starts(embedded_backend: Backend) -> None:
    """With more lanes than threads, a request that waited too long for a thread does not start."""
    time = VirtualTime()
    frames = [event(n, run_id=f"run-{n}") for n in range(400)]
    one = batch(embedded_backend, *frames, lanes=40)
    assert len(one.lanes) == 40
    topics = Slow(embedded_backend.topics, time, {"": 2.5})
    outcome = publish(watched(embedded_backend, topics), one, lanes=40, seconds=6.0, time=time)

    assert isinstance(outcome.failure, OutOfTimeError)
    assert outcome.seconds <= 6.0
    assert max(at for at, _ in topics.started) < 1_000 + 6.0
    assert len(topics.started) == 24  # 8 threads, three rounds; the third is cut off
    assert outcome.published == len(topics.ids()) > 0


def test_no_request_is_made_after_a_cancellation(embedded_backend: Backend) -> None:
    """A lost lease cancels the deadline: requests that wait for a thread are not made."""
    time = VirtualTime()
    frames = [event(n, run_id=f"run-{n}") for n in range(400)]
    one = batch(embedded_backend, *frames, lanes=40)
    topics = Slow(embedded_backend.topics, time, {"": 1.0})

    async def run() -> BackendError | None:
        deadline = Deadline(time.time() + 60, time.time() + 60, clock=time.time)
        waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        under_test = Publisher(
            watched(embedded_backend, topics),
            TOPICS,
            source="//host/processing/events",
            stream="default",
            lanes=40,
            deadline=deadline,
            batches=waiting,
            acknowledged=asyncio.Queue(),
            trace=TRACE,
        )
        waiting.put_nowait(one)
        asyncio.get_running_loop().call_later(1.5, deadline.cancel)
        return await under_test.run()

    assert isinstance(time.run(run()), OutOfTimeError)
    assert len(topics.started) == 16


def test_after_the_deadline_nothing_is_sent(backend: Backend) -> None:
    """Real backends refuse a request for which no time is left."""
    topics = WatchedTopics(backend.topics)
    outcome = publish(watched(backend, topics), batch(backend, event(1)), seconds=-1)

    assert isinstance(outcome.failure, OutOfTimeError)
    assert topics.stored == []


def test_a_large_event_is_published_as_a_claim_check(backend: Backend) -> None:
    """An event over the limit is stored, and its message has the URI."""
    assert backend.blobs is not None
    large = event(1, payload={"pad": "x" * 12_000_000})
    topics = WatchedTopics(backend.topics)
    outcome = publish(watched(backend, topics), batch(backend, large), batch(backend, event(8)))
    claim, plain = (message for _, message in topics.stored)

    assert outcome.failure is None
    assert claim.data == b""
    assert backend.blobs.get(claim.attributes["ce-dataref"], timeout=30) == large
    assert claim.attributes["ce-datasize"] == str(len(large))
    assert claim.attributes["ce-id"] == "evt-0001"
    assert plain.data == event(8)


def test_a_large_event_that_cannot_be_stored_is_not_passed_by(backend: Backend) -> None:
    """With the bucket down neither its message nor a later one of its lane is sent."""

    class Down:
        def put(self, *_args: object, **_named: object) -> str:
            raise BackendError("The bucket is down.")

    topics = WatchedTopics(backend.topics)
    bucket: Any = Down()
    down = replace(watched(backend, topics), blobs=bucket)
    large, later = event(1, payload={"pad": "x" * 12_000_000}), event(8)  # of one run
    outcome = publish(down, batch(down, large), batch(down, later))

    assert (topics.stored, outcome.checkpoints) == ([], [])
    assert "The bucket is down." in str(outcome.failure)


def test_a_large_event_without_bucket_is_rejected_in_parts(backend: Backend) -> None:
    """Without blobs its bytes go to `rejected`, whole when joined."""
    backend = Backend(backend.topics, backend.documents, None)
    large = event(1, payload={"pad": "x" * 12_000_000})
    topics = WatchedTopics(backend.topics)
    outcome = publish(watched(backend, topics), batch(backend, large), batch(backend, event(2)))
    rejected = [message for topic, message in topics.stored if topic == "rejected"]

    assert (outcome.failure, outcome.rejected) == (None, 1)
    assert topics.ids() == ["evt-0002"]
    assert b"".join(m.data for m in rejected) == large
    assert [(m.attributes["part"], m.attributes["parts"]) for m in rejected] == [
        ("1", "2"),
        ("2", "2"),
    ]
    assert len({trace_and_span(m.attributes) for m in rejected}) == 1  # one frame, one span
    assert without_trace(rejected[0].attributes) | {"detail": "", "sha256": ""} == {
        "reason": "user",
        "code": "too_large",
        "detail": "",
        "stream": "default",
        "source": "//host/processing/events",
        "last-event-id": "id-0",
        "event-id": "evt-0001",
        "sha256": "",
        "part": "1",
        "parts": "2",
    }


def test_a_gap_is_published_between_all_others(embedded_backend: Backend) -> None:
    """After everything that was read before it, and before everything after; it is not counted."""
    moment = parse_time("2026-01-02T03:04:05Z")
    assert moment is not None
    gap = bridge_event("bridge.stream.gap", "gap", moment, {})
    time = VirtualTime()
    topics = Slow(embedded_backend.topics, time, {"": 1.0})
    before, after = (batch(embedded_backend, event(n)) for n in (1, 2))
    at_gap = Batch(Checkpoint(None, False, "latest"), gap=gap)
    outcome = publish(watched(embedded_backend, topics), before, at_gap, after, time=time)

    assert topics.ids() == ["evt-0001", "gap", "evt-0002"]
    assert (outcome.published, len(outcome.checkpoints)) == (2, 3)


@pytest.mark.parametrize("pad", [0, 400, 9_000])
def test_requests_fit_and_keep_the_order(pad: int) -> None:
    """Any number of events is cut into requests that Pub/Sub accepts, in order."""
    all_events = [one(n, pad) for n in range(2_500)]
    cut = split(all_events, MAX_DATA_BYTES)

    assert [e for run in cut for e in run] == all_events
    for run in cut:
        check_request("projects/p/topics/events", [message(e) for e in run])


@settings(max_examples=60)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=30), st.integers(1, 900))
def test_any_ids_and_sizes_fit(pads: list[int], length: int) -> None:
    """For any ids and sizes, the estimate is never below the real size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("videovector_bridge.backends.publish_limits.MAX_REQUEST_BYTES", 18_000)
        ids = dict.fromkeys(("run_id", "video_id", "segment_id", "index_id"), "x" * length)
        made = [one(n, pad, **ids) for n, pad in enumerate(pads)]
        cut = split(made, 5_000)
        for run in cut:
            check_request("projects/p/topics/events", [message(e) for e in run])

    assert sum(map(len, cut)) == len(pads)


def split(events: Sequence[Event], max_bytes: int) -> list[Sequence[Event]]:
    """Cut events into requests as the publisher does."""
    return list(
        split_requests(events, publisher._event_bytes, MAX_REQUEST_MESSAGES, max_bytes=max_bytes)
    )


def one(number: int, pad: int, **fields: Any) -> Event:
    """An event of some size."""
    made = decode_event(event(number, payload={"pad": "x" * pad}, **fields))
    assert isinstance(made, Event)
    return made


def message(of: Event) -> Message:
    """The event's message."""
    return event_message(
        of,
        source="//api.vectormethods.com/x",
        channel="stream",
        ordering_key="lane-255",
        trace=TRACE.new_span(),
    )
