"""The event log: encoded frames, kept for replay until they expire.

The frames are stored in blocks of bytes, with the end offset of each frame. A reader without a
filter receives whole slices, and a million events need little more memory than their bytes.
"""

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from infra.standin.config import IdMode
from infra.standin.events.event import Event, Facets, Filter
from infra.standin.events.frames import encode_frame
from infra.standin.ids import EventIds

_OPEN_BLOCK_EVENTS = 512
_SCAN_EVENTS = 5_000


@dataclass(slots=True)
class Block:
    """Consecutive events, beginning at number `first`. Frame n ends at `data[ends[n]]`."""

    first: int
    data: bytes | bytearray
    ends: "array[int]"  # quoted: not subscriptable at run time before Python 3.12
    facets: Callable[[int], Facets]

    @property
    def count(self) -> int:
        """Number of events."""
        return len(self.ends)

    def frames(self, start: int, stop: int) -> bytes:
        """Return the frames `start` to `stop` (exclusive). A whole block is not copied."""
        if start == 0 and stop == self.count and isinstance(self.data, bytes):
            return self.data
        begin = self.ends[start - 1] if start else 0
        return bytes(memoryview(self.data)[begin : self.ends[stop - 1]])


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames for a reader, their number, and the sequence number of the reader's new position."""

    data: bytes
    count: int
    reached: int


@dataclass(slots=True)
class _OpenBlock:
    """The block to which single events are appended."""

    block: Block
    facets: list[Facets] = field(default_factory=list)


class EventLog:
    """Events by sequence number. Numbers begin at 1 and are never reused."""

    def __init__(self, ids: EventIds, *, mode: IdMode, retain: int | None) -> None:
        self._ids = ids
        self._mode = mode
        self.retain = retain
        self.last = 0
        self.floor = 0
        """Sequence number of the last expired event."""
        self.closed = False
        self.wakers: set[asyncio.Event] = set()
        """Set at every append, and when the log closes."""
        self._firsts: list[int] = []
        self._blocks: list[Block] = []
        self._open: _OpenBlock | None = None
        self._custom_ids: dict[int, str] = {}
        self._custom_sequences: dict[str, int] = {}

    def next_id(self) -> str:
        """Return the default id of the next event."""
        return self._ids.of(self.last + 1)

    def id_of(self, sequence: int) -> str:
        """Return the event id of a sequence number."""
        return self._custom_ids.get(sequence) or self._ids.of(sequence)

    def sse_id(self, sequence: int) -> str | None:
        """Return the content of the event's `id:` line, or None for no line."""
        if self._mode == "none":
            return None
        return str(sequence) if self._mode == "sequence" else self.id_of(sequence)

    def ids_after(self, sequence: int) -> Iterator[str]:
        """Return the ids of all events after `sequence`, expired events included."""
        return map(self.id_of, range(sequence + 1, self.last + 1))

    def sequence_of(self, name: str) -> int | None:
        """Return the sequence number of an event id or SSE id, or None if it is unknown."""
        sequence = self._custom_sequences.get(name) or self._ids.sequence(name)
        if sequence is None and self._mode == "sequence" and name.isdecimal():
            sequence = int(name)
        return sequence if sequence is not None and 0 < sequence <= self.last else None

    def append(self, event: Event) -> None:
        """Append one event and wake the readers."""
        sequence = self.last + 1
        if event.event_id != self._ids.of(sequence):
            self._custom_ids[sequence] = event.event_id
            # A repeated id resumes after its first occurrence: this may repeat, but never loses.
            self._custom_sequences.setdefault(event.event_id, sequence)
        sse_id = event.event_id if self._mode == "event_id" else self.sse_id(sequence)
        block = self._writable_block()
        assert isinstance(block.block.data, bytearray)
        block.block.data += encode_frame(sse_id, event.event_type, event.data())
        block.block.ends.append(len(block.block.data))
        block.facets.append(event.facets())
        self.last = sequence
        self._finish_append()

    def append_block(self, block: Block) -> None:
        """Append a block of encoded frames that begins at `last + 1`, and wake the readers."""
        assert block.first == self.last + 1
        self._open = None
        self._add(block)
        self.last += block.count
        self._finish_append()

    def read(self, after: int, filters: Filter, *, max_events: int, max_bytes: int) -> Batch:
        """Return matching frames after `after`: at most `max_events`, and about `max_bytes`.

        `reached` can advance although no event matches. With a filter, one call compares a bounded
        number of events.
        """
        if filters.matches_everything:
            return self._read_slices(after, max_events, max_bytes)
        return self._scan(after, filters, max_events, max_bytes)

    def expire_through(self, sequence: int) -> None:
        """Expire all events up to and including `sequence`."""
        self.floor = max(self.floor, min(sequence, self.last))
        while self._blocks and self._blocks[0].first + self._blocks[0].count - 1 <= self.floor:
            if self._open is not None and self._open.block is self._blocks[0]:
                self._open = None
            del self._blocks[0], self._firsts[0]

    def close(self) -> None:
        """End every reader."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        for waker in self.wakers:
            waker.set()

    def _writable_block(self) -> _OpenBlock:
        if self._open is None or self._open.block.count >= _OPEN_BLOCK_EVENTS:
            facets: list[Facets] = []
            block = Block(self.last + 1, bytearray(), array("Q"), facets.__getitem__)
            self._open = _OpenBlock(block, facets)
            self._add(block)
        return self._open

    def _add(self, block: Block) -> None:
        self._blocks.append(block)
        self._firsts.append(block.first)

    def _finish_append(self) -> None:
        if self.retain is not None:
            self.expire_through(self.last - self.retain)
        self._wake()

    def _blocks_after(self, after: int) -> Iterator[tuple[Block, int]]:
        """Yield the blocks with events after `after`, and the offset of the first such event."""
        position = max(after, self.floor) + 1
        if position > self.last:
            return
        for index in range(bisect_right(self._firsts, position) - 1, len(self._blocks)):
            block = self._blocks[index]
            yield block, max(0, position - block.first)

    def _read_slices(self, after: int, max_events: int, max_bytes: int) -> Batch:
        pieces: list[bytes] = []
        count = size = 0
        reached = after
        for block, start in self._blocks_after(after):
            stop = min(block.count, start + max_events - count)
            piece = block.frames(start, stop)
            pieces.append(piece)
            size += len(piece)
            count += stop - start
            reached = block.first + stop - 1
            if count >= max_events or size >= max_bytes:
                break
        return Batch(pieces[0] if len(pieces) == 1 else b"".join(pieces), count, reached)

    def _scan(self, after: int, filters: Filter, max_events: int, max_bytes: int) -> Batch:
        pieces: list[bytes] = []
        size = compared = 0
        reached = after
        for block, start in self._blocks_after(after):
            for offset in range(start, block.count):
                reached = block.first + offset
                compared += 1
                if filters.matches(block.facets(offset)):
                    pieces.append(block.frames(offset, offset + 1))
                    size += len(pieces[-1])
                if len(pieces) >= max_events or size >= max_bytes or compared >= _SCAN_EVENTS:
                    return Batch(b"".join(pieces), len(pieces), reached)
        return Batch(b"".join(pieces), len(pieces), reached)
