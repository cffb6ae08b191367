"""The third stage of a window: publish batches, lanes in parallel, each lane in order."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Backend, Message
from videovector_bridge.backends.publish_limits import split_requests
from videovector_bridge.errors import BackendError
from videovector_bridge.events import MAX_DATA_BYTES, MAX_ID_BYTES, Event, event_message, lane_key
from videovector_bridge.ingest.batcher import Batch, Checkpoint, LargePart, Rejected
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.ingest.large_frames import LargeFramePublisher
from videovector_bridge.messages import (
    claim_message,
    claim_name,
    rejected_messages,
)
from videovector_bridge.settings import TopicNames
from videovector_bridge.trace import Trace

T = TypeVar("T", Event, Rejected)

BATCHES_IN_FLIGHT: Final = 4

_CHANNEL: Final = "stream"
_REQUESTS_IN_FLIGHT: Final = 8
_FRAMING_BYTES: Final = 1_280  # of a message, without its data and ids; 512 are `tracestate`
_REJECTED_BYTES: Final = 6_144  # the attributes of a rejected message, at most


class Publisher:
    """Publishes the batches of a queue and queues their checkpoints, in order.

    A lane's next request starts only when the previous one is acknowledged. After a failure no lane
    publishes anything more, because a later event must not overtake one that failed. `published`
    and `rejected` count what Pub/Sub has acknowledged.
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
        trace: Trace,
        request_messages: int = MAX_REQUEST_MESSAGES,
    ) -> None:
        self._backend = backend
        self._topics = topics
        self._source = source
        self._context = {"stream": stream, "source": source}
        self._trace = trace
        self._deadline = deadline
        self._batches = batches
        self._acknowledged = acknowledged
        self._request_messages = request_messages
        self._lane_locks = [asyncio.Lock() for _ in range(lanes)]
        self._batch_slots = asyncio.Semaphore(BATCHES_IN_FLIGHT)
        self._threads = ThreadPoolExecutor(_REQUESTS_IN_FLIGHT, thread_name_prefix="publish")
        self._failure: asyncio.Future[BackendError] = asyncio.get_running_loop().create_future()
        self._large = LargeFramePublisher(
            backend,
            topics,
            source=source,
            channel=_CHANNEL,
            lanes=lanes,
            deadline=deadline,
            context=self._context,
            trace=trace,
        )
        self.published = 0
        self.rejected = 0

    async def run(self) -> BackendError | None:
        """Publish until the queue ends; return the failure that stopped it, or None.

        Queues None after the last checkpoint.
        """
        in_flight: set[asyncio.Task[bool]] = set()
        previous: asyncio.Task[bool] | None = None
        try:
            while (batch := await self._next_batch()) is not None:
                if batch.is_exclusive and previous is not None:
                    await asyncio.wait([previous])
                task = asyncio.create_task(self._publish_in_order(batch, previous))
                in_flight.add(task)
                task.add_done_callback(in_flight.discard)
                previous = task
                if batch.is_exclusive:
                    await asyncio.wait([task])
            if in_flight:
                await asyncio.wait(in_flight)
        finally:
            for task in in_flight:
                task.cancel()
            # Each running request ends by the deadline; a queued one never starts.
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._acknowledged.put_nowait(None)
        return self._failure.result() if self._failure.done() else None

    async def _next_batch(self) -> Batch | None:
        """Return the next batch once a slot is free; None at the end, or after a failure."""
        acquiring = asyncio.ensure_future(self._batch_slots.acquire())
        await self._wait_unless_failed(acquiring)
        if self._failure.done():
            return None
        getting = asyncio.ensure_future(self._batches.get())
        await self._wait_unless_failed(getting)
        return None if self._failure.done() else getting.result()

    async def _wait_unless_failed(self, waiting: asyncio.Future[Any]) -> None:
        either: list[asyncio.Future[Any]] = [waiting, self._failure]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not waiting.done():
                waiting.cancel()

    async def _publish_in_order(self, batch: Batch, previous: "asyncio.Task[bool] | None") -> bool:
        """Publish a batch; return whether it and all batches before it are acknowledged.

        If so, queue its checkpoint.
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
            self._batch_slots.release()
        return acknowledged

    async def _publish_lane(self, index: int, events: Sequence[Event]) -> bool:
        async with self._lane_locks[index]:
            for request in self._split(events, _event_bytes):
                if not await self._in_thread(self._send_events, request, lane_key(index)):
                    return False
                self.published += len(request)
        return True

    async def _publish_rejected(self, rejected: Sequence[Rejected]) -> bool:
        for request in self._split(rejected, _rejected_bytes):
            if not await self._in_thread(self._send_rejected, request):
                return False
            self.rejected += len(request)
        return True

    async def _publish_part(self, large: LargePart) -> bool:
        if not await self._in_thread(self._large.publish, large):
            return False
        if large.part.last and self._large.publishes_event(large):
            self.published += 1
        elif large.part.last:
            self.rejected += 1
        return True

    async def _in_thread(self, send: Callable[..., None], *arguments: object) -> bool:
        """Return whether `send` succeeded. After a failure nothing more is sent."""
        if self._failure.done():
            return False
        context = copy_context()  # for the trace of log lines
        run = partial(context.run, send, *arguments)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except Exception as error:  # noqa: BLE001  # also a bug stops all lanes, to keep the order
            failure = error
            if not isinstance(failure, BackendError):
                failure = BackendError(f"Publishing failed: {type(error).__name__}: {error}")
            if not self._failure.done():
                self._failure.set_result(failure)
            return False
        return True

    # The methods below run in threads.

    def _send_events(self, events: Sequence[Event], ordering_key: str) -> None:
        messages = [
            event_message(
                event,
                source=self._source,
                channel=_CHANNEL,
                ordering_key=ordering_key,
                trace=span,
            )
            if len(event.data) <= MAX_DATA_BYTES
            else self._store_claim_check(event, ordering_key, span)
            for event, span in zip(events, self._trace.new_spans(), strict=False)
        ]
        self._publish(self._topics.events, messages)

    def _store_claim_check(
        self, event: Event, ordering_key: str, span: Mapping[str, str]
    ) -> Message:
        if self._backend.blobs is None:
            raise BackendError("An event too large for a message reached a bridge without bucket.")
        uri = self._backend.blobs.put(
            claim_name(event), event.data, "application/json", timeout=self._deadline.seconds_left
        )
        return claim_message(
            event,
            uri,
            len(event.data),
            source=self._source,
            channel=_CHANNEL,
            ordering_key=ordering_key,
            trace=span,
        )

    def _send_rejected(self, rejected: Sequence[Rejected]) -> None:
        messages = [message for frame in rejected for message in self._rejected_messages(frame)]
        if len(rejected) > 1:
            self._publish(self._topics.rejected, messages)
        else:  # each part of a large frame may fill a request
            for message in messages:
                self._publish(self._topics.rejected, [message])

    def _rejected_messages(self, rejected: Rejected) -> list[Message]:
        return rejected_messages(
            rejected.raw,
            owner=rejected.reason.owner,
            code=rejected.reason.code,
            detail=rejected.reason.detail,
            context={
                **self._context,
                "last-event-id": rejected.last_event_id,
                "event-id": rejected.event_id or "",
                **self._trace.new_span(),
            },
        )

    def _split(self, items: Sequence[T], size_of: Callable[[T], int]) -> Iterator[Sequence[T]]:
        """Split items into groups that fit one publish request, in order."""
        return split_requests(items, size_of, self._request_messages, max_bytes=MAX_DATA_BYTES)

    def _publish(self, topic: str, messages: Sequence[Message]) -> None:
        self._backend.topics.publish(topic, messages, timeout=self._deadline.seconds_left)


def _event_bytes(event: Event) -> int:
    """Return an upper bound of the size of the event's message, in bytes."""
    length = len(event.data)
    # The ids are in the data, and at most twice in the attributes.
    attribute_bytes = min(2 * length, 12 * MAX_ID_BYTES) + _FRAMING_BYTES
    return (length if length <= MAX_DATA_BYTES else 0) + attribute_bytes


def _rejected_bytes(rejected: Rejected) -> int:
    """Return an upper bound of the size of the message of a rejected frame, in bytes."""
    return len(rejected.raw) + _REJECTED_BYTES
