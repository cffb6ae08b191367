"""One bounded window: reader → batcher → publisher → committer, wired together and ended on time.

    VideoVector ─▶ Reader ─▶ Batcher ─▶ [batches] ─▶ Publisher ─▶ [acknowledged] ─▶ Committer
                                                        │                              │
                                                     Pub/Sub                 cursor and lease

Reading stops early enough before the end to publish what was read; the rest is read again by the
next window. Whatever happens, the cursor follows only batches whose every message is acknowledged,
and only under this window's fencing token.
"""

import asyncio
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from videovector_bridge.api.stream import EventStream, Position
from videovector_bridge.backends.ports import Backend
from videovector_bridge.errors import BackendError, OutOfTimeError, UnstorableError
from videovector_bridge.events import parse_time
from videovector_bridge.ingest.batcher import Batch, Batcher, BatchLimits, Checkpoint
from videovector_bridge.ingest.committer import STATE_SECONDS, Committer
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.ingest.lease import (
    LONGEST_BACKOFF_SECONDS,
    BackingOff,
    Busy,
    Lease,
    LeaseLost,
    Origin,
    acquire,
)
from videovector_bridge.ingest.outcome import (
    FRAME_UNFINISHED,
    Stop,
    WindowReport,
    outcome_of,
    sentence,
)
from videovector_bridge.ingest.publisher import Publisher
from videovector_bridge.ingest.reader import Reader
from videovector_bridge.redact import redact
from videovector_bridge.settings import DrainSettings, StreamSettings

