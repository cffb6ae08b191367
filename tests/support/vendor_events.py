"""Events as VideoVector sends them: the JSON, and the frames of the stream."""

from typing import Any

import orjson


def event(number: int, **fields: Any) -> bytes:
    """Return the event `evt-0001` and so on, of run `run-N` (N: the number modulo 7)."""
    plain = {
        "event_id": f"evt-{number:04d}",
        "event_type": "processing.segment_completed",
        "user_id": "user",
        "run_id": f"run-{number % 7}",
        "video_id": None,
        "segment_id": None,
        "index_id": None,
        "created_at": "2026-01-02T03:04:05Z",
        "payload": {"n": number},
    }
    return orjson.dumps(plain | fields)


def events(count: int) -> list[bytes]:
    """Return the events number 1 to `count`."""
    return [event(number) for number in range(1, count + 1)]


def sse(data: bytes, id_: str | None = None, name: str = "") -> bytes:
    """Return one frame of the stream."""
    head = b"" if id_ is None else b"id: " + id_.encode() + b"\n"
    return head + (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"
