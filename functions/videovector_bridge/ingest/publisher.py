"""The third stage of a window: batches are published, lanes side by side, each lane in order."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Backend, BlobWriter, Message
from videovector_bridge.errors import BackendError
from videovector_bridge.events import (
    MAX_ID_BYTES,
    Event,
    Rejection,
    event_message,
    lane,
    lane_key,
)
from videovector_bridge.ingest.batcher import Batch, Checkpoint, LargePart, Rejected
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.messages import (
    MAX_DATA_BYTES,
    claim_message,
    claim_name,
    rejected_messages,
    rejection_attributes,
)
from videovector_bridge.settings import TopicNames

T = TypeVar("T", Event, Rejected)

BATCHES_IN_FLIGHT: Final = 4

_CHANNEL: Final = "stream"
_REQUESTS_IN_FLIGHT: Final = 8
_FRAMING_BYTES: Final = 512  # of a message, besides its data and its ids
_REJECTED_BYTES: Final = 6_144  # of a rejected message besides its data: the attributes at most
_LARGE: Final = Rejection(
    "too_large",
    "The frame is larger than MAX_FRAME_BYTES. Its parts are the messages with the same `frame`; "
    "the last one has the number of parts and the SHA-256 of the whole. Set CLAIM_BUCKET to have "
    "such events published with their data in Cloud Storage",
    owner="user",
)


class Publisher:
    """Publishes the batches of a queue and puts their checkpoints into another, in order.

    A lane's next request leaves only when the one before is acknowledged. After a failure no
    lane publishes anything more: a later event must not overtake one that failed. `published` and
    `rejected` count what Pub/Sub has acknowledged.
    """

    def __init__(
        self,
        backend: Backend,
        topics: TopicNames,
        *,
        source: str,
        stream: str,
        lanes: int,
        deadline: Deadline,
        batches: asyncio.Queue[Batch | None],
        acknowledged: asyncio.Queue[Checkpoint | None],
    ) -> None:
        self._backend = backend
        self._topics = topics
        self._source = source
        self._stream = stream
        self._lanes = lanes
        self._deadline = deadline
        self._batches = batches
        self._acknowledged = acknowledged
        self._turns = [asyncio.Lock() for _ in range(lanes)]
        self._slots = asyncio.Semaphore(BATCHES_IN_FLIGHT)
        self._threads = ThreadPoolExecutor(_REQUESTS_IN_FLIGHT, thread_name_prefix="publish")
        self._failure: asyncio.Future[BackendError] = asyncio.get_running_loop().create_future()
        self._upload: BlobWriter | None = None
        self.published = 0
        self.rejected = 0

    async def run(self) -> BackendError | None:
        """Publish until the queue ends. Return the failure that stopped it, or None.

        Puts None behind the last checkpoint.
        """
        in_flight: set[asyncio.Task[bool]] = set()
        previous: asyncio.Task[bool] | None = None
        try:
            while (batch := await self._next_batch()) is not None:
                if batch.alone and previous is not None:
                    await asyncio.wait([previous])
                task = asyncio.create_task(self._publish_in_order(batch, previous))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
                previous = task
                if batch.alone:
                    await asyncio.wait([task])
            if in_flight:
                await asyncio.wait(in_flight)
        finally:
            for task in in_flight:
                task.cancel()
            # Each request ends by the deadline; what is queued for a thread never starts.
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._acknowledged.put_nowait(None)
        return self._failure.result() if self._failure.done() else None

    async def _next_batch(self) -> Batch | None:
        """The next batch, once there is a place for it; None at the end, or after a failure."""
        acquiring = asyncio.ensure_future(self._slots.acquire())
        await self._unless_failed(acquiring)
        if self._failure.done():
            return None
        getting = asyncio.ensure_future(self._batches.get())
        await self._unless_failed(getting)
        return None if self._failure.done() else getting.result()

    async def _unless_failed(self, waiting: asyncio.Future[Any]) -> None:
        either: list[asyncio.Future[Any]] = [waiting, self._failure]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not waiting.done():
                waiting.cancel()

    async def _publish_in_order(self, batch: Batch, previous: "asyncio.Task[bool] | None") -> bool:
        """Publish a batch; whether it and all batches before it are acknowledged.

        If so its checkpoint is handed on.
        """
        work = [self._publish_lane(index, events) for index, events in batch.lanes.items()]
        if batch.rejected:
            work.append(self._publish_rejected(batch.rejected))
        if batch.large is not None:
            work.append(self._publish_part(batch.large))
        if batch.gap is not None:
            work.append(self._in_thread(self._send_events, [batch.gap], lane_key(0)))
        acknowledged = all(await asyncio.gather(*work))
        if previous is not None:
            await asyncio.wait([previous])
            acknowledged &= previous.result()
        if acknowledged:
            self._acknowledged.put_nowait(batch.checkpoint)
            self._slots.release()
        return acknowledged

    async def _publish_lane(self, index: int, events: Sequence[Event]) -> bool:
        async with self._turns[index]:
            for request in _requests(events, _event_bytes):
                if not await self._in_thread(self._send_events, request, lane_key(index)):
                    return False
                self.published += len(request)
        return True

    async def _publish_rejected(self, rejected: Sequence[Rejected]) -> bool:
        for request in _requests(rejected, _rejected_bytes):
            if not await self._in_thread(self._send_rejected, request):
                return False
            self.rejected += len(request)
        return True

    async def _publish_part(self, large: LargePart) -> bool:
        send = self._send_part if self._backend.blobs is None else self._store_part
        if not await self._in_thread(send, large):
            return False
        if large.part.last:
            as_event = self._backend.blobs is not None and isinstance(large.event, Event)
            self.published += as_event
            self.rejected += not as_event
        return True

    async def _in_thread(self, send: Callable[..., None], *arguments: object) -> bool:
        """Whether `send` succeeded; a failure is noted, after which nothing more is sent."""
        if self._failure.done():
            return False
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, send, *arguments)
        except Exception as error:  # noqa: BLE001  # a bug too: nothing later may overtake it
            failure = error
            if not isinstance(failure, BackendError):
                failure = BackendError(f"Publishing failed: {type(error).__name__}: {error}")
            if not self._failure.done():
                self._failure.set_result(failure)
            return False
        return True

    # What runs in threads

    def _send_events(self, events: Sequence[Event], ordering_key: str) -> None:
        messages = [
            event_message(event, source=self._source, channel=_CHANNEL, ordering_key=ordering_key)
            if len(event.data) <= MAX_DATA_BYTES
            else self._claim(event, ordering_key)
            for event in events
        ]
        self._publish(self._topics.events, messages)

    def _claim(self, event: Event, ordering_key: str) -> Message:
        if self._backend.blobs is None:
            raise BackendError("An event too large for a message reached a bridge without bucket.")
        uri = self._backend.blobs.put(
            claim_name(event), event.data, "application/json", timeout=self._deadline.seconds_left
        )
        return self._claim_message(event, uri, len(event.data), ordering_key)

    def _claim_message(self, event: Event, uri: str, size: int, ordering_key: str) -> Message:
        return claim_message(
            event, uri, size, source=self._source, channel=_CHANNEL, ordering_key=ordering_key
        )

    def _send_rejected(self, rejected: Sequence[Rejected]) -> None:
        messages = [message for each in rejected for message in self._rejected_messages(each)]
        if len(rejected) > 1:
            self._publish(self._topics.rejected, messages)
        else:  # it may be cut into parts, each as large as a request may be
            for message in messages:
                self._publish(self._topics.rejected, [message])

    def _rejected_messages(self, rejected: Rejected) -> list[Message]:
        return rejected_messages(
            rejected.raw,
            owner=rejected.reason.owner,
            code=rejected.reason.code,
            detail=rejected.reason.detail,
            context=self._context(rejected.last_event_id, rejected.event_id),
        )

    def _send_part(self, large: LargePart) -> None:
        """Pass a part on to `rejected`. The last one says how many there are."""
        part = large.part
        names = self._large_attributes(large, _LARGE) | {"part": str(part.number)}
        if part.last:
            names["parts"] = str(part.number)
        self._publish(self._topics.rejected, [Message(part.data, names)])

    def _store_part(self, large: LargePart) -> None:
        """Add a part to an object in the bucket; publish a reference to it after the last one."""
        assert self._backend.blobs is not None
        part, seconds_left = large.part, self._deadline.seconds_left
        if part.number == 1:
            # A name of its own: what an earlier try has stored of the frame is no part of this.
            name = f"frames/{uuid.uuid4().hex}.json"
            self._upload = self._backend.blobs.open(name, "application/json")
        assert self._upload is not None
        self._upload.write(part.data, timeout=seconds_left)
        if not part.last:
            return
        uri = self._upload.finish(timeout=seconds_left)
        if isinstance(large.event, Event):
            key = lane_key(lane(large.event, self._lanes))
            message = self._claim_message(large.event, uri, large.size, key)
            self._publish(self._topics.events, [message])
        else:
            names = self._large_attributes(large, large.event or _LARGE)
            names |= {"dataref": uri, "datasize": str(large.size)}
            self._publish(self._topics.rejected, [Message(b"", names)])

    def _large_attributes(self, large: LargePart, reason: Rejection) -> dict[str, str]:
        event_id = large.event.id if isinstance(large.event, Event) else None
        return rejection_attributes(
            owner=reason.owner,
            code=reason.code,
            detail=reason.detail,
            context={
                **self._context(large.part.last_event_id, event_id),
                "frame": large.frame,
                "sha256": large.sha256,
            },
        )

    def _context(self, last_event_id: str, event_id: str | None) -> dict[str, str]:
        return {
            "stream": self._stream,
            "source": self._source,
            "last-event-id": last_event_id,
            "event-id": event_id or "",
        }

    def _publish(self, topic: str, messages: Sequence[Message]) -> None:
        self._backend.topics.publish(topic, messages, timeout=self._deadline.seconds_left)


def _requests(items: Sequence[T], size_of: Callable[[T], int]) -> Iterator[Sequence[T]]:
    """Cut items into runs that fit one publish request (1,000 messages, 10 MB), in order."""
    run: list[T] = []
    size = 0
    for item in items:
        length = size_of(item)
        if run and (len(run) == MAX_REQUEST_MESSAGES or size + length > MAX_DATA_BYTES):
            yield run
            run, size = [], 0
        run.append(item)
        size += length
    if run:
        yield run


def _event_bytes(event: Event) -> int:
    """The size of the event's message, in bytes, or more."""
    length = len(event.data)
    # The ids stand in the data, and at most twice in the attributes.
    attribute_bytes = min(2 * length, 12 * MAX_ID_BYTES) + _FRAMING_BYTES
    return (length if length <= MAX_DATA_BYTES else 0) + attribute_bytes


def _rejected_bytes(rejected: Rejected) -> int:
    """The size of the message of one rejected frame, in bytes, or more."""
    return len(rejected.raw) + _REJECTED_BYTES
