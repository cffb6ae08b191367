"""Restore the event of a rejected message or a dead letter, to publish it again. Pure.

`cli` and the local stack import it. The copy has the event's data byte for byte and the same
CloudEvents attributes, without what the rejection, or Pub/Sub, has added.
"""

from collections.abc import Mapping
from typing import Final

from videovector_bridge.backends.ports import Message
from videovector_bridge.events import (
    MAX_DATA_BYTES,
    REDRIVE_TO,
    Event,
    decode_event,
    decode_head,
    entity_lane,
    event_message,
    lane,
    lane_key,
)
from videovector_bridge.trace import TRACEPARENT, TRACESTATE

ADDED_BY_PUBSUB: Final = "CloudPubSubDeadLetter"
"""The prefix of the attributes that Pub/Sub adds to a dead letter.

https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
"""
HEAD_BYTES: Final = 1_048_576
"""The beginning of a large event that `restore_frame` decodes."""

_PREFIX: Final = "ce-"
_JSON: Final = "application/json"
_STREAM: Final = "stream"


def is_event(attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes is a CloudEvent."""
    return all(attributes.get(name) for name in ("ce-id", "ce-source", "ce-type"))


def is_frame(attributes: Mapping[str, str]) -> bool:
    """Whether a rejected message is of a whole event of the stream that was too large.

    It has no CloudEvents attributes; its data, all parts joined, is the event.
    """
    return (
        not is_event(attributes)
        and attributes.get("code") == "too_large"
        and bool(attributes.get("stream") and attributes.get("source"))
    )


def restore_rejected(message: Message, *, lanes: int, to: str = "") -> Message:
    """Return the event of a rejected message, whose data must be whole. A claim check has no data.

    With `to`, only the function of this action acts on it. Raises `ValueError` if the message has
    only a part of the data, or is no event.
    """
    attributes = message.attributes
    if not is_event(attributes):
        raise ValueError("The message is no event: it lacks ce-id, ce-source or ce-type.")
    has_reference = bool(attributes.get("ce-dataref"))
    if attributes.get("parts", "1") != "1" and not has_reference:
        raise ValueError("The message has only a part of the event; join all parts first.")
    restored = {name: value for name, value in attributes.items() if name.startswith(_PREFIX)}
    data = b"" if has_reference else message.data
    return _address(restored | {"content-type": _JSON}, data, "", lanes, to)


def restore_dead_letter(message: Message, *, lanes: int, to: str = "") -> Message:
    """Return the message that became a dead letter. Never raises."""
    restored = {
        name: value
        for name, value in message.attributes.items()
        if not name.startswith(ADDED_BY_PUBSUB)
    }
    return _address(restored, message.data, message.ordering_key, lanes, to)


def restore_frame(
    attributes: Mapping[str, str], data: bytes, size: int, *, lanes: int, to: str = ""
) -> Message:
    """Return the event of a frame with `size` bytes. Raises `ValueError` if it is no event.

    `data` is the frame, or at least its first `HEAD_BYTES` if it is too large for a message; then
    the result has no data.
    """
    event = decode_event(data) if size <= MAX_DATA_BYTES else decode_head(data[:HEAD_BYTES])
    if not isinstance(event, Event):
        raise ValueError(f"The data is no event: {event.detail}.")  # noqa: TRY004 - of any JSON
    source = attributes["source"]
    trace = {name: attributes[name] for name in (TRACEPARENT, TRACESTATE) if name in attributes}
    message = event_message(event, source=source, channel=_STREAM, ordering_key="", trace=trace)
    key = lane_key(lane(event, lanes))
    return _address(message.attributes, message.data, key, lanes, to)


def as_claim_check(message: Message, uri: str, size: int) -> Message:
    """Return the message without its data, which is `size` bytes at `uri`."""
    reference = {"ce-dataref": uri, "ce-datasize": str(size)}
    return Message(b"", {**message.attributes, **reference}, message.ordering_key)


def _address(
    attributes: Mapping[str, str], data: bytes, ordering_key: str, lanes: int, to: str
) -> Message:
    """Return the message for the function of action `to`; empty: for every subscription."""
    values = {name: value for name, value in attributes.items() if name != REDRIVE_TO}
    if to:
        values[REDRIVE_TO] = to
    if not ordering_key and is_event(values):
        ordering_key = lane_key(entity_lane(values, lanes))
    return Message(data, values, ordering_key)
