"""What arrives: the CloudEvent of a push request, and the event of VideoVector in it. Pure.

The subscriptions of the bridge push without a wrapper, so that a request is a CloudEvent over HTTP
in binary mode, or in structured mode:
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

Automations see an event in one shape, whatever its channel. The stream's events have that shape
("Processing event stream" in the vendor's API reference). A webhook's delivery is `{"id", "event",
"data", "created_at", ...}`: its `data` is the payload, and the ids of user, run, video, segment and
index are copied beside it.
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

# Clocks differ. An event from further ahead would be the newest of its target until then.
FUTURE_TOLERANCE: Final = timedelta(minutes=10)

_STRUCTURED: Final = "application/cloudevents+json"
_PREFIX: Final = "ce-"
_REQUIRED: Final = ("ce-id", "ce-source", "ce-specversion", "ce-type")
_SIZE: Final = re.compile(r"[0-9]{1,12}")
_NO_DATA: Final = (b"", b"null")


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A CloudEvent as it was delivered.

    `attributes` has all of its attributes as those of a Pub/Sub message (`ce-id`, ...). `time` is
    empty where the event states none. `data_ref` is where the data is when the message has none
    (claim check), `data_size` its bytes as far as they are stated, else 0.
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
        """Where the data is; empty where the message has it."""
        return self.attributes.get("ce-dataref", "") if self.data in _NO_DATA else ""

    @property
    def data_size(self) -> int:
        """The bytes of the data, as far as the message says."""
        stated = parse_size(self.attributes.get("ce-datasize", ""))
        return stated if self.data_ref and stated is not None else len(self.data)


def parse_size(text: str) -> int | None:
    """A number of bytes; None if it is none."""
    return int(text) if _SIZE.fullmatch(text) else None


def parse_message(headers: Mapping[str, str], body: bytes) -> IncomingMessage:
    """Read the message of a push request. Raises `PermanentError` where it is no CloudEvent.

    The names of `headers` may have any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if lower.get("content-type", "").partition(";")[0].strip().lower() == _STRUCTURED:
        return _from_structured(body)
    attributes = {name: value for name, value in lower.items() if name.startswith(_PREFIX)}
    if "content-type" in lower:
        attributes["content-type"] = lower["content-type"]
    return _message(attributes, body)


def _from_structured(body: bytes) -> IncomingMessage:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise _foreign("Its body is not a JSON object")
    attributes = {
        _PREFIX + name.lower(): value
        for name, value in event.items()
        if isinstance(value, str) and name not in ("data", "data_base64", "datacontenttype")
    }
    attributes["content-type"] = "application/json"
    return _message(attributes, _structured_data(event))


def _structured_data(event: Mapping[str, Any]) -> bytes:
    if isinstance(event.get("data_base64"), str):
        try:
            return b64decode(event["data_base64"], validate=True)
        except ValueError:
            raise _foreign("Its data_base64 is not base64") from None
    if event.get("data") is None:
        return b""
    try:
        return orjson.dumps(event["data"])
    except orjson.JSONEncodeError:
        raise PermanentError(
            "The data of the event is nested too deeply.", owner="vendor", code="too_deep"
        ) from None


def _message(attributes: Mapping[str, str], data: bytes) -> IncomingMessage:
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        raise _foreign(f"It has no {', '.join(missing)}")
    if not attributes["ce-specversion"].startswith("1."):
        raise _foreign(f"Its version is {attributes['ce-specversion'][:20]!r}, not 1.0")
    return IncomingMessage(
        id=attributes["ce-id"],
        source=attributes["ce-source"],
        type=attributes["ce-type"],
        time=attributes.get("ce-time", ""),
        channel=attributes.get("ce-channel") or "stream",
        data=data,
        attributes=attributes,
    )


def _foreign(what: str) -> PermanentError:
    return PermanentError(
        f"The request is not a CloudEvent. {what}. If all are so, the subscription wraps its "
        f"messages: unwrap them, with metadata.",
        owner="user",
        code="foreign_type",
    )


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
