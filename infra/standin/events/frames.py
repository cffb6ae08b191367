"""SSE frames of events."""

import orjson


def encode_frame(sse_id: str | None, event_type: str, data: bytes) -> bytes:
    """Return an SSE frame. It has no id line if the id is None or does not fit in one line."""
    lines = []
    if sse_id is not None and not any(mark in sse_id for mark in "\r\n\0"):
        lines.append(f"id: {sse_id}".encode())
    lines.append(f"event: {event_type}".encode())
    lines.extend(b"data: " + line for line in data.splitlines() or [b""])
    return b"\n".join(lines) + b"\n\n"


def remove_id(frame: bytes) -> bytes:
    """Return the frame without its id line."""
    return frame.partition(b"\n")[2] if frame.startswith(b"id:") else frame


def pad_frame(frame: bytes, size: int) -> bytes:
    """Return the frame with its payload padded, so that the data has at least `size` bytes.

    Data that is not a JSON object does not change.
    """
    head, _, rest = frame.partition(b"data: ")
    line = rest.removesuffix(b"\n\n")
    try:
        event = orjson.loads(line)
        event["payload"]["pad"] = ""
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return frame
    event["payload"]["pad"] = "x" * max(0, size - len(orjson.dumps(event)))
    return head + b"data: " + orjson.dumps(event) + b"\n\n"
