"""Very many events, encoded ahead, so that serving them costs next to nothing.

The events of one entity (a run) carry a counter `n` in their payload that rises by one, so that a
reader can check order.
"""

from array import array
from collections.abc import Iterator

from infra.local.standin.events import Facets
from infra.local.standin.ids import timestamp
from infra.local.standin.log import Block, EventLog

EVENT_TYPE = "processing.segment_completed"
_INDEX = "idx_flood"
_BLOCK_BYTES = 256 * 1024


def flood(
    log: EventLog, *, events: int, data_bytes: int, entities: int, user_id: str, now: float
) -> Iterator[int]:
    """Append `events` events to the log, block by block, and yield the size of each block.

    `data_bytes` is the length of each event's JSON; it is more only if the event does not fit.
    """
    per_block = max(1, _BLOCK_BYTES // (data_bytes + 80))
    done = 0
    while done < events:
        count = min(per_block, events - done)
        log.append_block(_block(log, done, count, data_bytes, entities, user_id, now))
        done += count
        yield count


def _block(
    log: EventLog,
    done: int,
    count: int,
    data_bytes: int,
    entities: int,
    user_id: str,
    now: float,
) -> Block:
    first = log.last + 1
    data = bytearray()
    ends = array("Q")
    whole, micros = divmod(int(now * 1_000_000) + done, 1_000_000)
    second = timestamp(whole)[:20]
    for number in range(done, done + count):
        sequence = first + number - done
        turn, entity = divmod(number, entities)
        event = (
            f'{{"event_id":"{log.id_of(sequence)}","event_type":"{EVENT_TYPE}",'
            f'"user_id":"{user_id}","run_id":"run_flood_{entity:04d}",'
            f'"video_id":"vid_flood_{entity:04d}","segment_id":"seg_flood_{number:09d}",'
            f'"index_id":"{_INDEX}","created_at":"{second}{micros:06d}Z",'
            f'"payload":{{"n":{turn},"pad":"'
        )
        sse_id = log.sse_id(sequence)
        id_line = "" if sse_id is None else f"id: {sse_id}\n"
        pad = "x" * max(0, data_bytes - len(event) - 3)
        data += f'{id_line}event: {EVENT_TYPE}\ndata: {event}{pad}"}}}}\n\n'.encode()
        ends.append(len(data))
        micros += 1
        if micros == 1_000_000:
            whole, micros = whole + 1, 0
            second = timestamp(whole)[:20]

    def facets(offset: int) -> Facets:
        entity = (done + offset) % entities
        return Facets(EVENT_TYPE, f"run_flood_{entity:04d}", f"vid_flood_{entity:04d}", _INDEX)

    return Block(first, bytes(data), ends, facets)
