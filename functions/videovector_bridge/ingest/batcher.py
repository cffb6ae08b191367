"""The second stage of a window: frames become batches, and the position moves past them.

A batch is what is published together, and the unit of the cursor. The batcher owns the position:
each batch carries the checkpoint that may be committed once the batch and all batches before it
are acknowledged.
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
    """Where the stream stands after a batch: what the committer writes.

    `start_from` is where it begins while `cursor` is None; `created_at` is the time of the newest
    event.
    """

    cursor: str | None
    ids_differ: bool
    start_from: str
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that cannot be published as an event, and why. `event_id` where it could be read."""

    raw: bytes = field(repr=False)
    reason: Rejection
    last_event_id: str
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class LargePart:
    """A part of a frame larger than `MAX_FRAME_BYTES`, and what is known of the frame by then.

    `frame` names the frame, the same at every try. In the last part, `sha256` and `size` are those
    of the whole frame, and `event` is what its beginning says.
    """

    part: FramePart
    frame: str
    sha256: str = ""
    size: int = 0
    event: Event | Rejection | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive frames of a stream; `lanes` keeps the stream's order within each lane.

    Or one part of a large frame, or the `gap` event of an abandoned cursor.
    """

    checkpoint: Checkpoint
    lanes: Mapping[int, Sequence[Event]] = field(default_factory=dict)
    rejected: Sequence[Rejected] = ()
    large: LargePart | None = None
    gap: Event | None = None

    @property
    def alone(self) -> bool:
        """Whether it is published after all before it, and before all after it."""
        return self.large is not None or self.gap is not None


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits of a batch. `claimable`: a bucket exists for events too large for a message."""

    lanes: int
    linger_seconds: float
    max_events: int
    max_bytes: int
    claimable: bool


class Batcher:
    """Gathers frames into batches and puts them into a queue for the publisher.

    `add` waits while the queue is full, which stops the reading. An open batch leaves when it is
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
        self._large: _LargeSoFar | None = None
        self.position = position
        self.events = 0
        self.bytes = 0

    @property
    def large_bytes(self) -> int:
        """Bytes received of a large frame that has not ended yet."""
        return self._large.size if self._large is not None else 0

    async def add(self, frames: Sequence[Frame | FramePart]) -> Stop | None:
        """Add frames and move the position past them. Return why to stop, or None to continue."""
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
            batch = self._open or self._begin()
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
        """Abandon the position, once everything before and the `gap` event are published."""
        await self._emit()
        self.position = self.position.begin_again(start_from)
        await self._batches.put(Batch(self._checkpoint(), gap=gap))

    async def close(self) -> None:
        """Put what is left into the queue, and the end of the batches (None) behind it."""
        await self._emit()
        await self._batches.put(None)

    def _begin(self) -> "_OpenBatch":
        self._open = _OpenBatch(self._limits.lanes, self._limits.claimable)
        self._start_timer()
        return self._open

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limits.linger_seconds, self._linger_over)

    def _linger_over(self) -> None:
        if self._batches.full():
            self._start_timer()
        else:
            self._batches.put_nowait(self._seal())
            self._open = None

    async def _emit(self) -> None:
        """Put the open batch into the queue; if this is cancelled, the batch stays open."""
        if self._timer is not None:
            self._timer.cancel()
        if self._open is not None:
            await self._batches.put(self._seal())
            self._open = None
            # A flood never waits for the network: let the other tasks run here.
            await asyncio.sleep(0)

    def _seal(self) -> Batch:
        assert self._open is not None
        return Batch(self._checkpoint(self._open.created_at), self._open.lanes, self._open.rejected)

    def _checkpoint(self, created_at: str | None = None) -> Checkpoint:
        position = self.position
        return Checkpoint(position.cursor, position.ids_differ, position.start_from, created_at)

    async def _add_part(self, part: FramePart) -> Stop | None:
        """Pass on a part of a large frame, as a batch of its own."""
        if part.number == 1:
            await self._emit()
            if self.events and self.bytes + len(part.data) > self._limits.max_bytes:
                return Stop("max_bytes")
            self._large = _LargeSoFar(part.data)
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

    def __init__(self, lane_count: int, claimable: bool) -> None:  # noqa: FBT001
        self._lane_count = lane_count
        self._claimable = claimable
        self._frames = 0
        self._bytes = 0
        self.lanes: dict[int, list[Event]] = {}
        self.rejected: list[Rejected] = []
        self.created_at: str | None = None

    @property
    def full(self) -> bool:
        """Whether the batch must be published before more frames are added."""
        return self._frames >= BATCH_EVENTS or self._bytes >= BATCH_BYTES

    def add(self, frame: Frame, position: Position) -> None:
        """Add one frame and move `position` past it."""
        if frame.data:
            self._frames += 1
            self._bytes += len(frame.data)
            position.advance(frame.last_event_id, self._take(frame))
        else:
            position.advance(frame.last_event_id, None)

    def _take(self, frame: Frame) -> str | None:
        event = decode_event(frame.data)
        if isinstance(event, Rejection):
            self.rejected.append(Rejected(frame.data, event, frame.last_event_id))
            return None
        self.created_at = event.created_at
        if len(frame.data) > MAX_DATA_BYTES and not self._claimable:
            reason = Rejection("too_large", _TOO_LARGE, owner="user")
            self.rejected.append(Rejected(frame.data, reason, frame.last_event_id, event.id))
        else:
            self.lanes.setdefault(lane(event, self._lane_count), []).append(event)
        return event.id


class _LargeSoFar:
    """What is known of a large frame while its parts arrive."""

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
