"""Enough of JSON Schema (draft 7) to validate by the schema of automations files."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TYPES: Mapping[str, type] = {"string": str, "boolean": bool, "object": dict, "array": list}
_REMARKS = {"$schema", "title", "description"}


def accepts(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether `value` is valid; a keyword that is not known here raises `KeyError`."""
    return all(_CHECKS[keyword](schema, value) for keyword in schema if keyword not in _REMARKS)


def _properties(schema: Mapping[str, Any], value: Any) -> bool:
    known = schema["properties"]
    return not isinstance(value, dict) or all(
        accepts(known[key], inner) for key, inner in value.items() if key in known
    )


def _nothing_else(schema: Mapping[str, Any], value: Any) -> bool:
    assert schema["additionalProperties"] is False
    return not isinstance(value, dict) or set(value) <= set(schema["properties"])


def _dependencies(schema: Mapping[str, Any], value: Any) -> bool:
    return not isinstance(value, dict) or all(
        accepts(inner, value) for key, inner in schema["dependencies"].items() if key in value
    )


def _pattern(schema: Mapping[str, Any], value: Any) -> bool:
    return not isinstance(value, str) or re.search(schema["pattern"], value) is not None


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], Any], bool]] = {
    "type": lambda schema, value: isinstance(value, _TYPES[schema["type"]]),
    "enum": lambda schema, value: value in schema["enum"],
    "pattern": _pattern,
    "minLength": lambda schema, value: (
        not isinstance(value, str) or len(value) >= schema["minLength"]
    ),
    "minItems": lambda schema, value: (
        not isinstance(value, list) or len(value) >= schema["minItems"]
    ),
    "items": lambda schema, value: (
        not isinstance(value, list) or all(accepts(schema["items"], each) for each in value)
    ),
    "properties": _properties,
    "additionalProperties": _nothing_else,
    "required": lambda schema, value: (
        not isinstance(value, dict) or set(schema["required"]) <= set(value)
    ),
    "dependencies": _dependencies,
    "not": lambda schema, value: not accepts(schema["not"], value),
    "anyOf": lambda schema, value: any(accepts(each, value) for each in schema["anyOf"]),
    "oneOf": lambda schema, value: sum(accepts(each, value) for each in schema["oneOf"]) == 1,
}
