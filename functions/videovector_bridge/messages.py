"""Messages beside plain events: claim checks, and what was rejected. All of it is pure."""

import hashlib
from collections.abc import Mapping

from videovector_bridge.backends.ports import MAX_ATTRIBUTE_BYTES, Message
from videovector_bridge.errors import Owner
from videovector_bridge.events import MAX_DATA_BYTES, Event, attributes
from videovector_bridge.redact import redact


def claim_name(event: Event) -> str:
    """Where the data of an event too large for a message is stored; the same at every try."""
    return f"events/{hashlib.sha256(event.id.encode() + b'/' + event.data).hexdigest()}.json"


def claim_message(
    event: Event, data_uri: str, size: int, *, source: str, channel: str, ordering_key: str
) -> Message:
    """The event without its data, which has `size` bytes and is at `data_uri` (a claim check).

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
    """
    names = attributes(event, source=source, channel=channel)
    names |= {"ce-dataref": data_uri, "ce-datasize": str(size)}
    return Message(b"", names, ordering_key)


def rejected_messages(
    raw: bytes, *, owner: Owner, code: str, detail: str, context: Mapping[str, str]
) -> list[Message]:
    """The messages for topic `rejected`: the raw bytes with the reason.

    Attributes: `reason` (`user`, `vendor` or `system`: who can correct it), `code`, `detail`, what
    `context` adds, and `part`/`parts`, counted from 1. Bytes too large for one message are cut
    into several; joined in the order of `part` they are the original, whose `sha256` each has.
    """
    parts = max(1, -(-len(raw) // MAX_DATA_BYTES))
    whole = {"sha256": hashlib.sha256(raw).hexdigest()} if parts > 1 else {}
    shared = rejection_attributes(owner=owner, code=code, detail=detail, context=context)
    return [
        Message(
            raw[index * MAX_DATA_BYTES : (index + 1) * MAX_DATA_BYTES],
            shared | whole | {"part": str(index + 1), "parts": str(parts)},
        )
        for index in range(parts)
    ]


def rejection_attributes(
    *, owner: Owner, code: str, detail: str, context: Mapping[str, str]
) -> dict[str, str]:
    """The attributes of a rejected message within the limits of Pub/Sub, without empty ones."""
    values = {"reason": owner, "code": code, "detail": redact(detail)} | dict(context)
    return {name: _fit(value) for name, value in values.items() if value}


def _fit(value: str) -> str:
    """`value` as printable ASCII within the limit of an attribute."""
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in value)
    return text[:MAX_ATTRIBUTE_BYTES].strip() or "?"
