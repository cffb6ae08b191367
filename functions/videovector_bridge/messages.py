"""The messages that the bridge publishes: events, claim checks, and what was rejected."""

import hashlib
from collections.abc import Mapping
from typing import Final

from videovector_bridge.backends.ports import MAX_ATTRIBUTE_BYTES, Message
from videovector_bridge.errors import Owner
from videovector_bridge.events import Event, attributes
from videovector_bridge.redact import redact

# Below Pub/Sub's 10,000,000 bytes a message, with room for the attributes.
MAX_DATA_BYTES: Final = 9_500_000


def event_message(event: Event, *, source: str, channel: str, ordering_key: str) -> Message:
    """The event as a CloudEvent in binary mode; its data byte for byte."""
    return Message(event.data, attributes(event, source=source, channel=channel), ordering_key)


def claim_name(event: Event) -> str:
    """Where the data of an event too large for a message is stored; the same at every try."""
    return f"events/{hashlib.sha256(event.id.encode() + b'/' + event.data).hexdigest()}.json"


def claim_message(
    event: Event, data_uri: str, *, source: str, channel: str, ordering_key: str
) -> Message:
    """The event without its data, which is at `data_uri`.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
    """
    found = attributes(event, source=source, channel=channel) | {"ce-dataref": data_uri}
    return Message(b"", found, ordering_key)


def rejected_messages(
    raw: bytes, *, owner: Owner, code: str, detail: str, context: Mapping[str, str]
) -> list[Message]:
    """The messages for topic `rejected`: the raw bytes with the reason.

    Attributes: `reason` (`user`, `vendor` or `system`: who can mend it), `code`, `detail`, what
    `context` adds, and `part`/`parts`, counted from 1. Bytes too large for one message are cut
    into several; joined in the order of `part` they are the original.
    """
    parts = max(1, -(-len(raw) // MAX_DATA_BYTES))
    shared = {"reason": owner, "code": code, "detail": redact(detail)} | dict(context)
    shared = {name: _fit(value) for name, value in shared.items() if value}
    return [
        Message(
            raw[index * MAX_DATA_BYTES : (index + 1) * MAX_DATA_BYTES],
            shared | {"part": str(index + 1), "parts": str(parts)},
        )
        for index in range(parts)
    ]


def _fit(value: str) -> str:
    """`value` as printable ASCII within the limit of an attribute."""
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in value)
    return text[:MAX_ATTRIBUTE_BYTES].strip() or "?"
