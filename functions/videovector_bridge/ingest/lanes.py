"""Publishing pages: lanes side by side, each lane in order, a few requests in flight."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Backend, Message
from videovector_bridge.errors import BackendError
from videovector_bridge.events import MAX_ID_BYTES, Event
from videovector_bridge.ingest.pages import Page, Rejected
from videovector_bridge.messages import (
    MAX_DATA_BYTES,
    claim_message,
    claim_name,
    event_message,
    rejected_messages,
)
from videovector_bridge.settings import TopicNames

_REQUESTS_IN_FLIGHT: Final = 8
_FRAMING_BYTES: Final = 512  # of a message, besides its data and its ids


class Publisher:
    """Publishes the pages of one window.

    A lane's next request leaves only when the one before is acknowledged. After a failure no
    lane publishes anything more: a later event must not overtake one that failed. Every request
    ends by `deadline()` (monotonic time), the end of the window or of the lease.
    """

    def __init__(
        self,
        backend: Backend,
        topics: TopicNames,
        *,
        source: str,
        stream: str,
        lanes: int,
        deadline: Callable[[], float],
    ) -> None:
        self._backend = backend
        self._topics = topics
        self._source = source
        self._stream = stream
        self._deadline = deadline
        self._turns = [asyncio.Lock() for _ in range(lanes)]
        self._threads = ThreadPoolExecutor(_REQUESTS_IN_FLIGHT, thread_name_prefix="publish")
        self.failure: BackendError | None = None
        self.published = 0
        self.rejected = 0

    async def publish(self, page: Page) -> None:
        """Publish every message of `page`. Raises `BackendError` when one is not acknowledged.

        Call in the order of the stream, without waiting for the page before.
        """
        work = [self._publish_lane(index, events) for index, events in page.lanes.items()]
        if page.rejected:
            work.append(self._publish_rejected(page.rejected))
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def announce(self, event: Event) -> None:
        """Publish an event of the bridge itself, beside the stream's. Raises `BackendError`."""
        await self._in_thread(self._send_events, [event], "lane-00")

    def close(self) -> None:
        """Let go of the threads; each ends by the deadline at the latest."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _publish_lane(self, index: int, events: list[Event]) -> None:
        async with self._turns[index]:
            for request in requests(events):
                await self._in_thread(self._send_events, request, f"lane-{index:02d}")
                self.published += len(request)

    async def _publish_rejected(self, rejected: list[Rejected]) -> None:
        for one in rejected:
            await self._in_thread(self._send_rejected, one)
            self.rejected += 1

    async def _in_thread(self, send: Callable[..., None], *arguments: object) -> None:
        if self.failure is not None:
            raise self.failure
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._threads, send, self._time_left(), *arguments
            )
        except Exception as error:
            # A bug too: whatever it was, nothing later may overtake it.
            failure = error
            if not isinstance(failure, BackendError):
                failure = BackendError(f"Publishing failed: {type(error).__name__}: {error}")
            self.failure = self.failure or failure
            raise failure from error

    def _time_left(self) -> float:
        left = self._deadline() - time.monotonic()
        if left <= 0:
            raise BackendError("The window ended before everything that was read was published.")
        return left

    def _send_events(self, timeout: float, events: list[Event], ordering_key: str) -> None:
        messages = [
            event_message(event, source=self._source, channel="stream", ordering_key=ordering_key)
            if len(event.data) <= MAX_DATA_BYTES
            else self._claim(event, ordering_key, timeout)
            for event in events
        ]
        self._backend.topics.publish(self._topics.events, messages, timeout=timeout)

    def _claim(self, event: Event, ordering_key: str, timeout: float) -> Message:
        if self._backend.blobs is None:
            raise BackendError("An event too large for a message reached a bridge without bucket.")
        uri = self._backend.blobs.put(
            claim_name(event), event.data, "application/json", timeout=timeout
        )
        return claim_message(
            event, uri, source=self._source, channel="stream", ordering_key=ordering_key
        )

    def _send_rejected(self, timeout: float, rejected: Rejected) -> None:
        messages = rejected_messages(
            rejected.raw,
            owner=rejected.reason.owner,
            code=rejected.reason.code,
            detail=rejected.reason.detail,
            context={
                "stream": self._stream,
                "source": self._source,
                "last-event-id": rejected.last_event_id,
                "event-id": rejected.event_id or "",
            },
        )
        for message in messages:
            self._backend.topics.publish(self._topics.rejected, [message], timeout=timeout)


def requests(events: list[Event]) -> Iterator[list[Event]]:
    """Cut events into runs that fit one publish request (1,000 messages, 10 MB), in order."""
    # Nearly always all of them fit, as this estimate shows without a look at each.
    if len(events) <= MAX_REQUEST_MESSAGES:
        data_bytes = sum([len(event.data) for event in events])
        if 3 * data_bytes + _FRAMING_BYTES * len(events) <= MAX_DATA_BYTES:
            yield events
            return
    run: list[Event] = []
    size = 0
    for event in events:
        length = _size(event)
        if run and (len(run) == MAX_REQUEST_MESSAGES or size + length > MAX_DATA_BYTES):
            yield run
            run, size = [], 0
        run.append(event)
        size += length
    if run:
        yield run


def _size(event: Event) -> int:
    """The size of the event's message, in bytes, or more."""
    length = len(event.data)
    # The ids stand in the data, and at most twice in the attributes.
    attribute_bytes = min(2 * length, 12 * MAX_ID_BYTES) + _FRAMING_BYTES
    return (length if length <= MAX_DATA_BYTES else 0) + attribute_bytes
