"""Drain a stream for one window: acquire the lease, run the stages, release the lease, report."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import httpx

from videovector_bridge.backends.ports import Backend
from videovector_bridge.errors import BackendError, UnstorableError
from videovector_bridge.events import parse_time
from videovector_bridge.ingest.committer import STATE_SECONDS
from videovector_bridge.ingest.hand_over import HandOver, acquire_in_turn
from videovector_bridge.ingest.lease import BackingOff, Busy, Lease, LeaseLost, acquire
from videovector_bridge.ingest.outcome import (
    Stop,
    WindowReport,
    backing_off_report,
    busy_report,
    classify_stop,
    describe,
    paused_report,
)
from videovector_bridge.ingest.stages import Stages, Tuning
from videovector_bridge.ingest.stream_document import LONGEST_BACKOFF_SECONDS, Origin
from videovector_bridge.pause import Pause
from videovector_bridge.redact import redact
from videovector_bridge.settings.drain import DrainSettings
from videovector_bridge.settings.streams import StreamSettings

_BACKOFF_JITTER_SECONDS: Final = 30.0
_COUNTERS: Final = ("events", "published", "rejected")
_DEFAULT_TUNING: Final = Tuning()


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def drain_window(
    settings: DrainSettings,
    stream: StreamSettings,
    backend: Backend,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    now: Callable[[], datetime] = _utc_now,
    tuning: Tuning = _DEFAULT_TUNING,
) -> WindowReport:
    """Drain `stream` for one window. Failures are reported, not raised.

    `transport` sends the requests to VideoVector (httpx's own by default), `now` is the time of
    day. All other times are the event loop's.
    """
    clock = asyncio.get_running_loop().time
    arrived = started = clock()
    origin = Origin(settings.api.host, stream.filters.identity(), stream.window.start_from)
    limits, documents = stream.window, backend.documents
    timeout = min(STATE_SECONDS, limits.window_seconds)
    owner = uuid.uuid4().hex
    acquire_once = partial(
        acquire,
        documents,
        stream.name,
        owner=owner,
        origin=origin,
        lease_seconds=limits.lease_seconds,
        timeout=timeout,
        clock=clock,
        now=now,
    )
    try:
        if limits.profile == "live":
            hand_over = HandOver(documents, stream.name, limits.lease_seconds)
            lease = await acquire_in_turn(
                acquire_once,
                partial(hand_over.ask, owner=owner, timeout=timeout),
                wait_seconds=hand_over.wait_seconds,
            )
            started = clock()
        else:
            lease = await asyncio.to_thread(acquire_once)
    except (BackendError, UnstorableError) as error:
        return WindowReport(stream.name, "failed", "state_unavailable", str(error))
    if isinstance(lease, Pause):
        return paused_report(stream.name, lease)
    if isinstance(lease, Busy):
        return busy_report(stream.name, lease.seconds_left)
    if isinstance(lease, BackingOff):
        return backing_off_report(stream.name, lease.until)
    async with httpx.AsyncClient(transport=transport) as http:
        stages = Stages(
            settings,
            stream,
            backend,
            http,
            lease=lease,
            ends_at=started + stream.window.window_seconds,
            now=now,
            tuning=tuning,
        )
        window = _Window(
            stream,
            stages,
            lease,
            started=started,
            waited=started - arrived,
            now=now,
            random=tuning.random,
        )
        return await window.run(origin)


class _Window:
    """A window that has the lease of its stream, and its report."""

    def __init__(
        self,
        stream: StreamSettings,
        stages: Stages,
        lease: Lease,
        *,
        started: float,
        waited: float,
        now: Callable[[], datetime],
        random: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._stages = stages
        self._lease = lease
        self._started = started
        self._waited = waited
        self._now = now
        self._random = random
        self._clock = asyncio.get_running_loop().time
        self._before = dict(lease.fields)

    async def run(self, origin: Origin) -> WindowReport:
        """Run the stages, unless the cursor belongs to another origin and the policy is `fail`."""
        change = origin.find_change(self._before)
        if change and self._stream.window.cursor_policy == "fail":
            message = origin.explain(change, self._stream.name, self._before)
            return await self._finish(Stop(change, message=message))
        return await self._finish(await self._stages.run(abandon_because=change))

    async def _finish(self, stop: Stop) -> WindowReport:
        """Write the last checkpoint with the outcome, release the lease, and report."""
        if isinstance(stop.error, LeaseLost):
            return self._report(stop)
        not_before = self._compute_not_before(stop)
        report = self._report(stop, not_before)
        failed = report.outcome == "failed"
        ended_at = self._now().isoformat(timespec="milliseconds")
        facts = {
            "outcome": report.outcome,
            "stop_reason": report.stop_reason,
            "message": redact(report.message),
            "events": report.events,
            "heartbeats": report.heartbeats,
            "lag_seconds": report.lag_seconds,
            "ended_at": ended_at,
        }
        failure = await self._stages.committer.finish(
            {
                **{name: self._before[name] + getattr(report, name) for name in _COUNTERS},
                "not_before": not_before,
                "alive_at": ended_at if self._is_alive(report) else self._before["alive_at"],
                "last_window": facts,
                "last_error": facts if failed else self._lease.fields.get("last_error"),
            }
        )
        # The last write sets the cursor of the report, and may itself fail.
        return self._report(stop if failure is None or failed else failure, not_before)

    def _is_alive(self, report: WindowReport) -> bool:
        """Whether VideoVector sent an event or a part of one, a heartbeat, or 204."""
        large_bytes = self._stages.batcher.large_bytes
        return bool(report.events or report.heartbeats or large_bytes) or (
            report.stop_reason == "server_closed"
        )

    def _compute_not_before(self, stop: Stop) -> str | None:
        """Return the time before which VideoVector accepts no request, if it named one.

        Adds jitter, so that several streams do not connect at the same moment.
        """
        if not stop.wait_seconds:
            return None
        wait = min(stop.wait_seconds, LONGEST_BACKOFF_SECONDS)
        wait += self._random() * min(wait, _BACKOFF_JITTER_SECONDS)
        return (self._now() + timedelta(seconds=wait)).isoformat(timespec="milliseconds")

    def _report(self, stop: Stop, not_before: str | None = None) -> WindowReport:
        stages, fields = self._stages, self._lease.fields
        cursor = fields.get("cursor")
        start_from = fields.get("start_from") if cursor is None else None
        events = stages.batcher.events
        return WindowReport(
            stream=self._stream.name,
            outcome=classify_stop(stop, events),
            stop_reason=stop.reason,
            message=describe(
                stop,
                read=events,
                acknowledged=stages.acknowledged,
                large_bytes=stages.batcher.large_bytes,
                start_from=start_from,
            ),
            events=events,
            heartbeats=stages.reader.heartbeats,
            published=stages.publisher.published,
            rejected=stages.publisher.rejected,
            reconnects=stages.reader.reconnects,
            stream_errors=stages.reader.stream_errors,
            cursor_before=self._before["cursor"],
            cursor_after=cursor,
            start_from=start_from,
            not_before=not_before,
            lag_seconds=self._compute_lag(),
            window_seconds=round(self._clock() - self._started, 3),
            waited_seconds=round(self._waited, 3),
        )

    def _compute_lag(self) -> float | None:
        checkpoint = self._stages.committer.checkpoint
        created_at = parse_time(checkpoint.created_at) if checkpoint is not None else None
        if created_at is None:
            return None
        return round((self._now() - created_at).total_seconds(), 3)
