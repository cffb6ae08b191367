"""A processing event, its SSE frame, and what a stream filters on."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson


class Facets(NamedTuple):
    """The parts of an event that filters look at."""

    event_type: str
    run_id: str | None
    video_id: str | None
    index_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `raw_data`, if given, stands verbatim where the JSON would."""

    event_id: str
    event_type: str
    user_id: str
    run_id: str | None
    video_id: str | None
    segment_id: str | None
    index_id: str | None
    created_at: str
    payload: dict[str, Any] = field(default_factory=dict)
    raw_data: str | None = None

    def facets(self) -> Facets:
        """What filters look at."""
        return Facets(self.event_type, self.run_id, self.video_id, self.index_id)

    def data(self) -> bytes:
        """The event as compact JSON on one line, or the raw data."""
        if self.raw_data is not None:
            return self.raw_data.encode()
        return orjson.dumps(
            {
                "event_id": self.event_id,
                "event_type": self.event_type,
                "user_id": self.user_id,
                "run_id": self.run_id,
                "video_id": self.video_id,
                "segment_id": self.segment_id,
                "index_id": self.index_id,
                "created_at": self.created_at,
                "payload": self.payload,
            }
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """What a stream asks for; an empty set asks for everything."""

    run_ids: frozenset[str] = frozenset()
    index_ids: frozenset[str] = frozenset()
    video_ids: frozenset[str] = frozenset()
    event_types: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """True if nothing is filtered out."""
        return not (self.run_ids or self.index_ids or self.video_ids or self.event_types)

    def matches(self, facets: Facets) -> bool:
        """True if every part that was asked for is met."""
        return (
            (not self.event_types or facets.event_type in self.event_types)
            and (not self.run_ids or facets.run_id in self.run_ids)
            and (not self.video_ids or facets.video_id in self.video_ids)
            and (not self.index_ids or facets.index_id in self.index_ids)
        )


def frame(sse_id: str | None, event_type: str, data: bytes) -> bytes:
    """An SSE frame: the id line (unless None, or impossible in one line), the type, the data."""
    lines = []
    if sse_id is not None and not any(mark in sse_id for mark in "\r\n\0"):
        lines.append(f"id: {sse_id}".encode())
    lines.append(f"event: {event_type}".encode())
    lines.extend(b"data: " + line for line in data.splitlines() or [b""])
    return b"\n".join(lines) + b"\n\n"


def without_id(framed: bytes) -> bytes:
    """The frame less its id line."""
    return framed.partition(b"\n")[2] if framed.startswith(b"id:") else framed


def padded(framed: bytes, size: int) -> bytes:
    """The frame with its payload padded so that the data is `size` bytes (no smaller than it was).

    Data that is not a JSON object stays as it is.
    """
    head, _, rest = framed.partition(b"data: ")
    line = rest.removesuffix(b"\n\n")
    try:
        event = orjson.loads(line)
        event["payload"]["pad"] = ""
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return framed
    event["payload"]["pad"] = "x" * max(0, size - len(orjson.dumps(event)))
    return head + b"data: " + orjson.dumps(event) + b"\n\n"
