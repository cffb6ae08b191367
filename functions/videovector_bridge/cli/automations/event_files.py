"""Parse events from a file, as a subscriber would receive them. All functions are pure.

An event is the JSON of the stream, the body of a webhook delivery, or a message as `gcloud pubsub
subscriptions pull --format=json` prints it.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from videovector_bridge.automate import received
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import Event, Rejection, attributes, decode_event
from videovector_bridge.ingest.delivery import CHANNEL as WEBHOOK
from videovector_bridge.ingest.delivery import decode_delivery


def split_events(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each event of JSON Lines, one document, or a list; with its number from 1."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        yield from ((number, line) for number, line in lines if line.strip())
        return
    if isinstance(document, list):
        yield from ((number, orjson.dumps(event)) for number, event in enumerate(document, 1))
    else:
        yield 1, content


def parse_event(text: bytes) -> ReceivedEvent:
    """Parse one event. Raises `PermanentError` if the bridge would reject or never receive it."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _rejected("bad_json", str(error)) from None
    if isinstance(fields, dict):
        message = fields.get("message", fields)
        if isinstance(message, dict) and isinstance(message.get("attributes"), dict):
            return _from_message(message)
        if "event" in fields and "event_type" not in fields:
            return _from_event(decode_delivery(text), WEBHOOK)
    return _from_event(decode_event(text), "stream")


def _from_event(event: Event | Rejection, channel: str) -> ReceivedEvent:
    if isinstance(event, Rejection):
        raise PermanentError(event.detail, owner=event.owner, code=event.code)
    return _receive(event.data, attributes(event, source="", channel=channel, trace={}))


def _from_message(message: Mapping[str, Any]) -> ReceivedEvent:
    message_attributes = message["attributes"]
    if not all(isinstance(message_attributes.get(name), str) for name in ("ce-id", "ce-type")):
        raise _rejected("foreign_message", "the message has no attributes ce-id and ce-type")
    reference = message_attributes.get("ce-dataref")
    if reference and not message.get("data"):
        raise _rejected("data_elsewhere", f"its data is not in this message but at {reference}")
    try:
        data = b64decode(message.get("data") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise _rejected("bad_data", "the data of the message is not base64") from None
    return _receive(data, message_attributes)


def _receive(data: bytes, message_attributes: Mapping[str, str]) -> ReceivedEvent:
    return received.parse_event(
        data,
        event_id=message_attributes["ce-id"],
        source=message_attributes.get("ce-source", ""),
        event_type=message_attributes["ce-type"],
        channel=message_attributes.get("ce-channel") or "stream",
        stated_time=message_attributes.get("ce-time"),
        now=datetime.now(UTC),
    )


def _rejected(code: str, detail: str) -> PermanentError:
    return PermanentError(detail, owner="user", code=code)
