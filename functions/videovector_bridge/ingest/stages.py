"""Connect the four stages of a window by queues, run them, and end them in order.

    VideoVector ─▶ Reader ─▶ Batcher ─▶ [batches] ─▶ Publisher ─▶ [acknowledged] ─▶ Committer
                                                        │                              │
                                                     Pub/Sub                 cursor and lease

Reading stops early enough to publish the events that were read. The next window reads again what
was not published. The cursor passes a batch only when all its messages are acknowledged.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import httpx

from videovector_bridge.api.stream import EventStream, Position
from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Backend
from videovector_bridge.errors import BackendError, OutOfTimeError
from videovector_bridge.ingest.batcher import (
    BATCH_EVENTS,
    Batch,
    Batcher,
    BatchLimits,
    Checkpoint,
)
from videovector_bridge.ingest.committer import COMMIT_SECONDS, STATE_SECONDS, Committer
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.ingest.hand_over import HandOver, wait_for_request
from videovector_bridge.ingest.lease import Lease
from videovector_bridge.ingest.outcome import FRAME_UNFINISHED, Stop, classify_stop
from videovector_bridge.ingest.publisher import Publisher
from videovector_bridge.ingest.reader import Reader
from videovector_bridge.settings.drain import DrainSettings
from videovector_bridge.settings.streams import StreamSettings
from videovector_bridge.telemetry import current_trace

_FLUSH_SHARE: Final = 0.1  # of the window, for publishing what was read,
_FLUSH_CAP: Final = 2.0  # but at most these seconds
_GRACE_SECONDS: Final = 0.2  # for acknowledgements that arrive at the end of the window


@dataclass(frozen=True, slots=True)
class Tuning:
    """Values that no setting changes. `random` is the jitter of delays, from 0 to 1."""

    batch_events: int = BATCH_EVENTS
    request_messages: int = MAX_REQUEST_MESSAGES
    commit_seconds: float = COMMIT_SECONDS
    random: Callable[[], float] = random.random


class Stages:
    """The stages of one window, which ends at `ends_at` (event loop time)."""

    def __init__(
        self,
        settings: DrainSettings,
        stream: StreamSettings,
        backend: Backend,
        http: httpx.AsyncClient,
        *,
        lease: Lease,
        ends_at: float,
        now: Callable[[], datetime],
        tuning: Tuning,
    ) -> None:
        limits = stream.window
        clock = asyncio.get_running_loop().time
        self._stream = stream
        self._lease = lease
        self._documents = backend.documents
        self._deadline = Deadline(ends_at, lease.expires_at, clock=clock)
        batches: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=1)
        acknowledged: asyncio.Queue[Checkpoint | None] = asyncio.Queue()
        self._handing_over: asyncio.Task[None] | None = None
        self.batcher = Batcher(
            batches,
            Position(
                lease.fields["cursor"],
                lease.fields["start_from"],
                settings.api.earliest_event_id,
                ids_differ=lease.fields["ids_differ"],
            ),
            BatchLimits(
                limits.lanes,
                limits.linger_ms / 1000,
                limits.max_events,
                limits.max_bytes,
                claimable=backend.blobs is not None,
                batch_events=tuning.batch_events,
            ),
        )
        self.reader = Reader(
            EventStream(
                http,
                settings.api,
                stream.filters,
                heartbeat_seconds=limits.heartbeat_seconds,
                max_frame_bytes=limits.max_frame_bytes,
            ),
            self.batcher,
            stream=stream.name,
            cursor_policy=limits.cursor_policy,
            read_until=ends_at - min(_FLUSH_CAP, limits.window_seconds * _FLUSH_SHARE),
            idle_seconds=limits.idle_seconds,
            response_seconds=settings.api.timeout_seconds,
            now=now,
            random=tuning.random,
        )
        self.publisher = Publisher(
            backend,
            settings.topics,
            source=f"//{settings.api.host}/processing/events",
            stream=stream.name,
            lanes=limits.lanes,
            deadline=self._deadline,
            batches=batches,
            acknowledged=acknowledged,
            trace=current_trace(),
            request_messages=tuning.request_messages,
        )
        self.committer = Committer(
            lease, acknowledged, self._deadline, commit_seconds=tuning.commit_seconds
        )

    @property
    def acknowledged(self) -> int:
        """Number of events and rejected messages that Pub/Sub has acknowledged."""
        return self.publisher.published + self.publisher.rejected

    async def run(self, abandon_because: str = "") -> Stop:
        """Drain until the first reason to stop, and return it. Publish and commit what was read.

        With `abandon_because` the cursor is abandoned first.
        """
        reading = asyncio.create_task(self.reader.run(abandon_because))
        publishing = asyncio.create_task(self.publisher.run())
        committing = asyncio.create_task(self.committer.run())
        pausing = asyncio.create_task(self.committer.paused.wait())
        tasks = {reading, publishing, committing, pausing}
        if self._stream.window.profile == "live":
            self._handing_over = asyncio.create_task(self._wait_for_request())
            tasks.add(self._handing_over)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return await self._end(reading, publishing, committing)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(
        self,
        reading: "asyncio.Task[Stop]",
        publishing: "asyncio.Task[BackendError | None]",
        committing: "asyncio.Task[Stop | None]",
    ) -> Stop:
        """End the stages in order; return the reason for the end of the window."""
        if committing.done():  # the lease is lost or cannot be renewed
            self._deadline.cancel()
        reading.cancel()
        await asyncio.wait([reading])
        # Requests in flight may be acknowledged until the end of the window, not later.
        closing = asyncio.create_task(self.batcher.close())
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline.ends_at + _GRACE_SECONDS):
                await asyncio.wait([closing, publishing], return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait([publishing])
                await asyncio.wait([committing])
        closing.cancel()
        if committing.done() and (lost := committing.result()) is not None:
            return lost
        stop = self._find_stop(reading)
        if stop.reason == "deadline" and not self.batcher.events and self.batcher.large_bytes:
            stop = Stop("frame_unfinished", message=FRAME_UNFINISHED)
        failure: BackendError | None = OutOfTimeError("Publishing did not end with the window.")
        if publishing.done():
            failure = publishing.result()
        if failure is None or classify_stop(stop, self.batcher.events) == "failed":
            return stop
        if isinstance(failure, OutOfTimeError) and self.acknowledged:
            # Only the time ran out: the next window reads the rest again.
            return stop if stop.error is not None else Stop("deadline")
        return Stop("publish_failed", failure)

    def _find_stop(self, reading: "asyncio.Task[Stop]") -> Stop:
        """Return why reading ended, or was ended."""
        if not reading.cancelled():
            return reading.result()
        if self.committer.paused.is_set():
            return Stop("paused")
        if self._handing_over is not None and self._handing_over.done():
            self._handing_over.result()  # raises a bug, as `reading.result()` does
            return Stop("handed_over")
        return Stop("deadline")

    async def _wait_for_request(self) -> None:
        """Return when the next window asks for the stream."""
        limits = self._stream.window
        hand_over = HandOver(self._documents, self._stream.name, limits.lease_seconds)
        # In its first half a window ignores requests: a second call of the scheduler may ask.
        await wait_for_request(
            partial(
                hand_over.is_asked,
                self._lease.token,
                timeout=lambda: min(STATE_SECONDS, self._deadline.seconds_left()),
            ),
            begins_at=self._deadline.ends_at - limits.window_seconds / 2,
        )
