"""Cases of the subscriber benchmark: for each action an automation and events for it."""

import itertools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.standin import Library, StandInConfig
from tests.bench.posting import Post
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.events import Event, decode_event, event_message
from videovector_bridge.trace import begin_trace

_LIBRARY: Final = Library(StandInConfig())
_OBJECTS: Final = itertools.cycle(_LIBRARY.objects)
_VIDEOS: Final = itertools.cycle(_LIBRARY.videos)

_MARK: Final = """
target_type = "run"
target_id = "{event.run_id}"
color = "red"
note = "failed at {event.created_at}"
"""
# The marker does not exist, so deleting it by its id succeeds with one request.
_UNMARK: Final = """
marker_id = "{event.event_id}"
target = "{event.run_id}"
any = true
"""
_ROW: Final = {"id": "0123456789", "score": 0.125}
_REST_BYTES: Final = 1_000  # an event without rows is smaller


@dataclass(frozen=True, slots=True)
class Case:
    """An action and the fields of its automation in TOML. Every event has its own target."""

    action: str
    fields: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def automations(self) -> str:
        """The automations file."""
        table = f'[[automation]]\nname = "bench"\non = ["*"]\n[automation.{self.action}]'
        return f"{table}\n{self.fields}"

    @property
    def entry_point(self) -> str:
        """The function that serves the action."""
        return ACTIONS[self.action].entry_point

    def post(self, size: int = 0) -> Post:
        """A push request with a new event, padded to `size` bytes."""
        name = f"evt_{uuid.uuid4().hex}"
        payload: dict[str, Any] = {"status": "failed", "gcs_uri": next(_OBJECTS), "text": ""}
        fields = {
            "event_id": name,
            "event_type": "prompt_run.failed",
            "user_id": "user_0123456789ab",
            "run_id": f"run_{name}",
            "video_id": next(_VIDEOS),
            "segment_id": None,
            "index_id": "idx_0123456789ab",
            "created_at": "2026-01-01T00:00:00.000000Z",
            "payload": payload,
        }
        # Small values like VideoVector's: many need more memory than one large value.
        rows = payload["rows"] = [_ROW] * max(0, (size - _REST_BYTES) // len(json.dumps([_ROW])))
        payload["text"] = "." * (size - len(json.dumps(fields)) if rows else 0)
        event = decode_event(json.dumps(fields).encode())
        assert isinstance(event, Event)
        message = event_message(
            event,
            source="//bench/events",
            channel="stream",
            ordering_key="",
            trace=begin_trace().new_span(),
        )
        return message.data, message.attributes


CASES: Final = {
    case.action: case
    for case in (
        Case("upsert_marker", _MARK),
        Case("delete_marker", _UNMARK),
        Case(
            "issue_signed_url",
            'gcs_uri = "{event.payload.gcs_uri}"',
            {"SIGNED_URL_BUCKETS": "standin-media"},
        ),
        Case("store_preview", 'video_id = "{event.video_id}"\nname = "{event.event_id}.gif"'),
        Case("snapshot_media", 'video_id = "{event.event_id}"'),
        Case("search", 'query = "a red car"'),
    )
}
