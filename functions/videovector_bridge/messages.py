"""Build claim checks and rejected messages. Pure. `ingest`, `automate` and `cli` import it."""

import hashlib
from collections.abc import Mapping

from videovector_bridge.backends.ports import MAX_ATTRIBUTE_BYTES, Message
from videovector_bridge.errors import Owner
from videovector_bridge.events import MAX_DATA_BYTES, Event, attributes
from videovector_bridge.redact import redact


def claim_name(event: Event) -> str:
    """Return the object name for data too large for a message; the same at every attempt."""
    return f"events/{hashlib.sha256(event.id.encode() + b'/' + event.data).hexdigest()}.json"


def claim_message(
    event: Event,
    data_uri: str,
    size: int,
    *,
    source: str,
    channel: str,
    ordering_key: str,
    trace: Mapping[str, str],
) -> Message:
    """Return a claim check: the event without its data, which is `size` bytes at `data_uri`.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
    """
    names = attributes(event, source=source, channel=channel, trace=trace)
    names |= {"ce-dataref": data_uri, "ce-datasize": str(size)}
    return Message(b"", names, ordering_key)


def rejected_messages(
    raw: bytes, *, owner: Owner, code: str, detail: str, context: Mapping[str, str]
) -> list[Message]:
    """Return the messages for topic `rejected`: the raw bytes with the reason.

    Attributes: `reason` (`user`, `vendor` or `system` can correct it), `code`, `detail`, those of
    `context`, and `part`/`parts`, from 1. Bytes too large for one message are split into several.
    Joined in the order of `part` they are the original, and each has its `sha256`.
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
    """Return the attributes of a rejected message within Pub/Sub's limits, without empty ones."""
    values = {"reason": owner, "code": code, "detail": redact(detail)} | dict(context)
    return {name: _fit(value) for name, value in values.items() if value}


def _fit(value: str) -> str:
    """Return `value` as printable ASCII within the limit of an attribute."""
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in value)
    return text[:MAX_ATTRIBUTE_BYTES].strip() or "?"
