"""Limit of parsing: httpx-sse and orjson parse events in memory."""

import argparse
import sys
from collections.abc import Iterator

import httpx
import orjson
from httpx_sse import EventSource

from tests.bench.measured import print_measurement

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


def parse(events: int) -> int:
    """Parse about `events` frames and their JSON; return their number."""
    response = httpx.Response(
        200,
        headers={"Content-Type": "text/event-stream"},
        stream=_Flood(max(1, events // _PER_CHUNK)),
    )
    parsed = 0
    for sse in EventSource(response).iter_sse():
        orjson.loads(sse.data)
        parsed += 1
    return parsed


def main() -> int:
    """Measure `--events` events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True)
    events = parser.parse_args().events
    print_measurement(lambda: parse(events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
