"""Events that an operator has at hand, read as a subscriber would receive them. Pure.

Each is the stream's JSON, the body of a webhook's delivery, or a message as `gcloud pubsub
subscriptions pull --format=json` prints it.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from videovector_bridge.automate.received import ReceivedEvent, parse_event
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import Event, Rejection, attributes, decode_event
from videovector_bridge.ingest.delivery import CHANNEL as WEBHOOK
from videovector_bridge.ingest.delivery import decode_delivery


def split(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Each event of a file, with its number from 1: lines of JSON, one document, or a list."""
    try:
        whole = orjson.loads(content)
    except orjson.JSONDecodeError:
        lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        yield from ((number, line) for number, line in lines if line.strip())
        return
    if isinstance(whole, list):
        yield from ((number, orjson.dumps(each)) for number, each in enumerate(whole, 1))
    else:
        yield 1, content


def read_event(given: bytes) -> ReceivedEvent:
    """Read one event. Raises `PermanentError` if the bridge would reject it, or never see it."""
    try:
        fields = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise _unusable("bad_json", str(error)) from None
    if isinstance(fields, dict):
        message = fields.get("message", fields)
        if isinstance(message, dict) and isinstance(message.get("attributes"), dict):
            return _from_message(message)
        if "event" in fields and "event_type" not in fields:
            return _from_event(decode_delivery(given), WEBHOOK)
    return _from_event(decode_event(given), "stream")


def _from_event(event: Event | Rejection, channel: str) -> ReceivedEvent:
    if isinstance(event, Rejection):
        raise PermanentError(event.detail, owner=event.owner, code=event.code)
    return _received(event.data, attributes(event, source="", channel=channel))


def _from_message(message: Mapping[str, Any]) -> ReceivedEvent:
    held = message["attributes"]
    if not all(isinstance(held.get(name), str) for name in ("ce-id", "ce-type")):
        raise _unusable("foreign_message", "the message has no attributes ce-id and ce-type")
    if held.get("ce-dataref") and not message.get("data"):
        raise _unusable("data_elsewhere", f"its data is not here but at {held['ce-dataref']}")
    try:
        data = b64decode(message.get("data") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _unusable("bad_data", "the data of the message is not base64") from None
    return _received(data, held)


def _received(data: bytes, attributes_: Mapping[str, str]) -> ReceivedEvent:
    return parse_event(
        data,
        event_id=attributes_["ce-id"],
        source=attributes_.get("ce-source", ""),
        event_type=attributes_["ce-type"],
        channel=attributes_.get("ce-channel") or "stream",
        stated_time=attributes_.get("ce-time"),
        now=datetime.now(UTC),
    )


def _unusable(code: str, detail: str) -> PermanentError:
    return PermanentError(detail, owner="user", code=code)
