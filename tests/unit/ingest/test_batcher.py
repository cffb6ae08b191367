"""`ingest.batcher`: the events of a batch, and its checkpoint."""

import asyncio
import hashlib
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.support.vendor_events import event
from tests.support.virtual_time import VirtualTime
from videovector_bridge.api.frames import Frame, FramePart
from videovector_bridge.api.stream import Position
from videovector_bridge.events import MAX_DATA_BYTES, Event, Rejection, decode_event
from videovector_bridge.ingest.batcher import Batch, Batcher, BatchLimits
from videovector_bridge.ingest.outcome import Stop

Queue = asyncio.Queue[Batch | None]


def make(batches: Queue, **changed: Any) -> Batcher:
    """A batcher of one lane that lingers for a minute."""
    limits: dict[str, Any] = {
        "lanes": 1,
        "linger_seconds": 60.0,
        "max_events": 1_000,
        "max_bytes": 10**9,
        "claimable": False,
    }
    return Batcher(batches, Position("before", "latest", "0"), BatchLimits(**(limits | changed)))


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run in virtual time."""
    VirtualTime().run(work)


def frame(number: int) -> Frame:
    """The frame of an event under its own id."""
    return Frame(event(number), f"evt-{number:04d}")


def batches_of(*frames: Frame | FramePart, **changed: Any) -> tuple[list[Batch], Stop | None]:
    """The batches that these frames become, and the stop."""
    made: list[Batch] = []
    stops: list[Stop | None] = []

    async def work() -> None:
        batches: Queue = asyncio.Queue()
        under_test = make(batches, **changed)
        stops.append(await under_test.add(frames))
        await under_test.close()
        while (batch := batches.get_nowait()) is not None:
            made.append(batch)

    run(work())
    return made, stops[0]


def ids(batch: Batch) -> list[str]:
    """The ids of the batch's events."""
    return [one.id for events in batch.lanes.values() for one in events]


def test_events_go_to_lanes_and_the_rest_is_rejected() -> None:
    """Bytes that are no event are rejected as they are, and the checkpoint passes both."""
    (batch,), _ = batches_of(frame(1), Frame(b"{", "bad-1"), frame(2))
    (rejected,) = batch.rejected

    assert ids(batch) == ["evt-0001", "evt-0002"]
    assert (rejected.raw, rejected.reason.code) == (b"{", "bad_json")
    assert (rejected.reason.owner, rejected.last_event_id) == ("vendor", "bad-1")
    assert batch.checkpoint.cursor == "evt-0002"
    assert batch.checkpoint.created_at == "2026-01-02T03:04:05Z"


def test_a_frame_without_data_moves_the_checkpoint_only() -> None:
    """An id-only frame is no event, but its id is committed."""
    (batch,), _ = batches_of(Frame(b"", "5"))

    assert (batch.checkpoint.cursor, ids(batch)) == ("5", [])


def test_an_event_too_large_for_a_message_needs_a_bucket() -> None:
    """Without one it is rejected whole, with its id; with one it becomes a claim check."""
    large = Frame(event(1, payload={"pad": "x" * MAX_DATA_BYTES}), "a")
    (batch,), _ = batches_of(large)
    (rejected,) = batch.rejected

    assert (rejected.reason.code, rejected.reason.owner) == ("too_large", "user")
    assert (rejected.event_id, rejected.raw) == ("evt-0001", large.data)
    (batch,), _ = batches_of(large, claimable=True)
    assert (batch.rejected, ids(batch)) == ([], ["evt-0001"])


@pytest.mark.parametrize("limit", [{"batch_events": 2}, {"batch_bytes": 300}])
def test_a_batch_is_full_by_number_or_by_size(limit: dict[str, int]) -> None:
    """Either limit closes a batch; each carries the position after its own last frame."""
    made, _ = batches_of(*map(frame, range(1, 6)), **limit)

    assert [ids(batch) for batch in made] == [
        ["evt-0001", "evt-0002"],
        ["evt-0003", "evt-0004"],
        ["evt-0005"],
    ]
    assert [batch.checkpoint.cursor for batch in made] == ["evt-0002", "evt-0004", "evt-0005"]


