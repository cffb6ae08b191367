"""Read VideoVector's stream for an operator: nothing is published, no cursor is written."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Self

import httpx

from videovector_bridge.api.errors import RateLimited, ServerTrouble, Unreachable
from videovector_bridge.api.frames import Frame, FramePart
from videovector_bridge.api.stream import (
    STREAM_PATH,
    CursorRefused,
    EventStream,
    Position,
    StreamClosed,
    StreamFailed,
)
from videovector_bridge.errors import BridgeError
from videovector_bridge.events import Event, Rejection, decode_event, decode_head
from videovector_bridge.settings import ApiSettings
from videovector_bridge.settings.filters import StreamFilters

_TRANSIENT: Final = (RateLimited, ServerTrouble, Unreachable, StreamFailed)
_RECONNECTS: Final = 3  # without an event between them
_RECONNECT_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 60.0
_LARGEST_FRAME: Final = 67_108_864
_HEAD_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """A frame: its event or why it is none, and the cursor before and after it.

    An event larger than 64 MiB has no data. A frame that only moves the cursor has no event.
    """

    event: Event | Rejection | None
    before: str | None
    after: str | None


class StreamReading:
    """Reads the stream of some filters, for at most `seconds` in all.

    A silence of `idle_seconds` counts as the end of the stream. Use it as an async context manager.
    """

    def __init__(
        self,
        api: ApiSettings,
        filters: StreamFilters,
        *,
        seconds: float,
        idle_seconds: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(transport=transport)
        self._api = api
        self._source = EventStream(
            self._http,
            api,
            filters,
            heartbeat_seconds=_HEARTBEAT_SECONDS,
            max_frame_bytes=_LARGEST_FRAME,
        )
        self._idle_seconds = idle_seconds
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._ends_at = self._clock() + seconds
        self.out_of_time = False
        """Whether the time ended before the stream did."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def read(self, cursor: str | None) -> AsyncGenerator[ReadEvent]:
        """Yield what follows `cursor`, or everything from the earliest event on.

        Raises `CursorRefused` if VideoVector refuses the cursor, and `ApiError` or `StreamFailed`
        if it fails repeatedly.
        """
        position = Position(cursor, "earliest", self._api.earliest_event_id)
        failures = 0
        while True:
            progress = False
            error: BridgeError | None = None
            try:
                async with aclosing(self._read_connection(position)) as events:
                    async for event in events:
                        progress = True
                        yield event
                if self.out_of_time:
                    return
            except (StreamClosed, TimeoutError):
                return
            except CursorRefused:
                if cursor is not None or not position.earliest_event_id:
                    raise
                # As `drain` does: without an id, if the API does not know ours for its oldest.
                position.earliest_event_id = ""
                continue
            except _TRANSIENT as failure:
                error = failure
            failures = 0 if progress else failures + 1
            delay = max(_RECONNECT_SECONDS, getattr(error, "retry_after", None) or 0.0)
            if failures > _RECONNECTS or self._clock() + delay >= self._ends_at:
                if error is not None:
                    raise error
                # Otherwise VideoVector closes every connection: there is nothing more.
                self.out_of_time = failures <= _RECONNECTS
                return
            await asyncio.sleep(delay)

    async def _read_connection(self, position: Position) -> AsyncGenerator[ReadEvent]:
        """Yield the events of one connection. Raises `TimeoutError` at the end of the stream."""
        head = b""
        async with aclosing(self._source.connect(position.last_event_id)) as lists:
            try:
                await self._next(lists, self._api.timeout_seconds)
            except TimeoutError:
                raise Unreachable(
                    f"VideoVector did not respond to GET {STREAM_PATH} within "
                    f"{self._api.timeout_seconds:g} s. {Unreachable.advice}"
                ) from None
            idle_at = self._clock() + self._idle_seconds
            while (frames := await self._next(lists, idle_at - self._clock())) is not None:
                for frame in frames:
                    if isinstance(frame, FramePart):
                        head = frame.data[:_HEAD_BYTES] if frame.number == 1 else head
                        if not frame.last:
                            continue
                    yield _advance(position, frame, head)
                if frames:
                    idle_at = self._clock() + self._idle_seconds

    async def _next(
        self, lists: AsyncGenerator[list[Frame | FramePart]], seconds: float
    ) -> list[Frame | FramePart] | None:
        """Return the next frames; None at the end of the connection or of the time."""
        until = min(self._clock() + seconds, self._ends_at)
        try:
            async with asyncio.timeout_at(until):
                return await anext(lists, None)
        except TimeoutError:
            if self._clock() < self._ends_at:
                raise
            self.out_of_time = True
            return None


def _advance(position: Position, frame: Frame | FramePart, head: bytes) -> ReadEvent:
    """Move the position past a frame."""
    before = position.cursor
    event: Event | Rejection | None = None
    if isinstance(frame, FramePart):
        event = decode_head(head)
    elif frame.data:
        event = decode_event(frame.data)
    position.advance(frame.last_event_id, event.id if isinstance(event, Event) else None)
    return ReadEvent(event, before, position.cursor)
