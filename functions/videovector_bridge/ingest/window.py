"""One bounded window: read the stream, publish, and move the cursor behind what was published.

Reading stops early enough before the deadline to publish what was read; what does not make it
is read again by the next window. Whatever happens, the cursor follows only pages whose every
message is acknowledged, and only under this window's fencing token.
"""

import asyncio
import time
import uuid
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import httpx

from videovector_bridge.api.errors import ApiError
from videovector_bridge.api.frames import Frame, FrameTooLarge
from videovector_bridge.api.stream import CursorRefused, EventStream, StreamClosed
from videovector_bridge.backends.ports import Backend
from videovector_bridge.errors import BackendError
from videovector_bridge.events import instant
from videovector_bridge.ingest.committer import STATE_SECONDS, Committer
from videovector_bridge.ingest.lanes import Publisher
from videovector_bridge.ingest.outcome import Stop, WindowReport, outcome_of, stopped_by
from videovector_bridge.ingest.pager import Pager
from videovector_bridge.ingest.resume import Resume
from videovector_bridge.ingest.state import Busy, Lease, LeaseLost, acquire
from videovector_bridge.redact import redact
from videovector_bridge.settings import DrainSettings, StreamSettings

_FLUSH_SHARE: Final = 0.1  # of the window is kept for publishing what was read,
_FLUSH_CAP: Final = 2.0  # but no more seconds than these.
_CLOCK_SECONDS: Final = 0.2
_COUNTERS: Final = ("events", "published", "rejected")


