"""Format a message as a line for a person, or as a JSON object. Pure.

Values are redacted. Data is shown on request, shortened, with the values of secret fields hidden:
a signed URL is never in a line.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.events import ENTITY_IDS, TYPE_PREFIX, parse_time
from videovector_bridge.redact import clean_json, clean_text, redact_all

_NOT_JSON: Final = "not JSON, not shown"
_SOURCE_OF_DEAD_LETTER: Final = "CloudPubSubDeadLetterSourceSubscription"
# Attributes of rejected messages, and of dead letters, after the ids.
_MORE: Final = ("code", "action", "automation", _SOURCE_OF_DEAD_LETTER)
_SHORT: Final = {_SOURCE_OF_DEAD_LETTER: "from"}


def event_type(attributes: Mapping[str, str]) -> str:
    """Return the event type without its prefix; empty if the message has none."""
    return attributes.get("ce-type", "").removeprefix(TYPE_PREFIX)


def lag_seconds(message: PulledMessage) -> float | None:
    """Return the seconds from the event's creation to its publication; None without a time."""
    created_at = parse_time(message.message.attributes.get("ce-time"))
    return None if created_at is None else (message.published_at - created_at).total_seconds()


def format_line(message: PulledMessage, *, with_data: bool) -> str:
    """Return one line: publish time, type, channel, ids, lag, and what a rejection has."""
    attributes = message.message.attributes
    type_, channel = event_type(attributes), attributes.get("ce-channel", "")
    lag = lag_seconds(message)
    rest = [
        *_format_ids(attributes),
        *([] if lag is None else [f"lag={_format_lag(lag)}"]),
        *(f"{_SHORT.get(name, name)}={attributes[name]}" for name in _MORE if name in attributes),
    ]
    line = (
        f"{message.published_at.astimezone(UTC):%H:%M:%S}  {clean_text(type_) or '-':<30}  "
        f"{clean_text(channel) or '-':<8}  {clean_text(' '.join(rest), limit=1_000)}"
    )
    if with_data:
        line += f"\n  {orjson.dumps(show_data(message.message.data)).decode()}"
    return line


def _format_ids(attributes: Mapping[str, str]) -> Iterator[str]:
    for name in ENTITY_IDS:
        if value := attributes.get("ce-" + name.replace("_", "")):
            yield f"{name.removesuffix('_id')}={value}"
    yield f"id={attributes.get('ce-id', '-')}"


def _format_lag(seconds: float) -> str:
    if abs(seconds) < 100:
        return f"{seconds:.1f}s"
    return f"{seconds / 60:.0f}m" if abs(seconds) < 6_000 else f"{seconds / 3_600:.0f}h"


def as_json(message: PulledMessage, *, with_data: bool) -> dict[str, Any]:
    """Return the message as a JSON object: times in ISO 8601, lag in seconds."""
    attributes = message.message.attributes
    value: dict[str, Any] = {
        "published_at": format_time(message.published_at),
        "type": event_type(attributes),
        "channel": attributes.get("ce-channel", ""),
        "id": attributes.get("ce-id", ""),
        "lag_seconds": lag_seconds(message),
        "message_id": message.message_id,
        "ordering_key": message.message.ordering_key,
        "attributes": redact_all(dict(attributes)),
    }
    if with_data:
        value["data"] = show_data(message.message.data)
    return value


def format_time(time: datetime) -> str:
    """Return a time in ISO 8601 with milliseconds, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_data(data: bytes) -> Any:
    """Return data for people: JSON, redacted and shortened; None if there is none."""
    if not data:
        return None
    try:
        return clean_json(orjson.loads(data))
    except orjson.JSONDecodeError:
        return f"{len(data):,} bytes, {_NOT_JSON}"
