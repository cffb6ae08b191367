"""Short histories of a stream, and the upstream that sends them, each connection a part."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property

import httpx

from tests.support.upstream import NO_CONTENT, Response, Upstream, error_response, event_stream
from tests.support.vendor_events import event, sse
from videovector_bridge.events import Event, decode_event, lane

LANES = 3
MESSAGE_BYTES = 4_000
"""Instead of 9.5 MB: larger data does not fit in a message."""
FRAME_BYTES = 5_000
"""MAX_FRAME_BYTES."""
PART_BYTES = 4_000
"""Instead of 1 MiB."""

Piece = tuple[str, int]
"""A frame's id, and the number of its part; `WHOLE` of an event."""
WHOLE = 0

_FRAMES_A_CONNECTION = 5
_FRAME_SECONDS = 0.01


@dataclass(frozen=True)
class Frame:
    """One frame of a history, which must reach Pub/Sub, whole or in parts."""

    id: str
    data: bytes

    @cached_property
    def event(self) -> Event | None:
        """The event, if it is one."""
        decoded = decode_event(self.data)
        return decoded if isinstance(decoded, Event) else None

    @cached_property
    def sha256(self) -> str:
        """The hash of the data."""
        return hashlib.sha256(self.data).hexdigest()

    def lane(self, *, bucket: bool) -> int | None:
        """Return the lane of the event; None for a frame that is rejected."""
        if self.event is None or (len(self.data) > MESSAGE_BYTES and not bucket):
            return None
        return lane(self.event, LANES)

    @cached_property
    def parts(self) -> list[bytes]:
        """The data as it is divided into messages on `rejected`."""
        size = PART_BYTES if len(self.data) > FRAME_BYTES else MESSAGE_BYTES
        return [self.data[at : at + size] for at in range(0, len(self.data), size)]

    def pieces(self, *, bucket: bool) -> set[Piece]:
        """Return the pieces that must be acknowledged before the cursor may pass the frame."""
        if self.lane(bucket=bucket) is not None:
            return {(self.id, WHOLE)}
        return {(self.id, number) for number in range(1, len(self.parts) + 1)}


def frame(number: int, run: str, data_bytes: int = 0) -> Frame:
    """Return an event of a run, with a payload of `data_bytes`."""
    pad = {"n": number, "pad": "x" * data_bytes}
    return Frame(f"evt-{number:04d}", event(number, run_id=run, payload=pad))


@dataclass(frozen=True)
class History:
    """The frames of a stream, and its document when the first window begins.

    `cursor` is in this document; None means that there is no document. `policy` is the stream's
    cursor policy. If it is not `fail`, the API refuses the cursor, or the cursor belongs to other
    `filters`.
    """

    name: str
    frames: tuple[Frame, ...]
    bucket: bool = True
    cursor: str | None = None
    filters: str | None = None
    policy: str = "fail"

    @cached_property
    def ids(self) -> list[str]:
        """The ids of the frames, in order."""
        return [one.id for one in self.frames]

    def passed(self, cursor: object) -> int:
        """Return how many frames a cursor has passed."""
        return self.ids.index(cursor) + 1 if cursor in self.ids else 0

    @cached_property
    def gap_id(self) -> str | None:
        """The id of the event that reports the abandoned cursor."""
        return f"bridge.stream.gap:default:{self.cursor}" if self.cursor else None


_PLAIN = (
    frame(1, "run-a"),
    frame(2, "run-a"),
    frame(3, "run-b"),
    Frame("evt-0004", b'{"event_id": "evt-0004", garbage'),
    frame(5, "run-a"),
    frame(6, "run-b", 2 * FRAME_BYTES),
    frame(7, "run-h", MESSAGE_BYTES),
    frame(8, "run-b"),
)
_SHORT = (frame(1, "run-a"), frame(2, "run-b"), frame(3, "run-a"))

HISTORIES = (
    History("with a bucket", _PLAIN),
    History("without a bucket", _PLAIN, bucket=False),
    History("a refused cursor", _SHORT, cursor="evt-gone", policy="earliest"),
    History("other filters", _SHORT, cursor="evt-gone", filters="{}", policy="latest"),
)
"""Events of three runs; an invalid event, one in parts, and one that needs a claim check."""


class Source(Upstream):
    """Sends what follows the Last-Event-ID, a part on each connection; 204 at the end.

    A connection breaks within its last frame. What it sends depends on the request alone.
    """

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def respond(self, request: httpx.Request) -> Response:
        """Return the next part of the history."""
        history = self._history
        last = request.headers.get("Last-Event-ID")
        if last == history.cursor and last is not None:
            return error_response(410, "The cursor has expired")
        rest = history.frames[history.passed(last) :]
        if not rest:
            return NO_CONTENT
        whole, broken = rest[:_FRAMES_A_CONNECTION], rest[_FRAMES_A_CONNECTION:][:1]
        pieces = [sse(one.data, one.id) for one in whole]
        pieces += [sse(one.data, one.id)[: len(one.data) // 2] for one in broken]

        async def send(_request: httpx.Request) -> AsyncIterator[bytes]:
            for piece in pieces:
                # Two pieces, so that every frame is awaited in the middle too.
                yield piece[: len(piece) // 2]
                await asyncio.sleep(_FRAME_SECONDS)
                yield piece[len(piece) // 2 :]
            if broken:
                raise httpx.ReadError("connection reset")

        return event_stream((), then=send)
