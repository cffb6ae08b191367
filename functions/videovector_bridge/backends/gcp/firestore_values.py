"""Convert JSON values to Firestore values and back."""

from collections.abc import Mapping
from typing import Any

from google.cloud.firestore_v1.types import Value

from videovector_bridge.backends.document_limits import ESCAPE, INNER_ARRAY, encode_key

_RawValue = Value.pb()

# In this order: a bool is an int to Python.
_SCALARS = (
    (bool, "boolean_value"),
    (int, "integer_value"),
    (float, "double_value"),
    (str, "string_value"),
)


def encode_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object as raw protobuf values by (escaped) key.

    Raises `TypeError` for values outside JSON and `ValueError` for integers beyond 64 bits.
    """
    return {encode_key(key): _encode(value) for key, value in fields.items()}


def time_value(seconds: float) -> Any:
    """Return Unix time as a Firestore timestamp, to the second."""
    return _RawValue(timestamp_value={"seconds": int(seconds)})


def decode_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object from the result of `encode_fields`."""
    return {_decode_key(key): _decode(value) for key, value in fields.items()}


def _decode_key(key: str) -> str:
    return key.removeprefix(ESCAPE)


def _encode(value: Any) -> Any:
    if value is None:
        return _RawValue(null_value=0)
    for kind, field in _SCALARS:
        if isinstance(value, kind):
            return _RawValue(**{field: value})
    if isinstance(value, Mapping):
        return _RawValue(map_value={"fields": encode_fields(value)})
    if isinstance(value, list | tuple):
        return _RawValue(array_value={"values": [_encode_item(item) for item in value]})
    raise TypeError(f"a document has JSON values only, not {type(value).__name__}")


def _encode_item(value: Any) -> Any:
    encoded = _encode(value)
    if isinstance(value, list | tuple):
        return _RawValue(map_value={"fields": {INNER_ARRAY: encoded}})
    return encoded


def _decode(value: Any) -> Any:
    match value.WhichOneof("value_type"):
        case "null_value" | None:
            return None
        case "map_value":
            fields = value.map_value.fields
            if len(fields) == 1 and INNER_ARRAY in fields:
                return [_decode(item) for item in fields[INNER_ARRAY].array_value.values]
            return decode_fields(fields)
        case "array_value":
            return [_decode(item) for item in value.array_value.values]
        case "timestamp_value":
            # The bridge writes none, but an operator may in the console.
            return value.timestamp_value.ToJsonString()
        case kind:
            return getattr(value, kind)
