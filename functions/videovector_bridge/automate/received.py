"""Parse the CloudEvent of a push request, and the event of VideoVector in it. Pure.

The subscriptions of the bridge push without a wrapper. So a request is a CloudEvent over HTTP, in
binary or in structured mode:
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

Automations see an event in the same form for every channel. It is the form of the stream's events
("Processing event stream" in the vendor's API reference). A webhook's delivery is `{"id", "event",
"data", "created_at", ...}`: its `data` becomes the payload, and the ids of user, run, video,
segment and index are copied beside the payload. An event that takes the place of one that never
came has the form of that one.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from videovector_bridge.automate.effects.record import Version
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import DOCUMENTED_FIELDS, TYPE_PREFIX, extract_ids, parse_time
from videovector_bridge.work import origin_channel

# Clocks differ. An event from the future would stay the newest of its target until its time.
FUTURE_TOLERANCE: Final = timedelta(minutes=10)

_STRUCTURED: Final = "application/cloudevents+json"
_PREFIX: Final = "ce-"
_REQUIRED: Final = ("ce-id", "ce-source", "ce-specversion", "ce-type")
_SIZE: Final = re.compile(r"[0-9]{1,12}")
_NO_DATA: Final = (b"", b"null")


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A CloudEvent as Pub/Sub delivered it.

    `attributes` are its attributes in the form of a Pub/Sub message (`ce-id`, ...). `time` is empty
    if the event states none.
    """

    id: str
    source: str
    type: str
    time: str
    channel: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)

    @property
    def data_ref(self) -> str:
        """The URI of the data (claim check); empty if the message has the data."""
        return self.attributes.get("ce-dataref", "") if self.data in _NO_DATA else ""

    @property
    def data_size(self) -> int:
        """The size of the data in bytes, as the message states it."""
        stated = parse_size(self.attributes.get("ce-datasize", ""))
        return stated if self.data_ref and stated is not None else len(self.data)


def parse_size(text: str) -> int | None:
    """Parse a number of bytes. Returns None for any other text."""
    return int(text) if _SIZE.fullmatch(text) else None


def parse_message(headers: Mapping[str, str], body: bytes) -> IncomingMessage:
    """Parse a push request. Raises `PermanentError` if it is not a CloudEvent.

    The names of `headers` may have any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if lower.get("content-type", "").partition(";")[0].strip().lower() == _STRUCTURED:
        return _parse_structured(body)
    attributes = {name: value for name, value in lower.items() if name.startswith(_PREFIX)}
    if "content-type" in lower:
        attributes["content-type"] = lower["content-type"]
    return _build_message(attributes, body)


def _parse_structured(body: bytes) -> IncomingMessage:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise _not_a_cloud_event("Its body is not a JSON object")
    attributes = {
        _PREFIX + name.lower(): value
        for name, value in event.items()
        if isinstance(value, str) and name not in ("data", "data_base64", "datacontenttype")
    }
    attributes["content-type"] = "application/json"
    return _build_message(attributes, _extract_data(event))


def _extract_data(event: Mapping[str, Any]) -> bytes:
    if isinstance(event.get("data_base64"), str):
        try:
            return b64decode(event["data_base64"], validate=True)
        except ValueError:
            raise _not_a_cloud_event("Its data_base64 is not base64") from None
    if event.get("data") is None:
        return b""
    try:
        return orjson.dumps(event["data"])
    except orjson.JSONEncodeError:
        raise PermanentError(
            "The data of the event is nested too deeply.", owner="vendor", code="too_deep"
        ) from None


def _build_message(attributes: Mapping[str, str], data: bytes) -> IncomingMessage:
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        raise _not_a_cloud_event(f"It has no {', '.join(missing)}")
    if not attributes["ce-specversion"].startswith("1."):
        raise _not_a_cloud_event(f"Its version is {attributes['ce-specversion'][:20]!r}, not 1.0")
    return IncomingMessage(
        id=attributes["ce-id"],
        source=attributes["ce-source"],
        type=attributes["ce-type"],
        time=attributes.get("ce-time", ""),
        channel=attributes.get("ce-channel") or "stream",
        data=data,
        attributes=attributes,
    )


def _not_a_cloud_event(what: str) -> PermanentError:
    return PermanentError(
        f"The request is not a CloudEvent. {what}. If this is so for all requests, the "
        f"subscription wraps its messages: let it unwrap them and write metadata.",
        owner="user",
        code="foreign_type",
    )


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event: its fields for expressions, its version, and the raw data.

    `replacement` identifies the event that was published in its place, if it comes late.
    """

    fields: Mapping[str, Any]
    version: Version
    raw: bytes
    replacement: Version | None = None


def parse_event(
    raw: bytes,
    *,
    event_id: str,
    source: str,
    event_type: str,
    channel: str,
    stated_time: str | None,
    now: datetime,
) -> ReceivedEvent:
    """Parse the data of a message. The other parameters are its CloudEvents attributes.

    `now` is the time of the delivery, with its time zone. Raises `PermanentError` if the data is
    not an event of VideoVector, or if its time is missing or in the future.
    """
    if not event_type.startswith(TYPE_PREFIX):
        raise PermanentError(
            f"A message of type {event_type[:100]!r} is not an event of VideoVector. If this is "
            f"so for all messages, the subscription wraps them: let it unwrap them and write "
            f"metadata.",
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
    bare_type = event_type.removeprefix(TYPE_PREFIX)
    is_delivery = origin_channel(bare_type, channel) == "webhook"
    fields = _fields_of_delivery(data) if is_delivery else _fields_of_stream(data)
    fields["event_type"] = bare_type
    fields["event_id"] = event_id
    fields["channel"] = channel
    return ReceivedEvent(
        fields, Version(_format_time(fields, stated_time, now), event_id, source), raw
    )


def _format_time(fields: Mapping[str, Any], stated_time: str | None, now: datetime) -> str:
    """Return the time of the event, in the form that `Version` needs."""
    made_at = parse_time(fields["created_at"]) or parse_time(stated_time)
    if made_at is None:
        raise PermanentError(
            f"The created_at of the event ({str(fields['created_at'])[:50]!r}) is not a time, so "
            f"the order of events is unknown.",
            owner="vendor",
            code="bad_time",
        )
    if made_at - now > FUTURE_TOLERANCE:
        raise PermanentError(
            f"The event's time is {made_at.isoformat()}, more than "
            f"{FUTURE_TOLERANCE.seconds // 60} minutes in the future. It would be the newest event "
            f"of its target until then. If its time is right, publish it again later.",
            owner="vendor",
            code="future_time",
        )
    return made_at.isoformat(timespec="microseconds")


def _fields_of_stream(data: Mapping[str, Any]) -> dict[str, Any]:
    # Documented fields are always present, possibly null, so that expressions may name them.
    fields: dict[str, Any] = {**dict.fromkeys(DOCUMENTED_FIELDS), **data}
    if fields.get("payload") is None:
        fields["payload"] = {}
    return fields


def _fields_of_delivery(body: Mapping[str, Any]) -> dict[str, Any]:
    payload = body.get("data")
    data = payload if isinstance(payload, dict) else {}
    # The original values, as in events of the stream, but only for valid ids.
    ids = {name: None if id_ is None else data[name] for name, id_ in extract_ids(data).items()}
    return {
        **dict.fromkeys(DOCUMENTED_FIELDS),
        **ids,
        "user_id": data.get("user_id"),
        "created_at": body.get("created_at"),
        "payload": data,
    }
