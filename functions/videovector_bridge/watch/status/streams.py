"""The lines about streams."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from videovector_bridge.settings.deployment import DeployedStream
from videovector_bridge.watch.status.facts import Facts, StreamDocument, Unread
from videovector_bridge.watch.status.line import (
    Line,
    describe_age,
    describe_count,
    describe_seconds,
)
from videovector_bridge.watch.status.stream_states import StreamView, find_states, view_stream


def describe_streams(facts: Facts) -> Iterator[Line]:
    """Yield a line for each stream, and for each document of a stream that is no longer there."""
    if isinstance(facts.streams, Unread):
        yield Line("streams", "", "unreadable", facts.streams.why)
        return
    documents = {document.name: document for document in facts.streams}
    for stream in facts.deployment.streams:
        document = documents.pop(stream.name, None)
        if document is None:
            text = "no window has run yet; if it was deployed just now, wait for its schedule"
            yield Line("stream", stream.name, "never_drained", text, {"cursor": None})
        else:
            yield _describe(stream, document, facts.now)
    for document in documents.values():
        text = "its document is there, but no stream of this name; delete it in Firestore"
        yield Line("stream", document.name, "left_over", text, _values(document.fields))


def _describe(described: DeployedStream, document: StreamDocument, now: datetime) -> Line:
    stream = view_stream(described, document, now)
    state, why = next(find_states(stream))
    text = "; ".join(filter(None, (why, *_describe_position(stream))))
    values = _values(document.fields) | {
        "lease_seconds_left": stream.lease_seconds_left,
        "states": [name for name, _ in find_states(stream)],
    }
    return Line("stream", document.name, state, text, values)


def _describe_position(stream: StreamView) -> Iterator[str]:
    """Yield the cursor, the last window and the lease."""
    fields = stream.document.fields
    cursor, start = fields.get("cursor"), fields.get("start_from")
    yield f"cursor {cursor}" if cursor else f"no cursor, begins at {start or 'START_FROM'}"
    if stream.ended_at is not None:
        yield f"last window {describe_age(stream.ended_at, stream.now)}: {_describe_window(stream)}"
    left = stream.lease_seconds_left
    if left is not None and left > 0:
        yield f"a window is running (lease {left:.0f} s)"


def _describe_window(stream: StreamView) -> str:
    window = stream.window
    parts = [f"{window.get('outcome', '?')} ({window.get('stop_reason', '?')})"]
    if isinstance(events := window.get("events"), int):
        parts.append(describe_count(events, "event"))
    if isinstance(heartbeats := window.get("heartbeats"), int):
        parts.append(describe_count(heartbeats, "heartbeat"))
    if isinstance(lag := window.get("lag_seconds"), int | float):
        parts.append(f"lag {describe_seconds(lag)}")
    return ", ".join(parts)


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = ("cursor", "start_from", "not_before", "alive_at", "paused", "last_window", "windows")
    return {name: fields.get(name) for name in names}