_FLUSH_SHARE: Final = 0.1  # of the window is for publishing what was read,
_FLUSH_CAP: Final = 2.0  # but no more seconds than these.
_GRACE_SECONDS: Final = 0.2  # for answers that arrive with the end of the window
_BACKOFF_JITTER_SECONDS: Final = 30.0
_COUNTERS: Final = ("events", "published", "rejected")


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def drain_window(
    settings: DrainSettings,
    stream: StreamSettings,
    backend: Backend,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> WindowReport:
    """Drain `stream` for one window. Every outcome is a value; nothing is raised on purpose.

    `transport` carries the requests to VideoVector (httpx's own by default), `now` is the time of
    day. All other times are the event loop's.
    """
    clock = asyncio.get_running_loop().time
    started = clock()
    origin = Origin(settings.api.host, stream.filters.identity(), stream.window.start_from)
    try:
        lease = await asyncio.to_thread(
            acquire,
            backend.documents,
            stream.name,
            owner=uuid.uuid4().hex,
            origin=origin,
            lease_seconds=stream.window.lease_seconds,
            timeout=min(STATE_SECONDS, stream.window.window_seconds),
            clock=clock,
            now=now,
        )
    except (BackendError, UnstorableError) as error:
        return WindowReport(stream.name, "failed", "state_unavailable", str(error))
    if isinstance(lease, Busy):
        return WindowReport(
            stream.name,
            "busy",
            "busy",
            f"Another window is draining stream {stream.name!r} (its lease lasts "
            f"{lease.seconds_left:.0f} s more); nothing to do.",
        )
    if isinstance(lease, BackingOff):
        until = lease.until.isoformat(timespec="seconds")
        return WindowReport(
            stream.name,
            "backing_off",
            "backing_off",
            f"VideoVector asked to be left alone until {until}; nothing to do before.",
            not_before=until,
        )
    async with httpx.AsyncClient(transport=transport) as http:
        window = _Window(
            settings, stream, backend, http, lease=lease, origin=origin, started=started, now=now
        )
        return await window.run()


class _Window:
    """A window with the lease of its stream: its stages, and how they end."""

    def __init__(
        self,
        settings: DrainSettings,
        stream: StreamSettings,
        backend: Backend,
        http: httpx.AsyncClient,
        *,
        lease: Lease,
        origin: Origin,
        started: float,
        now: Callable[[], datetime],
    ) -> None:
        limits = stream.window
        self._stream = stream
        self._lease = lease
        self._origin = origin
        self._started = started
        self._now = now
        self._clock = asyncio.get_running_loop().time
        self._before = dict(lease.fields)
        ends_at = started + limits.window_seconds
        self._deadline = Deadline(ends_at, lease.expires_at, clock=self._clock)
        batches: asyncio.Queue[Batch | None] = asyncio.Queue(maxsize=1)
        acknowledged: asyncio.Queue[Checkpoint | None] = asyncio.Queue()
        self._batcher = Batcher(
            batches,
            Position(
                self._before["cursor"],
                self._before["start_from"],
                settings.api.earliest_event_id,
                ids_differ=self._before["ids_differ"],
            ),
            BatchLimits(
                limits.lanes,
                limits.linger_ms / 1000,
                limits.max_events,
                limits.max_bytes,
                claimable=backend.blobs is not None,
            ),
        )
        self._reader = Reader(
            EventStream(
                http,
                settings.api,
                stream.filters,
                heartbeat_seconds=limits.heartbeat_seconds,
                max_frame_bytes=limits.max_frame_bytes,
            ),
            self._batcher,
            stream=stream.name,
            cursor_policy=limits.cursor_policy,
            read_until=ends_at - min(_FLUSH_CAP, limits.window_seconds * _FLUSH_SHARE),
            idle_seconds=limits.idle_seconds,
            answer_seconds=settings.api.timeout_seconds,
            now=now,
        )
        self._publisher = Publisher(
            backend,
            settings.topics,
            source=f"//{settings.api.host}/processing/events",
            stream=stream.name,
            lanes=limits.lanes,
            deadline=self._deadline,
            batches=batches,
            acknowledged=acknowledged,
        )
        self._committer = Committer(lease, acknowledged, self._deadline)

    async def run(self) -> WindowReport:
        """Drain until the first reason to stop, then publish and commit what was read."""
        changed = self._origin.change_since(self._before)
        if changed and self._stream.window.cursor_policy == "fail":
            what = self._origin.explain(changed, self._stream.name, self._before)
            return await self._finish(Stop(changed, message=what))
        reading = asyncio.create_task(self._reader.run(abandon_because=changed))
        publishing = asyncio.create_task(self._publisher.run())
        committing = asyncio.create_task(self._committer.run())
        tasks = (reading, publishing, committing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            stop = await self._wind_up(reading, publishing, committing)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return await self._finish(stop)

    async def _wind_up(
        self,
        reading: "asyncio.Task[Stop]",
        publishing: "asyncio.Task[BackendError | None]",
        committing: "asyncio.Task[Stop | None]",
    ) -> Stop:
        """End the stages in their order; return why the window ends."""
        if committing.done():  # the lease is lost or cannot be renewed
            self._deadline.cancel()
        reading.cancel()
        await asyncio.wait([reading])
        # What is on its way may be acknowledged until the end of the window, not later.
        closing = asyncio.create_task(self._batcher.close())
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline.ends_at + _GRACE_SECONDS):
                await asyncio.wait([closing, publishing], return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait([publishing])
                await asyncio.wait([committing])
        closing.cancel()
        if committing.done() and (lost := committing.result()) is not None:
            return lost
        stop = Stop("deadline") if reading.cancelled() else reading.result()
        if stop.reason == "deadline" and not self._batcher.events and self._batcher.large_bytes:
            stop = Stop("frame_unfinished", message=FRAME_UNFINISHED)
        failure: BackendError | None = OutOfTimeError("Publishing did not end with the window.")
        if publishing.done():
            failure = publishing.result()
        if failure is None or outcome_of(stop, self._batcher.events) == "failed":
            return stop
        if isinstance(failure, OutOfTimeError) and self._acknowledged():
            # Nothing but the time was over: what is left is read again by the next window.
            return stop if stop.error is not None else Stop("deadline")
        return Stop("publish_failed", failure)

    async def _finish(self, stop: Stop) -> WindowReport:
        """Write the last checkpoint with the outcome, release the lease, and report."""
        if isinstance(stop.error, LeaseLost):
            return self._report(stop)
        not_before = self._not_before(stop)
        report = self._report(stop, not_before)
        failed = report.outcome == "failed"
        facts = {
            "outcome": report.outcome,
            "stop_reason": report.stop_reason,
            "message": redact(report.message),
            "ended_at": self._now().isoformat(timespec="milliseconds"),
        }
        failure = await self._committer.finish(
            {
                **{name: self._before[name] + getattr(report, name) for name in _COUNTERS},
                "not_before": not_before,
                "last_window": facts,
                "last_error": facts if failed else self._lease.fields.get("last_error"),
            }
        )
        # The last write decides where the cursor stands, and may itself be what failed.
        return self._report(stop if failure is None or failed else failure, not_before)

    def _not_before(self, stop: Stop) -> str | None:
        """When VideoVector may be asked again, if it said so; with jitter, so that streams part."""
        if not stop.wait_seconds:
            return None
        wait = min(stop.wait_seconds, LONGEST_BACKOFF_SECONDS)
        wait += random.random() * min(wait, _BACKOFF_JITTER_SECONDS)  # noqa: S311 - no secret
        return (self._now() + timedelta(seconds=wait)).isoformat(timespec="milliseconds")

    def _report(self, stop: Stop, not_before: str | None = None) -> WindowReport:
        fields = self._lease.fields
        cursor = fields.get("cursor")
        begins = fields.get("start_from") if cursor is None else None
        events = self._batcher.events
        return WindowReport(
            stream=self._stream.name,
            outcome=outcome_of(stop, events),
            stop_reason=stop.reason,
            message=sentence(
                stop,
                read=events,
                acknowledged=self._acknowledged(),
                large_bytes=self._batcher.large_bytes,
                begins=begins,
            ),
            events=events,
            published=self._publisher.published,
            rejected=self._publisher.rejected,
            reconnects=self._reader.reconnects,
            stream_errors=self._reader.stream_errors,
            cursor_before=self._before["cursor"],
            cursor_after=cursor,
            start_from=begins,
            not_before=not_before,
            lag_seconds=self._lag(),
            window_seconds=round(self._clock() - self._started, 3),
        )

    def _acknowledged(self) -> int:
        return self._publisher.published + self._publisher.rejected

    def _lag(self) -> float | None:
        checkpoint = self._committer.checkpoint
        made_at = parse_time(checkpoint.created_at) if checkpoint is not None else None
        if made_at is None:
            return None
        return round((self._now() - made_at).total_seconds(), 3)
