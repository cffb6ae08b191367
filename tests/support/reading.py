"""Read an event stream as a window does, but collect the frames instead of batching them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import httpx

from tests.support.upstream import NO_CONTENT, Upstream, event_stream
from tests.support.virtual_time import VirtualTime
from tests.support.windows import NOW, make_settings
from videovector_bridge.api.frames import Frame, FramePart
from videovector_bridge.api.stream import EventStream, Position
from videovector_bridge.errors import BridgeError
from videovector_bridge.ingest.batcher import Batcher
from videovector_bridge.ingest.outcome import Stop
from videovector_bridge.ingest.reader import Reader
from videovector_bridge.settings import ApiSettings
from videovector_bridge.settings.filters import StreamFilters


@dataclass
class Collector:
    """Replaces the batcher: collects the frames and moves the position."""

    position: Position
    frames: list[Frame | FramePart] = field(default_factory=list)

    async def add(self, frames: Sequence[Frame | FramePart]) -> Stop | None:
        """Collect the frames."""
        self.frames += frames
        for frame in frames:
            self.position.advance(frame.last_event_id, None)
        return None


@dataclass(frozen=True)
class Reading:
    """The result of reading a stream to its end; `delays` are those before reconnections."""

    frames: list[Frame | FramePart]
    stop: Stop
    reconnects: int
    heartbeats: int
    stream_errors: int
    delays: list[float]

    @property
    def error(self) -> BridgeError | None:
        """The error that ended the reading, if one did."""
        return self.stop.error


def read(
    upstream: httpx.AsyncBaseTransport,
    *,
    position: str | None = None,
    seconds: float = 60.0,
    limit: int = 1_000_000,
    api: ApiSettings | None = None,
    filters: StreamFilters | None = None,
    random: Callable[[], float] = lambda: 0.0,
) -> Reading:
    """Read frames in virtual time until there is a reason to stop, at most so many seconds."""
    time = VirtualTime()
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            delays.append(seconds)
        await asyncio.sleep(seconds)

    async def run() -> Reading:
        async with httpx.AsyncClient(transport=upstream) as http:
            stream = stream_of(http, api=api, filters=filters, limit=limit)
            collector = Collector(Position(position, "latest", "0"))
            reader = Reader(
                stream,
                cast("Batcher", collector),
                stream="default",
                cursor_policy="fail",
                read_until=time.time() + seconds,
                idle_seconds=1_000.0,
                response_seconds=1_000.0,
                now=lambda: NOW,
                random=random,
                sleep=sleep,
            )
            stop = await reader.run()
            return Reading(
                collector.frames,
                stop,
                reader.reconnects,
                reader.heartbeats,
                reader.stream_errors,
                delays,
            )

    return time.run(run())


def connect(
    upstream: httpx.AsyncBaseTransport, last_event_id: str | None = None
) -> BridgeError | None:
    """Make one connection and read it to its end; return the error that it raises."""

    async def run() -> BridgeError | None:
        async with httpx.AsyncClient(transport=upstream) as http:
            try:
                async for _ in stream_of(http).connect(last_event_id):
                    pass
            except BridgeError as error:
                return error
        return None

    return VirtualTime().run(run())


def stream_of(
    http: httpx.AsyncClient,
    *,
    api: ApiSettings | None = None,
    filters: StreamFilters | None = None,
    limit: int = 1_000_000,
) -> EventStream:
    """Return the event stream of an upstream; a connection silent for 50 ms is dead."""
    return EventStream(
        http,
        api or make_settings().api,
        filters or StreamFilters(),
        heartbeat_seconds=0.05,
        max_frame_bytes=limit,
    )


def parsed(pieces: Iterable[bytes]) -> list[tuple[bytes, str]]:
    """Return the data and id of the frames of one response that arrives in these pieces."""
    reading = read(Upstream(event_stream(list(pieces)), NO_CONTENT))
    assert reading.stop.reason == "server_closed"
    return [(frame.data, frame.last_event_id) for frame in reading.frames]
