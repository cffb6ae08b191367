"""Upper limit of this machine: httpx-sse and orjson parse events in memory."""

import resource
import time
from collections.abc import Iterator

import httpx
import orjson
from httpx_sse import EventSource

from tests.bench.row import Row

_DATA = orjson.dumps(
    {
        "event_id": "evt_0123456789abcdef",
        "event_type": "processing.segment_completed",
        "payload": {"n": 1, "text": "x" * 130},
        "run_id": "run_0123456789ab",
        "video_id": "vid_0123456789ab",
        "segment_id": "seg_0123456789ab",
        "index_id": "idx_0123456789ab",
        "created_at": "2026-01-01T00:00:00.000000Z",
        "user_id": "user_bench",
    }
)
_FRAME = b"id: evt_0123456789abcdef\nevent: processing.segment_completed\ndata: " + _DATA + b"\n\n"
_PER_CHUNK = 140


class _Flood(httpx.SyncByteStream):
    def __init__(self, chunks: int) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._chunks):
            yield _FRAME * _PER_CHUNK


def parse_only(events: int) -> Row:
    """Parse about `events` frames and their JSON."""
    response = httpx.Response(
        200,
        headers={"Content-Type": "text/event-stream"},
        stream=_Flood(events // _PER_CHUNK),
    )
    parsed = 0
    cpu, started = time.process_time(), time.perf_counter()
    for sse in EventSource(response).iter_sse():
        orjson.loads(sse.data)
        parsed += 1
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row("parse only, httpx-sse and orjson", parsed / seconds, cpu / parsed * 1e6, peak)
