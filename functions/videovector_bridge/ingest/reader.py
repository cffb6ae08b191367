"""The first stage of a window: read frames, over as many connections as needed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final
from urllib.parse import quote

from videovector_bridge.api.errors import ApiError, RateLimited, ServerTrouble, Unreachable
from videovector_bridge.api.stream import (
    STREAM_PATH,
    CursorRefused,
    EventStream,
    StreamClosed,
    StreamFailed,
)
from videovector_bridge.errors import BridgeError
from videovector_bridge.events import MAX_ID_BYTES, Event, bridge_event
from videovector_bridge.ingest.batcher import Batcher
from videovector_bridge.ingest.outcome import Stop, classify_error
from videovector_bridge.retry import full_jitter
from videovector_bridge.settings.streams import CursorPolicy

_RECONNECT_BASE: Final = 0.5  # seconds
_RECONNECT_CAP: Final = 15.0  # seconds
_TRANSIENT: Final = (RateLimited, ServerTrouble, Unreachable, StreamFailed)


class Reader:
    """Reads a stream into the batcher until there is a reason to stop.

    The reader reconnects when a connection ends, fails, is silent for too long, or gets 429 or 5xx.
    Before that it waits: a full-jitter delay, or the server's `retry:` or `Retry-After` if that is
    longer. It stops instead if the delay would pass `read_until` (event loop time). There is no
    idle timeout while the stream has no cursor: an event that the API sends only once would be
    lost between windows.
    """

    def __init__(
        self,
        source: EventStream,
        batcher: Batcher,
        *,
        stream: str,
        cursor_policy: CursorPolicy,
        read_until: float,
        idle_seconds: float,
        response_seconds: float,
        now: Callable[[], datetime],
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._batcher = batcher
        self._stream = stream
        self._cursor_policy = cursor_policy
        self._read_until = read_until
        self._idle_seconds = idle_seconds
        self._response_seconds = max(idle_seconds, response_seconds)
        self._now = now
        self._random = random
        self._sleep = sleep
        self._clock = asyncio.get_running_loop().time
        self._timer = asyncio.timeout_at(read_until)
        self._attempt = 0
        self._backoff_until = 0.0  # the server's own delay
        self._active_at = self._clock()
        self._connected = False
        # Before the first response: no response is a failure, not a stream without events.
        self._last_error: BridgeError | None = Unreachable(
            f"{Unreachable.headline}: no response yet to GET {STREAM_PATH}. {Unreachable.advice}"
        )
        self.heartbeats = 0
        self.reconnects = 0
        self.stream_errors = 0

    async def run(self, abandon_because: str = "") -> Stop:
        """Read until there is a reason to stop, and return it.

        With `abandon_because` the cursor is abandoned first.
        """
        try:
            async with self._timer:
                if abandon_because:
                    await self._start_over(abandon_because)
                self._restart_timer()
                return await self._read()
        except TimeoutError:
            if not self._timer.expired():
                raise
        # The timer expired. A failing stream is not an idle stream.
        if self._last_error is not None:
            return classify_error(self._last_error, max(0.0, self._backoff_until - self._clock()))
        return Stop("deadline" if self._timer.when() == self._read_until else "idle")

    async def _read(self) -> Stop:
        while True:
            error: BridgeError | None = None
            try:
                stop = await self._read_connection()
                if stop is not None:
                    return stop
            except StreamClosed:
                return Stop("server_closed")
            except CursorRefused as refusal:
                error = await self._probe()
                if error is None:
                    stop = await self._cursor_refused(refusal)
                    if stop is not None:
                        return stop
                    continue
            except (ApiError, StreamFailed) as failure:
                error = failure
            if error is not None and not isinstance(error, _TRANSIENT):
                return classify_error(error)
            self._last_error = error
            self.stream_errors += isinstance(error, StreamFailed)
            stop = await self._back_off(error)
            if stop is not None:
                return stop

    async def _read_connection(self) -> Stop | None:
        """Read until the connection ends, or there is a reason to stop."""
        last_event_id = self._batcher.position.last_event_id
        async with aclosing(self._source.connect(last_event_id)) as frame_lists:
            await anext(frame_lists)
            self._last_error, self._connected = None, True
            self._active_at = self._clock()
            self._restart_timer()
            async for frames in frame_lists:
                if not frames:  # no event: the idle timeout continues
                    self.heartbeats += 1
                    continue
                self._attempt = 0
                # Suspend the idle timeout: waiting for Pub/Sub is not an idle stream.
                self._reschedule(self._read_until)
                stop = await self._batcher.add(frames)
                if stop is not None:
                    return stop
                if any(frame.data for frame in frames):
                    self._active_at = self._clock()
                self._restart_timer()
        return None

    async def _back_off(self, error: BridgeError | None) -> Stop | None:
        """Wait before the next connection, or return a stop if the window ends before that."""
        delay = full_jitter(
            self._attempt, base=_RECONNECT_BASE, cap=_RECONNECT_CAP, random=self._random
        )
        server_delay = max(self._source.retry_seconds, getattr(error, "retry_after", None) or 0.0)
        now = self._clock()
        self._backoff_until = now + server_delay
        if now + max(delay, server_delay) >= self._read_until:
            outlasts_window = self._backoff_until >= self._read_until
            return classify_error(error, server_delay if outlasts_window else 0.0)
        await self._sleep(max(delay, server_delay))
        self._attempt += 1
        self.reconnects += 1
        return None

    async def _probe(self) -> BridgeError | None:
        """Return the error of a request without Last-Event-ID; None if it is accepted."""
        try:
            await self._source.probe()
        except (ApiError, StreamFailed) as error:
            return error
        except StreamClosed:
            return None  # accepted, with nothing to send
        return None

    async def _cursor_refused(self, refusal: CursorRefused) -> Stop | None:
        """Return the stop after a refused Last-Event-ID; None to connect again."""
        position = self._batcher.position
        if position.cursor is None and position.start_from == "earliest":
            # The API does not know our id for its oldest event: ask without an id.
            position.earliest_event_id = ""
            return None
        if self._cursor_policy == "fail":
            setting = "cursor" if position.cursor is not None else "START_FROM"
            return Stop(
                "cursor_refused",
                message=f"VideoVector refuses the {setting} {position.last_event_id!r} of stream "
                f"{self._stream!r}: {refusal} Events after it may be gone. To continue, set "
                f"CURSOR_POLICY (or the stream's cursor_policy) to earliest or latest; the gap "
                f"is then published as a bridge.stream.gap event.",
            )
        await self._start_over("cursor_refused")
        return None

    async def _start_over(self, reason: str) -> None:
        """Abandon the cursor and start where the policy says, with a gap event."""
        abandoned = self._batcher.position.last_event_id
        gap = _gap_event(self._stream, abandoned, self._cursor_policy, reason, self._now())
        await self._batcher.start_over(gap, self._cursor_policy)

    def _restart_timer(self) -> None:
        if not self._connected:
            ends_at = self._active_at + self._response_seconds
        elif self._batcher.position.cursor is None:
            ends_at = self._read_until
        else:
            ends_at = self._active_at + self._idle_seconds
        self._reschedule(min(ends_at, self._read_until))

    def _reschedule(self, ends_at: float) -> None:
        if not self._timer.expired():  # it may have expired before this task was resumed
            self._timer.reschedule(ends_at)


def _gap_event(
    stream: str, abandoned: str | None, policy: str, reason: str, created_at: datetime
) -> Event:
    """Build the bridge's event for an abandoned cursor: events after it may be missing."""
    return bridge_event(
        "bridge.stream.gap",
        f"bridge.stream.gap:{stream}:{quote(abandoned or '')}"[:MAX_ID_BYTES],
        created_at,
        {"stream": stream, "cursor": abandoned, "policy": policy, "reason": reason},
    )
