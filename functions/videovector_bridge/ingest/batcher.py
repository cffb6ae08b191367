"""The second stage of a window: decode frames, collect them in batches, and move the position.

A batch is the unit of publishing and of the cursor. Each batch carries the checkpoint that may be
committed once the batch and all batches before it are acknowledged.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from videovector_bridge.api.frames import Frame, FramePart
from videovector_bridge.api.stream import Position
from videovector_bridge.events import (
    MAX_DATA_BYTES,
    Event,
    Rejection,
    decode_event,
    decode_head,
    lane,
)
from videovector_bridge.ingest.outcome import Stop

BATCH_EVENTS: Final = 4_096
BATCH_BYTES: Final = 4_000_000

_TOO_LARGE: Final = (
    "The event is larger than a message may be. Set CLAIM_BUCKET to have such events published "
    "with their data in Cloud Storage"
)
_HEAD_BYTES: Final = 65_536  # of a large event, enough for the fields before its payload


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The position after a batch, for the committer to write.

    `start_from` is where the stream begins while `cursor` is None. `created_at` is the time of the
    newest event.
    """

    cursor: str | None
    ids_differ: bool
    start_from: str
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that cannot be published as an event, and the reason; `event_id` if it is readable."""

    raw: bytes = field(repr=False)
    reason: Rejection
    last_event_id: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class LargePart:
    """A part of a frame larger than `MAX_FRAME_BYTES`.

    `frame` identifies the frame and is the same at every attempt. In the last part, `sha256` and
    `size` are those of the whole frame, and `event` is decoded from its beginning.
    """

    part: FramePart
    frame: str
    sha256: str = ""
    size: int = 0
    event: Event | Rejection | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive frames of a stream, one part of a large frame, or one `gap` event.

    `lanes` has the events of each lane in the stream's order. A `gap` event reports an abandoned
    cursor.
    """

    checkpoint: Checkpoint
    lanes: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    rejected: Sequence[Rejected] = ()
    large: LargePart | None = None
    gap: Event | None = None

    @property
    def is_exclusive(self) -> bool:
        """Whether no other batch may be published at the same time."""
        return self.large is not None or self.gap is not None


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of a batch (`batch_events`, `batch_bytes`) and of the window (`max_…`).

    `claimable`: a bucket exists for the data of events that are too large for a message.
    """

    lanes: int
    linger_seconds: float
    max_events: int
    max_bytes: int
    claimable: bool
    batch_events: int = BATCH_EVENTS
    batch_bytes: int = BATCH_BYTES


class Batcher:
    """Collects frames in batches and queues the batches for the publisher.

    `add` waits while the queue is full, which pauses the reader. An open batch is queued when it is
    full, or `linger_seconds` after it was opened if the queue has room: under load batches grow.
    """

    def __init__(
        self,
        batches: asyncio.Queue[Batch | None],
        position: Position,
        limits: BatchLimits,
    ) -> None:
        self._batches = batches
        self._limits = limits
        self._open: _OpenBatch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._large: _LargeFrame | None = None
        self.position = position
        self.events = 0
        self.bytes = 0

    @property
    def large_bytes(self) -> int:
        """Number of bytes received of an unfinished large frame."""
        return self._large.size if self._large is not None else 0

    async def add(self, frames: Sequence[Frame | FramePart]) -> Stop | None:
        """Add frames and move the position past them; return a reason to stop, or None."""
        limits = self._limits
        for frame in frames:
            if isinstance(frame, FramePart):
                stop = await self._add_part(frame)
                if stop is not None:
                    return stop
                continue
            size = len(frame.data)
            if size and self.events and self.bytes + size > limits.max_bytes:
                return Stop("max_bytes")
            batch = self._open or self._open_batch()
            batch.add(frame, self.position)
            if size:
                self.events += 1
                self.bytes += size
            if batch.full:
                await self._emit()
            if self.events >= limits.max_events:
                return Stop("max_events")
        return None

    async def start_over(self, gap: Event, start_from: str) -> None:
        """Abandon the position, and queue the `gap` event that reports it."""
        await self._emit()
        self.position = self.position.begin_again(start_from)
        await self._batches.put(Batch(self._checkpoint(), gap=gap))

    async def close(self) -> None:
        """Queue the open batch, then None as the end of the batches."""
        await self._emit()
        await self._batches.put(None)

    def _open_batch(self) -> "_OpenBatch":
        self._open = _OpenBatch(self._limits)
        self._start_timer()
        return self._open

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limits.linger_seconds, self._linger_ended)

    def _linger_ended(self) -> None:
        if self._batches.full():
            self._start_timer()
        else:
            self._batches.put_nowait(self._seal())
            self._open = None

    async def _emit(self) -> None:
        """Queue the open batch, if there is one. After a cancellation the batch stays open."""
        if self._timer is not None:
            self._timer.cancel()
        if self._open is not None:
            await self._batches.put(self._seal())
            self._open = None
            # While data arrives without pause, reading never yields: let other tasks run here.
            await asyncio.sleep(0)

    def _seal(self) -> Batch:
        assert self._open is not None
        return Batch(self._checkpoint(self._open.created_at), self._open.lanes, self._open.rejected)

    def _checkpoint(self, created_at: str | None = None) -> Checkpoint:
        position = self.position
        return Checkpoint(position.cursor, position.ids_differ, position.start_from, created_at)

    async def _add_part(self, part: FramePart) -> Stop | None:
        """Queue a part of a large frame as its own batch."""
        if part.number == 1:
            await self._emit()
            if self.events and self.bytes + len(part.data) > self._limits.max_bytes:
                return Stop("max_bytes")
            self._large = _LargeFrame(part.data)
        assert self._large is not None
        self.bytes += len(part.data)
        large = self._large.add(part)
        created_at = None
        if part.last:
            self._large = None
            self.events += 1
            event = large.event if isinstance(large.event, Event) else None
            created_at = event.created_at if event else None
            self.position.advance(part.last_event_id, event.id if event else None)
        await self._batches.put(Batch(self._checkpoint(created_at), large=large))
        return Stop("max_events") if self.events >= self._limits.max_events else None


class _OpenBatch:
    """The batch that frames are added to."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._frames = 0
        self._bytes = 0
        self.lanes: dict[int, list[Event]] = {}
        self.rejected: list[Rejected] = []
        self.created_at: str | None = None

    @property
    def full(self) -> bool:
        """Whether the batch must be queued before more frames are added."""
        limits = self._limits
        return self._frames >= limits.batch_events or self._bytes >= limits.batch_bytes

    def add(self, frame: Frame, position: Position) -> None:
        """Add one frame and move `position` past it."""
        if frame.data:
            self._frames += 1
            self._bytes += len(frame.data)
            position.advance(frame.last_event_id, self._add_data(frame))
        else:
            position.advance(frame.last_event_id, None)

    def _add_data(self, frame: Frame) -> str | None:
        """Decode the frame's data; return the event's id, or None if it is no event."""
        event = decode_event(frame.data)
        if isinstance(event, Rejection):
            self.rejected.append(Rejected(frame.data, event, frame.last_event_id))
            return None
        self.created_at = event.created_at
        if len(frame.data) > MAX_DATA_BYTES and not self._limits.claimable:
            reason = Rejection("too_large", _TOO_LARGE, owner="user")
            self.rejected.append(Rejected(frame.data, reason, frame.last_event_id, event.id))
        else:
            self.lanes.setdefault(lane(event, self._limits.lanes), []).append(event)
        return event.id


class _LargeFrame:
    """A large frame whose parts are arriving: its size, its hash and its beginning."""

    def __init__(self, first: bytes) -> None:
        self._frame = hashlib.sha256(first).hexdigest()[:32]
        self._head = first[:_HEAD_BYTES]
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, part: FramePart) -> LargePart:
        self._hash.update(part.data)
        self.size += len(part.data)
        if not part.last:
            return LargePart(part, self._frame)
        sha256, event = self._hash.hexdigest(), decode_head(self._head)
        return LargePart(part, self._frame, sha256, self.size, event)
