"""Events of VideoVector, and the messages that carry them on topic `events`."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.traces import SPAN
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import Event, decode_event, event_message
from videovector_bridge.ingest.delivery import VerifiedDelivery, decode_delivery
from videovector_bridge.ingest.delivery import build_message as delivered_message

SOURCE = "//127.0.0.1/processing/events"


def event(name: str = "evt_1", second: int = 0, **fields: Any) -> dict[str, Any]:
    """An event of VideoVector, by default about a failed run."""
    return {
        "event_id": name,
        "event_type": "prompt_run.failed",
        "user_id": "u1",
        "run_id": "run_1",
        "video_id": None,
        "segment_id": None,
        "index_id": None,
        "created_at": f"2026-01-01T00:00:{second:02}.000Z",
        "payload": {},
        **fields,
    }


def nested(levels: int) -> Any:
    """A list in a list, so many levels deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def message_of(event: Mapping[str, Any]) -> Message:
    """An event as a message of topic `events`."""
    decoded = decode_event(json.dumps(event, ensure_ascii=False).encode())
    assert isinstance(decoded, Event), decoded
    return event_message(decoded, source=SOURCE, channel="stream", ordering_key="", trace=SPAN)


def message_of_delivery(body: bytes) -> Message:
    """A webhook's delivery as a message of topic `events`."""
    decoded = decode_delivery(body)
    assert isinstance(decoded, Event), decoded
    delivery = VerifiedDelivery(body, "wh_1")
    return delivered_message(delivery, decoded, api_host="127.0.0.1", lanes=16, trace=SPAN)
