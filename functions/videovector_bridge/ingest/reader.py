"""The first stage of a window: read frames, over as many connections as needed."""

import asyncio
import random
from collections.abc import Callable
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
from videovector_bridge.ingest.outcome import Stop, stopped_by
from videovector_bridge.retry import full_jitter
from videovector_bridge.settings import CursorPolicy

_RECONNECT_BASE: Final = 0.5  # seconds
_RECONNECT_CAP: Final = 15.0  # seconds
_TRANSIENT: Final = (RateLimited, ServerTrouble, Unreachable, StreamFailed)


class Reader:
    """Reads a stream into the batcher until there is a reason to stop.

    Connections that end, fail, fall silent or are answered 429 or 5xx are made again after a
    full-jitter delay, or the server's `retry:` or `Retry-After` where that is longer. A delay that
    would pass `read_until` (event loop time) ends the reading instead. There is no idle timeout
    while the stream has no cursor: what the API sends only once would be missed between windows.
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
        answer_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._batcher = batcher
        self._stream = stream
        self._cursor_policy = cursor_policy
        self._read_until = read_until
        self._idle_seconds = idle_seconds
        self._answer_seconds = max(idle_seconds, answer_seconds)
        self._now = now
        self._clock = asyncio.get_running_loop().time
        self._timer = asyncio.timeout_at(read_until)
        self._attempt = 0
        self._asked_until = 0.0  # when VideoVector allows the next request
        self._active_at = self._clock()
        self._answered = False
        # Until the first answer: silence from the start is not a stream without events.
        self._trouble: BridgeError | None = Unreachable(
            f"{Unreachable.headline}: no answer yet to GET {STREAM_PATH}. {Unreachable.advice}"
        )
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
        # Was there nothing to read, or could nothing be read?
        if self._trouble is not None:
            return stopped_by(self._trouble, max(0.0, self._asked_until - self._clock()))
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
                return stopped_by(error)
            self._trouble = error
            self.stream_errors += isinstance(error, StreamFailed)
            stop = await self._wait(error)
            if stop is not None:
                return stop

    async def _read_connection(self) -> Stop | None:
        """Read until the connection ends, or there is a reason to stop."""
        last_event_id = self._batcher.position.last_event_id
        async with aclosing(self._source.connect(last_event_id)) as runs:
            async for frames in runs:
                self._trouble, self._answered = None, True
                if not frames:
                    self._active_at = self._clock()
                else:
                    self._attempt = 0
                    # Waiting for Pub/Sub is not idleness of the stream.
                    self._reschedule(self._read_until)
                    stop = await self._batcher.add(frames)
                    if stop is not None:
                        return stop
                    if any(frame.data for frame in frames):
                        self._active_at = self._clock()
                self._restart_timer()
        return None

    async def _wait(self, error: BridgeError | None) -> Stop | None:
        """Wait before the next connection; or return a stop, if that would be too late."""
        delay = full_jitter(
            self._attempt, base=_RECONNECT_BASE, cap=_RECONNECT_CAP, random=random.random
        )
        asked = max(self._source.retry_seconds, getattr(error, "retry_after", None) or 0.0)
        now = self._clock()
        self._asked_until = now + asked
        if now + max(delay, asked) >= self._read_until:
            return stopped_by(error, asked if self._asked_until >= self._read_until else 0.0)
        await asyncio.sleep(max(delay, asked))
        self._attempt += 1
        self.reconnects += 1
        return None

    async def _probe(self) -> BridgeError | None:
        """The error of a request without Last-Event-ID; None if it is accepted."""
        try:
            await self._source.probe()
        except (ApiError, StreamFailed) as error:
            return error
        except StreamClosed:
            return None  # nothing to send, but accepted
        return None

    async def _cursor_refused(self, refusal: CursorRefused) -> Stop | None:
        """Why to stop after a refused Last-Event-ID; None to connect again."""
        position = self._batcher.position
        if position.cursor is None and position.start_from == "earliest":
            # The API does not know the id that stands for its oldest event: it decides itself.
            position.earliest_event_id = ""
            return None
        if self._cursor_policy == "fail":
            what = "cursor" if position.cursor is not None else "START_FROM"
            return Stop(
                "cursor_refused",
                message=f"VideoVector refuses the {what} {position.last_event_id!r} of stream "
                f"{self._stream!r}: {refusal} Events after it may be gone. To continue, set "
                f"CURSOR_POLICY (or the stream's cursor_policy) to earliest or latest; the gap "
                f"is then published as a bridge.stream.gap event.",
            )
        await self._start_over("cursor_refused")
        return None

    async def _start_over(self, reason: str) -> None:
        """Abandon the cursor as the policy says, once the gap event is published."""
        lost = self._batcher.position.last_event_id
        gap = _gap_event(self._stream, lost, self._cursor_policy, reason, self._now())
        await self._batcher.start_over(gap, self._cursor_policy)

    def _restart_timer(self) -> None:
        if not self._answered:
            ends_at = self._active_at + self._answer_seconds
        elif self._batcher.position.cursor is None:
            ends_at = self._read_until
        else:
            ends_at = self._active_at + self._idle_seconds
        self._reschedule(min(ends_at, self._read_until))

    def _reschedule(self, ends_at: float) -> None:
        if not self._timer.expired():  # it may be over although this task has not seen it yet
            self._timer.reschedule(ends_at)


def _gap_event(
    stream: str, lost: str | None, policy: str, reason: str, created_at: datetime
) -> Event:
    """Build the bridge's event for an abandoned cursor: events after it may be missing."""
    return bridge_event(
        "bridge.stream.gap",
        f"bridge.stream.gap:{stream}:{quote(lost or '')}"[:MAX_ID_BYTES],
        created_at,
        {"stream": stream, "cursor": lost, "policy": policy, "reason": reason},
    )
