"""VideoVector's events as values: decode one, and build the Pub/Sub message that carries it.

Pure; every room may import it. The data of an event is published byte for byte; decoding reads
only the fields for routing. CloudEvents 1.0, Pub/Sub protocol binding, binary mode:
https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from zlib import crc32

import orjson

from videovector_bridge.errors import Owner

TYPE_PREFIX: Final = "com.vectormethods."
TEST: Final = "test"  # the type of the vendor's test deliveries
NAMELESS: Final = "unknown"  # the webhook of a delivery that names none
# An id becomes an attribute, with a prefix in `ce-subject`; Pub/Sub allows 1,024 bytes there.
MAX_ID_BYTES: Final = 900
# The most data of one message: below Pub/Sub's 10,000,000 bytes, with room for the attributes.
MAX_DATA_BYTES: Final = 9_500_000

ENTITY_IDS: Final = ("run_id", "video_id", "segment_id", "index_id")
"""The fields that identify the entities of an event."""

_IDS: Final = ("event_id", "event_type", *ENTITY_IDS)
DOCUMENTED_FIELDS: Final = (*_IDS, "user_id", "created_at")
"""The fields of every event besides `payload`, from the vendor's API reference."""

REDRIVE_TO: Final = "ce-redriveto"
"""The attribute of a redriven event that only the function of one action acts on: that action."""


# Allowed in the path of a URI besides letters, digits and -._~ (RFC 3986, pchar).
_PATH_SAFE: Final = "!$&'()*+,;=:@"
# A `created_at` in another form is converted to this one, or omitted from the attributes.
_RFC3339: Final = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_BLANKS: Final = b" \t\r\n"
_SCALAR_PAIR: Final = re.compile(
    rb'[ \t\r\n]*("(?:[^"\\]|\\.){0,2000}"[ \t\r\n]*:[ \t\r\n]*'
    rb'(?:"(?:[^"\\]|\\.){0,2000}"|[a-z]{4,5}|-?[0-9][0-9.eE+-]{0,40}))[ \t\r\n]*,'
)


class Event(NamedTuple):
    """One event that can be published. `data` is the vendor's JSON object, byte for byte.

    A named tuple, like all values created per event: a frozen dataclass takes four times as long.
    """

    id: str
    type: str
    created_at: str | None
    segment_id: str | None
    video_id: str | None
    run_id: str | None
    index_id: str | None
    data: bytes


class Message(NamedTuple):
    """One message for a topic: data byte for byte, and attributes (ASCII, <= 1,024 bytes each)."""

    data: bytes
    attributes: Mapping[str, str] = MappingProxyType({})
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason why bytes cannot be published as an event. `code` is a stable word."""

    code: str
    detail: str
    owner: Owner = "vendor"


def decode_event(data: bytes) -> Event | Rejection:
    """Decode one event of VideoVector's stream. Any bytes give an event or a rejection.

    Source: "Processing event stream" in the vendor's "Advanced public utilities".
    """
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return Rejection("bad_json", str(error))
    if type(fields) is not dict:
        return Rejection("not_an_object", f"the data is a JSON {type(fields).__name__}")
    return _event_from(fields, data)


def decode_head(head: bytes) -> Event | Rejection:
    """Decode an event from the beginning of its JSON, up to the first field that is not a scalar.

    For an event too large to decode: the vendor writes `payload` last. The result has no data.
    """
    fields = leading_scalars(head)
    return fields if isinstance(fields, Rejection) else _event_from(fields, b"")


def leading_scalars(head: bytes) -> dict[str, Any] | Rejection:
    """Decode the fields of a JSON object up to the first that is not a scalar."""
    fields: dict[str, Any] = {}
    at = 1 if head.lstrip(_BLANKS)[:1] == b"{" else len(head)
    at += len(head) - len(head.lstrip(_BLANKS))
    while pair := _SCALAR_PAIR.match(head, at):
        try:
            fields |= orjson.loads(b"{" + pair[1] + b"}")
        except orjson.JSONDecodeError as error:
            return Rejection("bad_json", str(error))
        at = pair.end()
    return fields


def _event_from(fields: dict[str, Any], data: bytes) -> Event | Rejection:
    ids = [fields.get(name) for name in _IDS]
    if not _are_plainly_safe(ids):
        for index, name in enumerate(_IDS):
            value = ids[index]
            ids[index] = id_text(value)
            if value is not None and ids[index] is None:
                detail = f"{name} is not 1 to {MAX_ID_BYTES} printable ASCII characters"
                return Rejection("bad_id", detail)
    event_id, event_type, run_id, video_id, segment_id, index_id = ids
    if event_id is None:
        return Rejection("missing_id", "event_id is missing or null")
    if event_type is None:
        return Rejection("missing_type", "event_type is missing or null")
    created_at = fields.get("created_at")
    created_at = created_at if type(created_at) is str else None
    return Event(event_id, event_type, created_at, segment_id, video_id, run_id, index_id, data)


def _are_plainly_safe(ids: list[Any]) -> bool:
    """Whether one check of all ids together shows that each is safe, as for most events."""
    texts = [value for value in ids if value is not None]
    try:
        joined = "".join(texts)
    except TypeError:
        return False
    return (
        len(joined) <= MAX_ID_BYTES
        and joined.isascii()
        and " " not in joined
        and "" not in texts
        and joined.isprintable()
    )


def id_text(value: object) -> str | None:
    """Return the id as text if it can be an attribute, or None. A number is accepted too."""
    if type(value) is int:
        value = str(value)
    return value if type(value) is str and _is_header_safe(value) else None


def extract_ids(data: Mapping[str, Any]) -> dict[str, str | None]:
    """Extract the ids from the `data` of a delivery; None for one that cannot be an attribute."""
    return {name: id_text(data.get(name)) for name in ENTITY_IDS}


def _is_header_safe(value: str) -> bool:
    # Attributes of an unwrapped push become HTTP headers, which lose blanks at both ends.
    return (
        0 < len(value) <= MAX_ID_BYTES
        and value.isascii()
        and value.isprintable()
        and value[0] != " " != value[-1]
    )


def parse_time(created_at: object) -> datetime | None:
    """Parse `created_at` (ISO 8601; UTC without a zone); None for anything else."""
    if not isinstance(created_at, str):
        return None
    try:
        time = datetime.fromisoformat(created_at)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def attributes(
    event: Event, *, source: str, channel: str, trace: Mapping[str, str]
) -> dict[str, str]:
    """Return the CloudEvents attributes of a Pub/Sub message that carries `event`.

    `source` is `//<api host>/processing/events` or `//<api host>/webhooks/<webhook_id>`. `trace`
    has the attributes of the message's span (`Trace.new_span`).
    """
    names = {
        "ce-id": event.id,
        "ce-source": source,
        "ce-specversion": "1.0",
        "ce-type": TYPE_PREFIX + event.type,
        "ce-channel": channel,
        "content-type": "application/json",
        **trace,
    }
    # From the widest entity to the narrowest, so that the narrowest is the subject.
    subject = ""
    if event.index_id is not None:
        names["ce-indexid"] = event.index_id
        subject = "indexes/" + event.index_id
    if event.run_id is not None:
        names["ce-runid"] = event.run_id
        subject = "runs/" + event.run_id
    if event.video_id is not None:
        names["ce-videoid"] = event.video_id
        subject = "videos/" + event.video_id
    if event.segment_id is not None:
        names["ce-segmentid"] = event.segment_id
        subject = "segments/" + event.segment_id
    if subject:
        names["ce-subject"] = subject
    time = _rfc3339(event.created_at)
    if time is not None:
        names["ce-time"] = time
    return names


def webhook_source(api_host: str, webhook_id: str) -> str:
    """Return the `ce-source` of a webhook's events: the API host and the webhook."""
    return f"//{api_host}/webhooks/{quote(webhook_id, safe=_PATH_SAFE)}"


