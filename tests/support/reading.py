"""Reading an event stream as a window does, with the frames collected instead of batched."""

from collections.abc import Iterable, Sequence
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
from videovector_bridge.settings import ApiSettings, StreamFilters


@dataclass
class Collector:
    """Takes the place of the batcher: keeps the frames, and the position after them."""

    position: Position
    frames: list[Frame | FramePart] = field(default_factory=list)

    async def add(self, frames: Sequence[Frame | FramePart]) -> Stop | None:
        """Keep the frames."""
        self.frames += frames
        for frame in frames:
            self.position.advance(frame.last_event_id, None)
        return None


@dataclass(frozen=True)
class Reading:
    """What came of reading a stream to its end."""

    frames: list[Frame | FramePart]
    stop: Stop
    reconnects: int
    stream_errors: int

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
) -> Reading:
    """Read frames in virtual time until there is a reason to stop, at most so many seconds."""
    time = VirtualTime()

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
                answer_seconds=1_000.0,
                now=lambda: NOW,
            )
            stop = await reader.run()
            return Reading(collector.frames, stop, reader.reconnects, reader.stream_errors)

    return time.run(run())


def connect(
    upstream: httpx.AsyncBaseTransport, last_event_id: str | None = None
) -> BridgeError | None:
    """Make one connection and read it to its end; the error that it raises."""

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
    """The event stream of the scripted upstream; a connection silent for 50 ms is dead."""
    return EventStream(
        http,
        api or make_settings().api,
        filters or StreamFilters(),
        heartbeat_seconds=0.05,
        max_frame_bytes=limit,
    )


def parsed(pieces: Iterable[bytes]) -> list[tuple[bytes, str]]:
    """The frames of one answer that arrives in these pieces."""
    reading = read(Upstream(event_stream(list(pieces)), NO_CONTENT))
    assert reading.stop.reason == "server_closed"
    return [(frame.data, frame.last_event_id) for frame in reading.frames]