async def drain_window(
    settings: DrainSettings,
    stream: StreamSettings,
    backend: Backend,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> WindowReport:
    """Drain `stream` for one window. Every outcome is a value; nothing is raised on purpose.

    `transport` carries the requests to VideoVector; httpx's own by default.
    """
    started = time.monotonic()
    try:
        lease = await asyncio.to_thread(
            acquire,
            backend.documents,
            stream.name,
            owner=uuid.uuid4().hex,
            filters=stream.filters.identity(),
            lease_seconds=stream.window.lease_seconds,
            timeout=min(STATE_SECONDS, stream.window.window_seconds),
        )
    except BackendError as error:
        return WindowReport(stream.name, "failed", "state_unavailable", str(error))
    if isinstance(lease, Busy):
        return WindowReport(
            stream.name,
            "busy",
            "busy",
            f"Stream {stream.name!r} is being drained by another window (its lease lasts "
            f"{lease.seconds_left:.0f} s more); nothing to do.",
        )
    return await _Window(settings, stream, backend, lease, started, transport=transport).run()


class _Window:
    """The one window that holds the lease of its stream."""

    def __init__(
        self,
        settings: DrainSettings,
        stream: StreamSettings,
        backend: Backend,
        lease: Lease,
        started: float,
        *,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        limits = stream.window
        self._api = settings.api
        self._stream = stream
        self._limits = limits
        self._lease = lease
        self._started = started
        self._transport = transport
        self._deadline = started + limits.window_seconds
        self._read_until = self._deadline - min(_FLUSH_CAP, limits.window_seconds * _FLUSH_SHARE)
        self._publisher = Publisher(
            backend,
            settings.topics,
            source=f"//{settings.api.host}/processing/events",
            stream=stream.name,
            lanes=limits.lanes,
            deadline=lambda: min(self._deadline, lease.expires_at),
        )
        self._pager = Pager(
            self._publisher,
            lanes=limits.lanes,
            linger_seconds=limits.linger_ms / 1000,
            claimable=backend.blobs is not None,
        )
        self._counted = {name: int(lease.fields[name]) for name in _COUNTERS}  # by windows before
        self._cursor_before: str | None = lease.fields.get("cursor")
        self._source: EventStream | None = None
        self._reconnects = 0
        self._stream_errors = 0
        self._committer = Committer(lease, self._pager, deadline=self._deadline)
        self._resume = Resume(
            stream,
            lease,
            self._publisher,
            self._pager,
            self._committer,
            earliest_event_id=settings.api.earliest_event_id,
        )
        self._reading_over = asyncio.Event()
        self._events = 0
        self._bytes = 0
        self._last_event_at = started

    async def run(self) -> WindowReport:
        """Drain until the first reason to stop, then publish and commit what was read."""
        try:
            stop = await self._resume.check_filters() or await self._drain()
            await self._pager.flush()
            failure = self._publisher.failure
            if failure and not self._out_of_time() and outcome_of(stop, self._events) != "failed":
                stop = Stop("publish_failed", failure)
            return await self._finish(stop)
        finally:
            self._pager.abandon()
            self._publisher.close()

    def _out_of_time(self) -> bool:
        """Whether publishing failed only in that the window was over before it was through.

        On a slow machine a flood ends so; what was left is read again, and the cursor has moved.
        """
        return time.monotonic() >= self._deadline and self._pager.last_done is not None

    async def _drain(self) -> Stop:
        # A cold start is slow to get here, and is not idleness of the stream.
        self._last_event_at = time.monotonic()
        reading = asyncio.create_task(self._read())
        watching = asyncio.create_task(self._watch_clock())
        committing = asyncio.create_task(self._committer.run(self._reading_over))
        tasks = (reading, watching, committing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # Which ended first, if several did: the reader knows best why there is nothing more.
            ended = next(task for task in tasks if task.done())
        finally:
            self._reading_over.set()
            reading.cancel()
            watching.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return ended.result()

    # Reading

    async def _read(self) -> Stop:
        async with httpx.AsyncClient(transport=self._transport) as http:
            while True:
                source = self._source = self._connect(http)
                try:
                    return await self._take_frames(source)
                except StreamClosed:
                    return Stop("server_closed")
                except CursorRefused as error:
                    stop = await self._resume.cursor_refused(error)
                    if stop is not None:
                        return stop
                except (ApiError, FrameTooLarge) as error:
                    return stopped_by(error)
                finally:
                    self._reconnects += source.reconnects
                    self._stream_errors += source.stream_errors

    def _connect(self, http: httpx.AsyncClient) -> EventStream:
        return EventStream(
            http,
            self._api,
            self._stream.filters,
            position=self._resume.last_event_id,
            heartbeat_seconds=self._limits.heartbeat_seconds,
            max_frame_bytes=self._limits.max_frame_bytes,
            deadline=self._read_until,
        )

    async def _take_frames(self, source: EventStream) -> Stop:
        async with aclosing(source.frames()) as together:
            async for frames in together:
                stop = await self._take(frames)
                if stop is not None:
                    return stop
        return stopped_by(source.trouble)

    async def _take(self, frames: list[Frame]) -> Stop | None:
        limits = self._limits
        for frame in frames:
            size = len(frame.data)
            if size and self._events and self._bytes + size > limits.max_bytes:
                return Stop("max_bytes")
            closed_page = await self._pager.add(frame, self._resume.position)
            if size:
                self._events += 1
                self._bytes += size
                self._last_event_at = time.monotonic()
                if self._events >= limits.max_events:
                    return Stop("max_events")
            if closed_page:
                # A flood never waits for the network: let the other tasks run here.
                await asyncio.sleep(0)
        return None

    # Clock, cursor and lease

    async def _watch_clock(self) -> Stop:
        while True:
            now = time.monotonic()
            if self._publisher.failure is not None:
                return Stop("publish_failed", self._publisher.failure)
            if self._pager.busy:
                # Waiting for Pub/Sub is not idleness of the stream.
                self._last_event_at = now
            idle_at = self._idle_at()
            for reason, at in (("deadline", self._read_until), ("idle", idle_at)):
                if now >= at:
                    # Was there nothing to read, or could nothing be read?
                    trouble = self._source.trouble if self._source is not None else None
                    return Stop(reason) if trouble is None else stopped_by(trouble)
            await asyncio.sleep(min(idle_at, self._read_until, now + _CLOCK_SECONDS) - now)

    def _idle_at(self) -> float:
        """When the window ends for want of events, unless one comes.

        Until the API first answers, connecting is what takes time, and not a stream that idles.
        """
        idle = self._limits.idle_seconds
        answered_at = self._source.answered_at if self._source is not None else None
        if answered_at is None:
            return self._last_event_at + max(idle, self._api.timeout_seconds)
        return max(self._last_event_at, answered_at) + idle

    async def _finish(self, stop: Stop) -> WindowReport:
        report = self._report(stop)
        if isinstance(stop.error, LeaseLost):
            return report
        known = self._lease.fields
        failed = report.outcome == "failed"
        facts = {
            "outcome": report.outcome,
            "stop_reason": report.stop_reason,
            "message": redact(report.message),
            "ended_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        failure = await self._committer.commit(
            {
                **{name: self._counted[name] + getattr(report, name) for name in _COUNTERS},
                "last_window": facts,
                "last_error": facts if failed else known.get("last_error"),
            },
            release=True,
        )
        # The last commit decides where the cursor stands, and may itself be what failed.
        return self._report(stop if failure is None or failed else failure)

    def _report(self, stop: Stop) -> WindowReport:
        return WindowReport(
            stream=self._stream.name,
            outcome=outcome_of(stop, self._events),
            stop_reason=stop.reason,
            message=stop.text,
            events=self._events,
            published=self._publisher.published,
            rejected=self._publisher.rejected,
            reconnects=self._reconnects,
            stream_errors=self._stream_errors,
            cursor_before=self._cursor_before,
            cursor_after=self._lease.fields.get("cursor"),
            lag_seconds=self._lag(),
            window_seconds=round(time.monotonic() - self._started, 3),
        )

    def _lag(self) -> float | None:
        page = self._pager.last_done
        made_at = instant(page.last_created_at) if page is not None else None
        if made_at is None:
            return None
        return round((datetime.now(UTC) - made_at).total_seconds(), 3)