def is_test_event(attributes: Mapping[str, str], webhook_id: str) -> bool:
    """Whether a message is a test event of this webhook, or of a webhook without an id."""
    source = attributes.get("ce-source", "").rpartition("/webhooks/")[2]
    accepted = {quote(webhook_id, safe=_PATH_SAFE), NAMELESS}
    return attributes.get("ce-type") == TYPE_PREFIX + TEST and source in accepted


def _rfc3339(created_at: str | None) -> str | None:
    if created_at is None:
        return None
    is_rfc3339 = _RFC3339.fullmatch(created_at) is not None
    if is_rfc3339 and created_at[8:10] < "29":  # a day that every month has
        return created_at
    time = parse_time(created_at)
    if time is None:
        return None
    return created_at if is_rfc3339 else time.isoformat()


def event_message(
    event: Event, *, source: str, channel: str, ordering_key: str, trace: Mapping[str, str]
) -> Message:
    """Return the event as a CloudEvent in binary mode, its data byte for byte."""
    names = attributes(event, source=source, channel=channel, trace=trace)
    return Message(event.data, names, ordering_key)


def lane(event: Event, lanes: int) -> int:
    """Return the lane of an event, 0 to `lanes` - 1: by its run, else video, else index."""
    entity = event.run_id or event.video_id or event.index_id or event.id
    return crc32(entity.encode()) % lanes


def entity_lane(attributes: Mapping[str, str], lanes: int) -> int:
    """Return the lane of an event by the attributes of its message: the same as `lane`."""
    names = ("ce-runid", "ce-videoid", "ce-indexid", "ce-id")
    entity = next(value for name in names if (value := attributes.get(name)))
    return crc32(entity.encode()) % lanes


def lane_key(index: int) -> str:
    """Return the ordering key of a lane."""
    return f"lane-{index:02d}"


def bridge_event(
    event_type: str,
    event_id: str,
    created_at: datetime,
    payload: Mapping[str, Any],
    ids: Mapping[str, str | None] = MappingProxyType({}),
) -> Event:
    """Return an event of the bridge (`bridge.stream.gap`) in the vendor's form, with `ids`."""
    time = created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    fields = {
        "event_id": event_id,
        "event_type": event_type,
        **{name: ids.get(name) for name in ("user_id", *ENTITY_IDS)},
        "created_at": time,
        "payload": payload,
    }
    return Event(event_id, event_type, time, **extract_ids(ids), data=orjson.dumps(fields))
