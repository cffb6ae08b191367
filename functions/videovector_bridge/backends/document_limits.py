"""Firestore's limits of documents. Both backends check them before they send anything.

Limits: https://cloud.google.com/firestore/quotas#collections_documents_and_fields
Sizes: https://cloud.google.com/firestore/docs/storage-size
"""

from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.backends.names import safe_name
from videovector_bridge.backends.ports import (
    MAX_DOCUMENT_BYTES,
    MAX_DOCUMENT_DEPTH,
    MAX_FIELD_PATH_BYTES,
    MAX_FIELD_TEXT_BYTES,
)
from videovector_bridge.errors import UnstorableError

# Fields that a backend adds to a document: the number of its writes, and its expiry.
COUNT_FIELD: Final = "_writes"
END_FIELD: Final = "expire_at"
_OUR_FIELDS: Final = frozenset({COUNT_FIELD, END_FIELD})

# Firestore refuses empty and `__reserved__` keys and an array directly inside an array. Such keys
# get a `%` in front (and so do keys that start with one); such arrays become a map of one entry.
ESCAPE: Final = "%"
INNER_ARRAY: Final = "%[]"

_NAME_BYTES: Final = 16
_DOCUMENT_BYTES: Final = 32
_NUMBER_BYTES: Final = 8
_EMPTY_BYTES: Final = 1  # an empty map or list: undocumented, but the emulator counts it so


def check_document(collection: str, document_id: str, fields: Mapping[str, Any]) -> None:
    """Raise `UnstorableError` if Firestore would refuse a document of exactly these fields.

    Checked: its size, its depth, the lengths of keys and texts, integers of 64 bits, and that text
    is UTF-8. Where the size is not exact it is too large, never too small. Raises `TypeError` for
    values outside JSON.
    """
    name = f"{safe_name(collection)}/{safe_name(document_id)}"
    for reserved in sorted(_OUR_FIELDS & fields.keys()):
        raise _refused(name, "document_invalid", f"the field name {reserved!r} is reserved")
    try:
        size = _NAME_BYTES + len(name) + 1 + _DOCUMENT_BYTES
        size += sum(len(field) + 1 + _NUMBER_BYTES for field in _OUR_FIELDS)
        size += _measure_map(fields, 0, 0)
    except _BrokenRuleError as rule:
        raise _refused(name, rule.code, str(rule)) from None
    if size > MAX_DOCUMENT_BYTES:
        text = f"a document has at most {MAX_DOCUMENT_BYTES:,} bytes, not {size:,}"
        raise _refused(name, "document_too_large", text)


def encode_key(key: str) -> str:
    """Return `key` in a form that Firestore accepts: escaped if empty, reserved or escaped."""
    reserved = key.startswith("__") and key.endswith("__")
    return ESCAPE + key if not key or reserved or key.startswith(ESCAPE) else key


class _BrokenRuleError(Exception):
    def __init__(self, code: str, rule: str) -> None:
        super().__init__(rule)
        self.code = code


def _measure(value: Any, path: int, depth: int, *, in_list: bool = False) -> int:
    """Return the bytes of a value under a path of `path` bytes and `depth` maps and lists."""
    if isinstance(value, str):
        size = _bytes_of(value)
        if size > MAX_FIELD_TEXT_BYTES:
            rule = f"a text has at most {MAX_FIELD_TEXT_BYTES:,} bytes, not {size:,}"
            raise _BrokenRuleError("document_too_large", rule)
        return size + 1
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise _BrokenRuleError("document_invalid", "an integer has at most 64 bits")
        return _NUMBER_BYTES
    if isinstance(value, float):
        return _NUMBER_BYTES
    if isinstance(value, Mapping):
        _check_depth(depth + 1)
        return _measure_map(value, path, depth + 1) or _EMPTY_BYTES
    if isinstance(value, list | tuple):
        entry = 0
        if in_list:  # stored as a map of one entry
            entry = len(INNER_ARRAY) + 1
            path += entry
            depth += 1
        _check_depth(depth + 1)
        items = sum(_measure(item, path, depth + 1, in_list=True) for item in value)
        return entry + (items or _EMPTY_BYTES)
    raise TypeError(f"a document has JSON values only, not {type(value).__name__}")


def _measure_map(fields: Mapping[str, Any], path: int, depth: int) -> int:
    size = 0
    for key, value in fields.items():
        if not isinstance(key, str):
            raise TypeError(f"a key of a document is text, not {type(key).__name__}")
        length = _bytes_of(encode_key(key))
        inner = path + 1 + length if path else length
        if inner > MAX_FIELD_PATH_BYTES:
            rule = f"a key with its parent keys has at most {MAX_FIELD_PATH_BYTES:,} bytes"
            raise _BrokenRuleError("document_invalid", f"{rule}, not {inner:,}")
        size += length + 1 + _measure(value, inner, depth)
    return size


def _check_depth(depth: int) -> None:
    if depth > MAX_DOCUMENT_DEPTH:
        rule = f"maps and lists are nested at most {MAX_DOCUMENT_DEPTH} deep"
        raise _BrokenRuleError("document_too_deep", rule)


def _bytes_of(text: str) -> int:
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise _BrokenRuleError("document_invalid", "a text has half a surrogate pair") from None


def _refused(name: str, code: str, rule: str) -> UnstorableError:
    return UnstorableError(f"{name} was not written: {rule}.", owner="user", code=code)
