"""A flood: very many events, encoded in advance so that serving them needs little CPU."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from infra.standin.events.event import Facets
from infra.standin.events.log import Block, EventLog
from infra.standin.ids import timestamp

FLOOD_EVENT_TYPE = "processing.segment_completed"
_INDEX = "idx_flood"
_BLOCK_BYTES = 256 * 1024
_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """`events` events of `entities` runs in turn, one microsecond apart, beginning at `now`.

    `data_bytes` is the length of each event's JSON, unless the unpadded event is longer. Within a
    run the payload's counter `n` rises by one from 0, so that a reader can check the order.
    """

    events: int
    data_bytes: int
    entities: int
    user_id: str
    now: float

    def append_to(self, log: EventLog) -> Iterator[int]:
        """Append the events block by block. Yield the number of events of each block."""
        per_block = max(1, _BLOCK_BYTES // (self.data_bytes + 80))
        for start in range(0, self.events, per_block):
            stop = min(self.events, start + per_block)
            log.append_block(self._block(log, start, stop))
            yield stop - start

    def _block(self, log: EventLog, start: int, stop: int) -> Block:
        first = log.last + 1
        data = bytearray()
        ends = array("Q")
        whole, micros = divmod(int(self.now * _SECOND) + start, _SECOND)
        second = timestamp(whole)[:20]
        for number in range(start, stop):
            sequence = first + number - start
            data += self._frame(log, sequence, number, f"{second}{micros:06d}Z")
            ends.append(len(data))
            micros += 1
            if micros == _SECOND:
                whole, micros = whole + 1, 0
                second = timestamp(whole)[:20]

        def facets(offset: int) -> Facets:
            entity = (start + offset) % self.entities
            return Facets(
                FLOOD_EVENT_TYPE, f"run_flood_{entity:04d}", f"vid_flood_{entity:04d}", _INDEX
            )

        return Block(first, bytes(data), ends, facets)

    def _frame(self, log: EventLog, sequence: int, number: int, created_at: str) -> bytes:
        # Not orjson: to build and encode a million dicts takes longer than to serve them.
        turn, entity = divmod(number, self.entities)
        event = (
            f'{{"event_id":"{log.id_of(sequence)}","event_type":"{FLOOD_EVENT_TYPE}",'
            f'"user_id":"{self.user_id}","run_id":"run_flood_{entity:04d}",'
            f'"video_id":"vid_flood_{entity:04d}","segment_id":"seg_flood_{number:09d}",'
            f'"index_id":"{_INDEX}","created_at":"{created_at}",'
            f'"payload":{{"n":{turn},"pad":"'
        )
        sse_id = log.sse_id(sequence)
        id_line = "" if sse_id is None else f"id: {sse_id}\n"
        pad = "x" * max(0, self.data_bytes - len(event) - 3)
        return f'{id_line}event: {FLOOD_EVENT_TYPE}\ndata: {event}{pad}"}}}}\n\n'.encode()
