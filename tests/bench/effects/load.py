"""Events for the effects benchmark: each has its own targets, and the shipped automations act."""

import itertools
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from infra.standin import Library, StandInConfig
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import Event, decode_event, event_message
from videovector_bridge.trace import begin_trace

_LIBRARY: Final = Library(StandInConfig())
# For each run: a marker is set and deleted, a search runs, and videos end.
_TYPES: Final = (
    "processing.run_failed",
    "processing.video_completed",
    "processing.video_completed",
    "processing.run_completed",
)


def make_events() -> Iterator[Message]:
    """Yield messages for topic `events`, without end."""
    pairs = itertools.cycle(zip(_LIBRARY.videos, _LIBRARY.objects, strict=False))
    while True:
        run_id = f"run_{uuid.uuid4().hex[:16]}"
        for event_type, (video_id, gcs_uri) in zip(_TYPES, pairs, strict=False):
            yield _make_event(event_type, run_id, video_id, {"gcs_uri": gcs_uri})


def _make_event(event_type: str, run_id: str, video_id: str, payload: dict[str, Any]) -> Message:
    fields = {
        "event_id": f"evt_{uuid.uuid4().hex[:16]}",
        "event_type": event_type,
        "user_id": "user_0123456789ab",
        "run_id": run_id,
        "video_id": video_id if "video" in event_type else None,
        "segment_id": None,
        "index_id": "idx_0123456789ab",
        "created_at": datetime.now(UTC).isoformat(),
        "payload": {**payload, "failed_segments": 0},
    }
    event = decode_event(json.dumps(fields).encode())
    assert isinstance(event, Event)
    return event_message(
        event,
        source="//bench/events",
        channel="stream",
        ordering_key="",
        trace=begin_trace().new_span(),
    )
