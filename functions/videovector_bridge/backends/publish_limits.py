"""Pub/Sub's limits of publish requests. Both backends check them before they send anything.

Limits: https://cloud.google.com/pubsub/quotas#resource_limits
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from videovector_bridge.backends.ports import (
    MAX_ATTRIBUTE_BYTES,
    MAX_ATTRIBUTE_KEY_BYTES,
    MAX_ATTRIBUTES,
    MAX_ORDERING_KEY_BYTES,
    MAX_REQUEST_BYTES,
    MAX_REQUEST_MESSAGES,
    Message,
)
from videovector_bridge.errors import UnstorableError

T = TypeVar("T")

# Upper bounds of the bytes that protobuf adds to a message, and to an attribute.
_MESSAGE_OVERHEAD = 24
_ATTRIBUTE_OVERHEAD = 9


def check_request(topic: str, messages: Sequence[Message]) -> None:
    """Raise `UnstorableError` if Pub/Sub would refuse these messages as one request to `topic`.

    Checked: the number of messages, one ordering key, the size of the request in bytes on the
    wire, the number and sizes of attributes, and that text is UTF-8. Costs well under a
    microsecond a message.
    """
    if not 0 < len(messages) <= MAX_REQUEST_MESSAGES:
        raise _invalid(
            topic, f"a request has 1 to {MAX_REQUEST_MESSAGES:,} messages, not {len(messages):,}"
        )
    ordering_key = messages[0].ordering_key
    if _bytes_of(topic, ordering_key) > MAX_ORDERING_KEY_BYTES:
        raise _too_large(topic, f"an ordering key has at most {MAX_ORDERING_KEY_BYTES:,} bytes")
    bound = len(topic) * 4 + 64 + len(messages) * (_MESSAGE_OVERHEAD + len(ordering_key) * 4)
    for message in messages:
        if message.ordering_key != ordering_key:
            raise _invalid(
                topic,
                "all messages of a request carry the same ordering key, not both "
                f"{ordering_key!r} and {message.ordering_key!r}",
            )
        attributes = message.attributes
        bound += len(message.data) + _ATTRIBUTE_OVERHEAD * len(attributes)
        if attributes:
            # One check of the joined text instead of one for each attribute: this runs for 30,000
            # messages a second. If all keys (or values) together fit, each of them fits.
            keys = "\n" + "\n".join(attributes)
            values = "".join(attributes.values())
            if (
                len(keys) > MAX_ATTRIBUTE_KEY_BYTES
                or len(values) > MAX_ATTRIBUTE_BYTES
                or len(attributes) > MAX_ATTRIBUTES
                or "\ngoog" in keys
                or "" in attributes
                or not (keys.isascii() and values.isascii())
            ):
                bound += _check_attributes(topic, message)
            bound += len(keys) + len(values)
        elif not message.data:
            raise _invalid(topic, "a message has data or at least one attribute, not neither")
    if bound > MAX_REQUEST_BYTES:
        size = len(topic.encode("utf-8", "replace")) + 6 + sum(map(wire_size, messages))
        if size > MAX_REQUEST_BYTES:
            raise _too_large(
                topic, f"a request has at most {MAX_REQUEST_BYTES:,} bytes, not {size:,}"
            )


def split_requests(
    items: Sequence[T], size_of: Callable[[T], int], most: int, *, max_bytes: int
) -> Iterator[Sequence[T]]:
    """Split items into groups of at most `most` items and `max_bytes`, in order.

    `size_of` returns the bytes of an item in a request. An item that is larger is alone.
    """
    group: list[T] = []
    size = 0
    for item in items:
        length = size_of(item)
        if group and (len(group) == most or size + length > max_bytes):
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group


def wire_size(message: Message) -> int:
    """Return the exact bytes of `message` in a publish request of protobuf."""
    size = 0
    if message.data:
        size += _field(len(message.data))
    for key, value in message.attributes.items():
        entry = _field(len(key.encode("utf-8", "replace")))
        size += _field(entry + _field(len(value.encode("utf-8", "replace"))))
    if message.ordering_key:
        size += _field(len(message.ordering_key.encode("utf-8", "replace")))
    return _field(size)


def _field(length: int) -> int:
    """Return the bytes of a length-delimited field with a one-byte tag."""
    return 1 + max(1, -(-length.bit_length() // 7)) + length


def _check_attributes(topic: str, message: Message) -> int:
    """Check the attributes one by one; return the bytes that UTF-8 adds to their characters."""
    attributes = message.attributes
    if len(attributes) > MAX_ATTRIBUTES:
        raise _too_large(
            topic, f"a message has at most {MAX_ATTRIBUTES} attributes, not {len(attributes)}"
        )
    extra = 0
    for key, value in attributes.items():
        key_bytes = _bytes_of(topic, key)
        value_bytes = _bytes_of(topic, value)
        if not key or key.startswith("goog"):
            raise _invalid(topic, f"attribute {key!r}: a key is not empty nor starts with 'goog'")
        if key_bytes > MAX_ATTRIBUTE_KEY_BYTES:
            raise _too_large(
                topic,
                f"attribute {key[:40]!r}...: a key has at most {MAX_ATTRIBUTE_KEY_BYTES} bytes",
            )
        if value_bytes > MAX_ATTRIBUTE_BYTES:
            raise _too_large(
                topic,
                f"attribute {key!r}: a value has at most {MAX_ATTRIBUTE_BYTES:,} bytes, "
                f"not {value_bytes:,}",
            )
        extra += key_bytes + value_bytes - len(key) - len(value)
    return extra


def _bytes_of(topic: str, text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise _invalid(topic, "a text of it has half a surrogate pair") from None


def _too_large(topic: str, rule: str) -> UnstorableError:
    return _refused(topic, rule, "message_too_large")


def _invalid(topic: str, rule: str) -> UnstorableError:
    return _refused(topic, rule, "message_invalid")


def _refused(topic: str, rule: str, code: str) -> UnstorableError:
    text = f"Nothing was published to topic {topic!r}: {rule}."
    return UnstorableError(text, owner="system", code=code)