def test_an_open_batch_leaves_after_the_linger() -> None:
    """One event alone is published without waiting for the batch to fill."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        batches: Queue = asyncio.Queue(maxsize=1)
        started = loop.time()
        await make(batches, linger_seconds=0.05).add([frame(1)])
        batch = await batches.get()
        assert batch is not None
        assert ids(batch) == ["evt-0001"]
        assert loop.time() - started == pytest.approx(0.05)

    run(work())


def test_under_load_batches_grow() -> None:
    """While the queue is full the open batch stays open, with any linger."""

    async def work() -> None:
        batches: Queue = asyncio.Queue(maxsize=1)
        under_test = make(batches, linger_seconds=0.05)
        for number in range(1, 6):
            await under_test.add([frame(number)])
            await asyncio.sleep(0.2)
        first = await batches.get()
        await asyncio.sleep(0.2)
        second = await batches.get()
        assert first is not None
        assert second is not None
        assert (len(ids(first)), len(ids(second))) == (1, 4)

    run(work())


def test_a_full_queue_pauses_the_reader_and_loses_nothing() -> None:
    """`add` waits; if it is cancelled, the full batch is still the next one."""

    async def work() -> None:
        batches: Queue = asyncio.Queue(maxsize=1)
        under_test = make(batches, batch_events=1)
        adding = asyncio.create_task(under_test.add([frame(1), frame(2), frame(3)]))
        await asyncio.sleep(10)
        assert not adding.done()
        adding.cancel()
        closing = asyncio.create_task(under_test.close())
        left: list[str] = []
        while (batch := await batches.get()) is not None:
            left += ids(batch)
        await closing
        assert left == ["evt-0001", "evt-0002"]
        assert under_test.position.cursor == "evt-0002"

    run(work())


def test_limits_are_exact() -> None:
    """Not one event too many, and not one byte, unless the first event is larger."""
    size = len(event(1))

    made, stop = batches_of(*map(frame, range(1, 9)), max_events=3)
    assert (stop, made[-1].checkpoint.cursor) == (Stop("max_events"), "evt-0003")
    made, stop = batches_of(*map(frame, range(1, 9)), max_bytes=3 * size + 1)
    assert (stop, made[-1].checkpoint.cursor) == (Stop("max_bytes"), "evt-0003")
    made, stop = batches_of(*map(frame, range(1, 9)), max_bytes=1)
    assert (stop, made[-1].checkpoint.cursor) == (Stop("max_bytes"), "evt-0001")


HEAD = b'{"event_id":"evt-0007","event_type":"a.b","run_id":"r","video_id":null,"payload":'


def parts(*data: bytes) -> list[FramePart]:
    """A large frame under the id "7"."""
    last = len(data)
    return [
        FramePart(each, "7" if number == last else "", number, number == last)
        for number, each in enumerate(data, 1)
    ]


def test_each_part_of_a_large_frame_is_a_batch() -> None:
    """Earlier frames are queued first; only the last part moves the checkpoint."""
    body = [HEAD + b'"x', b"y" * 100, b'z"}']
    before, first, middle, last, after = batches_of(frame(1), *parts(*body), frame(8))[0]

    assert not before.is_exclusive
    assert first.is_exclusive and middle.is_exclusive and last.is_exclusive  # noqa: PT018 - one statement
    assert [b.checkpoint.cursor for b in (before, first, middle, last, after)] == [
        *(["evt-0001"] * 3),
        "7",
        "evt-0008",
    ]
    assert first.large is not None
    assert last.large is not None
    assert (first.large.sha256, first.large.event) == ("", None)
    assert last.large.sha256 == hashlib.sha256(b"".join(body)).hexdigest()
    assert last.large.size == sum(map(len, body))
    assert first.large.frame == last.large.frame
    assert isinstance(last.large.event, Event)
    assert (last.large.event.id, last.large.event.run_id) == ("evt-0007", "r")


def test_a_large_frame_that_begins_again_is_counted_from_its_start() -> None:
    """After a broken connection the hash has nothing of the first attempt."""
    made, _ = batches_of(*parts(b"aa", b"bb")[:1], *parts(b"aa", b"bb"))
    last = made[-1].large

    assert last is not None
    assert (last.sha256, last.size) == (hashlib.sha256(b"aabb").hexdigest(), 4)
    assert isinstance(last.event, Rejection)


def test_a_large_frame_is_one_event_of_the_window() -> None:
    """It counts for the limits when it begins, and is read to its end."""
    made, stop = batches_of(frame(1), *parts(b"a" * 900, b"b"), max_bytes=500)
    assert (stop, len(made)) == (Stop("max_bytes"), 1)
    made, stop = batches_of(*parts(b"a" * 900, b"b"), frame(1), max_bytes=500)
    assert (stop, len(made)) == (Stop("max_bytes"), 2)
    made, stop = batches_of(*parts(b"a", b"b"), frame(1), max_events=1)
    assert (stop, len(made)) == (Stop("max_events"), 2)


def test_starting_over_is_a_batch_between_all_others() -> None:
    """Earlier frames are queued first; the gap's checkpoint has no cursor."""

    async def work() -> None:
        batches: Queue = asyncio.Queue()
        under_test = make(batches)
        await under_test.add([frame(1)])
        gap = decode_event(event(99))
        assert isinstance(gap, Event)
        await under_test.start_over(gap, "earliest")
        before, at_gap = batches.get_nowait(), batches.get_nowait()
        assert before is not None
        assert at_gap is not None
        assert before.checkpoint.cursor == "evt-0001"
        assert (at_gap.gap, at_gap.is_exclusive) == (gap, True)
        assert (at_gap.checkpoint.cursor, at_gap.checkpoint.start_from) == (None, "earliest")
        assert under_test.position.last_event_id == "0"

    run(work())
