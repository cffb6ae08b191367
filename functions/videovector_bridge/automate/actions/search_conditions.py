"""Warnings about conditions of filter searches. Pure.

The rules are those of the vendor's SDK 2.0.0 (`resources/search.py`). VideoVector may accept more
in future, so these are warnings, and every search is sent.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from videovector_bridge.automate.mistakes import did_you_mean, format_value

_VALUELESS: Final = ("is_empty", "is_not_empty")
_COMPARED: Final = ("equals", "greater_than", "greater_equal", "less_than", "less_equal")
_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("equals", "contains", "starts_with", "ends_with", *_VALUELESS),
    "integer": _COMPARED,
    "number": _COMPARED,
    "boolean": ("equals",),
    "array": (
        "item_equals",
        "item_contains",
        "length_equals",
        "length_greater",
        "length_less",
        *_VALUELESS,
    ),
}


def find_condition_warnings(condition: Any) -> Iterator[tuple[str, str]]:
    """Yield what VideoVector may refuse in a condition, and the correction.

    Ignores expressions.
    """
    kind, operator = condition["type"], condition["operator"]
    known = _OPERATORS.get(kind) if isinstance(kind, str) else None
    if isinstance(kind, str) and known is None:
        yield _describe_unknown("type", kind, tuple(_OPERATORS))
    if not isinstance(operator, str):
        return
    if known and operator not in known:
        yield _describe_unknown("operator", operator, known, f" for type {kind}")
        return
    if operator in _VALUELESS:
        if "value" in condition:
            yield f"operator {operator} takes no value", "leave value out"
    elif "value" not in condition:
        yield f"operator {operator} needs a value", "write value = ..."
    elif known and _is_plain(value := condition["value"]):
        name, fits = _accepted_values(kind, operator)
        if not fits(value):
            yield f"operator {operator} for type {kind} needs {name}, not {format_value(value)}", ""


def _describe_unknown(key: str, word: str, known: tuple[str, ...], of: str = "") -> tuple[str, str]:
    what = f"{key} {format_value(word)} is not known{of}; known are {', '.join(known)}"
    return what, did_you_mean(word, known)


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | list | dict)


def _accepted_values(kind: str, operator: str) -> tuple[str, Callable[[Any], bool]]:
    """Return the values that an operator accepts: in words, and as a predicate."""
    if operator.startswith("length_"):
        return "a whole number from 0", lambda value: is_whole(value) and value >= 0
    if kind == "string" or operator == "item_contains":
        return "text", lambda value: isinstance(value, str) and bool(value.strip())
    if kind == "array":
        return "text, a number or a flag", lambda value: not isinstance(value, list | dict)
    if kind == "integer":
        return "a whole number", is_whole
    if kind == "number":
        return "a number", lambda value: is_whole(value) or isinstance(value, float)
    return "true or false", lambda value: isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number. A flag is not, although Python's `bool` is an `int`."""
    return isinstance(value, int) and not isinstance(value, bool)
