"""The event that a message carries, in one shape for automations whichever way it came. Pure.

The stream's events are in that shape already ("Processing event stream" in the vendor's API
reference). A webhook's delivery is `{"id", "event", "data", "created_at", ...}`: its `data` is the
payload, and what it names of user, run, video, segment and index stands beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from videovector_bridge.automate.effects import Version
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import DOCUMENTED_FIELDS, TYPE_PREFIX, extract_ids, parse_time


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it came: its fields for expressions, its version, and the raw data."""

    fields: Mapping[str, Any]
    version: Version
    raw: bytes


def receive(
    raw: bytes, *, event_id: str, event_type: str, channel: str, stated_time: str | None
) -> Received:
    """Read the data of a message; the rest are its CloudEvents attributes.

    Raises `PermanentError` when it is no event of VideoVector's, or has no time to tell which
    event is the newest.
    """
    if not event_type.startswith(TYPE_PREFIX):
        raise PermanentError(
            f"A message of type {event_type[:100]!r} is not an event of VideoVector. If "
            f"all are so, the subscription wraps its messages: unwrap them, with metadata.",
            owner="user",
            code="foreign_type",
        )
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise PermanentError(
            "The data of the message is not an event of VideoVector (a JSON object).",
            owner="vendor",
            code="not_an_event",
        )
    fields = _fields_of_delivery(data) if channel == "webhook" else _fields_of_stream(data)
    fields["event_type"] = event_type.removeprefix(TYPE_PREFIX)
    fields["event_id"] = event_id
    fields["channel"] = channel
    made_at = parse_time(fields["created_at"]) or parse_time(stated_time)
    if made_at is None:
        raise PermanentError(
            f"The event has no readable created_at ({str(fields['created_at'])[:50]!r}), so it "
            f"cannot be told whether it is the newest.",
            owner="vendor",
            code="bad_time",
        )
    stamp = made_at.isoformat(timespec="microseconds")
    return Received(fields, Version(stamp, event_id), raw)


def _fields_of_stream(data: Mapping[str, Any]) -> dict[str, Any]:
    # Fields that the vendor documents are there, if only as null, so that expressions may ask.
    fields: dict[str, Any] = {**dict.fromkeys(DOCUMENTED_FIELDS), **data}
    if fields.get("payload") is None:
        fields["payload"] = {}
    return fields


def _fields_of_delivery(body: Mapping[str, Any]) -> dict[str, Any]:
    held = body.get("data")
    data = held if isinstance(held, dict) else {}
    # As they came, like the stream's, if they are ids at all.
    ids = {name: None if id_ is None else data[name] for name, id_ in extract_ids(data).items()}
    return {
        **dict.fromkeys(DOCUMENTED_FIELDS),
        **ids,
        "user_id": data.get("user_id"),
        "created_at": body.get("created_at"),
        "payload": data,
    }
