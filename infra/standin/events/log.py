"""The event log: frames ready to send, kept for replay until they expire.

Events sit in blocks of bytes with the offset of each frame's end, so that a reader who filters
nothing is served whole slices, and a million events cost their bytes and little more.
"""

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from infra.standin.config import IdMode
from infra.standin.events.event import Event, Facets, Filter, frame
from infra.standin.ids import EventIds

_OPEN_BLOCK_EVENTS = 512
_SCAN_EVENTS = 5_000


@dataclass(slots=True)
class Block:
    """Consecutive events from number `first` on; `ends[n]` is where frame n ends in `data`."""

    first: int
    data: bytes | bytearray
    ends: "array[int]"  # quoted: not subscriptable at run time before Python 3.12
    facets: Callable[[int], Facets]

    @property
    def count(self) -> int:
        """Number of events."""
        return len(self.ends)

    def frames(self, start: int, stop: int) -> bytes:
        """Frames `start` to `stop` (exclusive) as one piece; the whole block is not copied."""
        if start == 0 and stop == self.count and isinstance(self.data, bytes):
            return self.data
        begin = self.ends[start - 1] if start else 0
        return bytes(memoryview(self.data)[begin : self.ends[stop - 1]])


@dataclass(frozen=True, slots=True)
class Batch:
    """What a reader gets: frames, how many, and the sequence number the reader has now reached."""

    data: bytes
    count: int
    reached: int


@dataclass(slots=True)
class _OpenBlock:
    """The block that single events are appended to."""

    block: Block
    facets: list[Facets] = field(default_factory=list)


class EventLog:
    """Append, read from a position, expire. Sequence numbers begin at 1 and never repeat."""

    def __init__(self, ids: EventIds, *, mode: IdMode, retain: int | None) -> None:
        self._ids = ids
        self._mode = mode
        self.retain = retain
        self.last = 0
        self.floor = 0
        """Everything up to here is expired."""
        self.wakers: set[asyncio.Event] = set()
        """Set at every append."""
        self._firsts: list[int] = []
        self._blocks: list[Block] = []
        self._open: _OpenBlock | None = None
        self._given: dict[int, str] = {}
        self._given_sequence: dict[str, int] = {}

    def next_id(self) -> str:
        """The id that the next event gets unless it brings its own."""
        return self._ids.of(self.last + 1)

    def id_of(self, sequence: int) -> str:
        """The event id of a sequence number."""
        return self._given.get(sequence) or self._ids.of(sequence)

    def sse_id(self, sequence: int) -> str | None:
        """What the `id:` line of that event carries."""
        if self._mode == "none":
            return None
        return str(sequence) if self._mode == "sequence" else self.id_of(sequence)

    def ids_after(self, sequence: int) -> Iterator[str]:
        """Ids of every event ever emitted after `sequence`, expired or not."""
        return map(self.id_of, range(sequence + 1, self.last + 1))

    def sequence_of(self, name: str) -> int | None:
        """The sequence number behind an event id or SSE id; None if no such event was emitted."""
        sequence = self._given_sequence.get(name) or self._ids.sequence(name)
        if sequence is None and self._mode == "sequence" and name.isdecimal():
            sequence = int(name)
        return sequence if sequence is not None and 0 < sequence <= self.last else None

    def append(self, event: Event) -> None:
        """Add one event and wake the readers."""
        sequence = self.last + 1
        if event.event_id != self._ids.of(sequence):
            self._given[sequence] = event.event_id
            # A repeated id resumes after its first occurrence: repeats, but no loss.
            self._given_sequence.setdefault(event.event_id, sequence)
        framed = frame(self.sse_id_for(event, sequence), event.event_type, event.data())
        block = self._room()
        assert isinstance(block.block.data, bytearray)
        block.block.data += framed
        block.block.ends.append(len(block.block.data))
        block.facets.append(event.facets())
        self.last = sequence
        self._appended()

    def sse_id_for(self, event: Event, sequence: int) -> str | None:
        """As `sse_id`, for an event about to be appended."""
        return event.event_id if self._mode == "event_id" else self.sse_id(sequence)

    def append_block(self, block: Block) -> None:
        """Add a block of ready frames that begins at `last + 1`, and wake the readers."""
        assert block.first == self.last + 1
        self._open = None
        self._add(block)
        self.last += block.count
        self._appended()

    def read(self, after: int, where: Filter, *, max_events: int, max_bytes: int) -> Batch:
        """Matching frames after `after`: at most `max_events`, and about `max_bytes`.

        `reached` may have moved although nothing matched. One call looks at a bounded number of
        events when it has to filter.
        """
        if where.everything:
            return self._slices(after, max_events, max_bytes)
        return self._scan(after, where, max_events, max_bytes)

    def expire_through(self, sequence: int) -> None:
        """Forget everything up to and including `sequence`."""
        self.floor = max(self.floor, min(sequence, self.last))
        while self._blocks and self._blocks[0].first + self._blocks[0].count - 1 <= self.floor:
            if self._open is not None and self._open.block is self._blocks[0]:
                self._open = None
            del self._blocks[0], self._firsts[0]

    def wake(self) -> None:
        """Let every reader look again."""
        for waker in self.wakers:
            waker.set()

    def _room(self) -> _OpenBlock:
        if self._open is None or self._open.block.count >= _OPEN_BLOCK_EVENTS:
            facets: list[Facets] = []
            block = Block(self.last + 1, bytearray(), array("Q"), facets.__getitem__)
            self._open = _OpenBlock(block, facets)
            self._add(block)
        return self._open

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        self._firsts.append(block.first)

    def _appended(self) -> None:
        if self.retain is not None:
            self.expire_through(self.last - self.retain)
        self.wake()

    def _from(self, after: int) -> Iterator[tuple[Block, int]]:
        """Blocks with events after `after`, each with the offset of the first such event."""
        position = max(after, self.floor) + 1
        if position > self.last:
            return
        for index in range(bisect_right(self._firsts, position) - 1, len(self._blocks)):
            block = self._blocks[index]
            yield block, max(0, position - block.first)

    def _slices(self, after: int, max_events: int, max_bytes: int) -> Batch:
        pieces: list[bytes] = []
        count = size = 0
        reached = after
        for block, start in self._from(after):
            stop = min(block.count, start + max_events - count)
            piece = block.frames(start, stop)
            pieces.append(piece)
            size += len(piece)
            count += stop - start
            reached = block.first + stop - 1
            if count >= max_events or size >= max_bytes:
                break
        return Batch(pieces[0] if len(pieces) == 1 else b"".join(pieces), count, reached)

    def _scan(self, after: int, where: Filter, max_events: int, max_bytes: int) -> Batch:
        pieces: list[bytes] = []
        size = seen = 0
        reached = after
        for block, start in self._from(after):
            for offset in range(start, block.count):
                reached = block.first + offset
                seen += 1
                if where.matches(block.facets(offset)):
                    pieces.append(block.frames(offset, offset + 1))
                    size += len(pieces[-1])
                if len(pieces) >= max_events or size >= max_bytes or seen >= _SCAN_EVENTS:
                    return Batch(b"".join(pieces), len(pieces), reached)
        return Batch(b"".join(pieces), len(pieces), reached)
