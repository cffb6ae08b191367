"""The event that a message carries, in one shape for automations, whatever its channel. Pure.

The stream's events have that shape ("Processing event stream" in the vendor's API reference). A
webhook's delivery is `{"id", "event", "data", "created_at", ...}`: its `data` is the payload, and
the ids of user, run, video, segment and index are copied beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from videovector_bridge.automate.effects.record import Version
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import DOCUMENTED_FIELDS, TYPE_PREFIX, extract_ids, parse_time

# Clocks differ. An event from further ahead would be the newest of its target until then.
FUTURE_TOLERANCE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Received:
    """One event: its fields for expressions, its version, and the raw data."""

    fields: Mapping[str, Any]
    version: Version
    raw: bytes


def receive(
    raw: bytes,
    *,
    event_id: str,
    source: str,
    event_type: str,
    channel: str,
    stated_time: str | None,
    now: datetime,
) -> Received:
    """Read the data of a message; the others are its CloudEvents attributes.

    `now`, aware, is the time of the delivery. Raises `PermanentError` when the data is no event of
    VideoVector, or its time does not say whether it is the newest.
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
    return Received(fields, Version(_stamp(fields, stated_time, now), event_id, source), raw)


def _stamp(fields: Mapping[str, Any], stated_time: str | None, now: datetime) -> str:
    """The time of the event in the form of a `Version`."""
    made_at = parse_time(fields["created_at"]) or parse_time(stated_time)
    if made_at is None:
        raise PermanentError(
            f"The event has no readable created_at ({str(fields['created_at'])[:50]!r}), so it "
            f"is not known whether it is the newest.",
            owner="vendor",
            code="bad_time",
        )
    if made_at - now > FUTURE_TOLERANCE:
        raise PermanentError(
            f"The event is dated {made_at.isoformat()}, which is more than "
            f"{FUTURE_TOLERANCE.seconds // 60} minutes ahead of the clock here. It would be "
            f"the newest of its target until then. If its time is right, publish it again later.",
            owner="vendor",
            code="future_time",
        )
    return made_at.isoformat(timespec="microseconds")


def _fields_of_stream(data: Mapping[str, Any]) -> dict[str, Any]:
    # Documented fields are always there, if only as null, so that expressions may name them.
    fields: dict[str, Any] = {**dict.fromkeys(DOCUMENTED_FIELDS), **data}
    if fields.get("payload") is None:
        fields["payload"] = {}
    return fields


def _fields_of_delivery(body: Mapping[str, Any]) -> dict[str, Any]:
    payload = body.get("data")
    data = payload if isinstance(payload, dict) else {}
    # As in the payload, like the stream's, where they are ids.
    ids = {name: None if id_ is None else data[name] for name, id_ in extract_ids(data).items()}
    return {
        **dict.fromkeys(DOCUMENTED_FIELDS),
        **ids,
        "user_id": data.get("user_id"),
        "created_at": body.get("created_at"),
        "payload": data,
    }
