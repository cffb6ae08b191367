"""Filter conditions for the metadata of segments."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.standin.errors import invalid

MAX_CONDITIONS = 4
_VALUELESS = ("is_empty", "is_not_empty")
_OPERATORS: dict[str, tuple[str, ...]] = {
    "string": ("equals", "contains", "starts_with", "ends_with", *_VALUELESS),
    "integer": ("equals", "greater_than", "greater_equal", "less_than", "less_equal"),
    "number": ("equals", "greater_than", "greater_equal", "less_than", "less_equal"),
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
_STORED: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda stored, value: bool(stored == value),
    "contains": lambda stored, value: value.lower() in stored.lower(),
    "starts_with": lambda stored, value: stored.lower().startswith(value.lower()),
    "ends_with": lambda stored, value: stored.lower().endswith(value.lower()),
    "greater_than": lambda stored, value: bool(stored > value),
    "greater_equal": lambda stored, value: bool(stored >= value),
    "less_than": lambda stored, value: bool(stored < value),
    "less_equal": lambda stored, value: bool(stored <= value),
    "item_equals": lambda stored, value: value in stored,
    "item_contains": lambda stored, value: any(value in str(item) for item in stored),
    "length_equals": lambda stored, value: len(stored) == value,
    "length_greater": lambda stored, value: len(stored) > value,
    "length_less": lambda stored, value: len(stored) < value,
    "is_empty": lambda stored, _: not stored,
    "is_not_empty": lambda stored, _: bool(stored),
}

Test = Callable[[Mapping[str, Any]], bool]


def parse_conditions(conditions: object) -> Test:
    """Return a test whether metadata meets all of 1 to 4 conditions. Raises 422."""
    if not isinstance(conditions, list) or not 1 <= len(conditions) <= MAX_CONDITIONS:
        raise invalid(f"conditions has 1 to {MAX_CONDITIONS} items", "conditions")
    tests = [_parse(condition, index) for index, condition in enumerate(conditions)]
    return lambda metadata: all(test(metadata) for test in tests)


def _parse(condition: object, index: int) -> Test:
    where = ("conditions", index)
    if not isinstance(condition, Mapping):
        raise invalid("A condition is an object", *where)
    field, operator, kind = (condition.get(key) for key in ("field", "operator", "type"))
    if not isinstance(field, str) or not field.strip():
        raise invalid("field is required", *where, "field")
    if not isinstance(kind, str) or kind not in _OPERATORS:
        raise invalid(f"type is one of {', '.join(_OPERATORS)}", *where, "type")
    if operator not in _OPERATORS[kind]:
        raise invalid(f"operator is one of {', '.join(_OPERATORS[kind])}", *where, "operator")
    value = condition.get("value")
    if (operator in _VALUELESS) != (value is None):
        requirement = "has no" if operator in _VALUELESS else "needs a"
        raise invalid(f"The operator {operator} {requirement} value", *where, "value")
    if value is not None and not isinstance(value, _value_types(kind, operator)):
        raise invalid(f"value is not of the type {kind}", *where, "value")
    return _build_test(field.strip(), operator, kind, value)


def _value_types(kind: str, operator: str) -> tuple[type, ...]:
    if kind != "array":
        return _STORED[kind]
    if operator == "item_contains":
        return (str,)
    return (int,) if operator.startswith("length") else (str, int, float, bool)


def _build_test(field: str, operator: str, kind: str, value: object) -> Test:
    def test(metadata: Mapping[str, Any]) -> bool:
        stored = metadata.get(field)
        if stored is None:
            return operator == "is_empty"
        if not isinstance(stored, _STORED[kind]):
            return False
        return _TESTS[operator](stored, value)

    return test
