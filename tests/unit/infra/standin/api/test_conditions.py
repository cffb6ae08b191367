"""Filter conditions."""

from typing import Any

import pytest

from infra.standin.api.conditions import parse_conditions
from infra.standin.errors import ApiError

METADATA = {"name": "Red car", "people": 2, "score": 0.5, "indoor": True, "tags": ["night", "rain"]}


def condition(field: str, kind: str, operator: str, value: object = None) -> dict[str, Any]:
    """Return a condition as the API receives it."""
    return {"field": field, "type": kind, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("field", "kind", "operator", "value", "expected"),
    [
        ("name", "string", "equals", "red car", False),
        ("name", "string", "contains", "CAR", True),
        ("name", "string", "starts_with", "red", True),
        ("name", "string", "ends_with", "red", False),
        ("people", "integer", "greater_than", 2, False),
        ("people", "integer", "greater_equal", 2, True),
        ("score", "number", "less_than", 1, True),
        ("score", "number", "less_equal", 0.4, False),
        ("indoor", "boolean", "equals", True, True),
        ("tags", "array", "item_equals", "rain", True),
        ("tags", "array", "item_contains", "ig", True),
        ("tags", "array", "length_equals", 2, True),
        ("tags", "array", "length_greater", 2, False),
        ("tags", "array", "length_less", 3, True),
        ("tags", "array", "is_not_empty", None, True),
        ("missing", "string", "is_empty", None, True),
        ("missing", "string", "equals", "x", False),
        ("name", "integer", "equals", 1, False),
    ],
)
def test_a_condition_compares_a_field(
    field: str, kind: str, operator: str, value: object, *, expected: bool
) -> None:
    """Text comparison ignores case, except for `equals`; a field of another type never matches."""
    matches = parse_conditions([condition(field, kind, operator, value)])

    assert matches(METADATA) is expected


def test_all_conditions_must_match() -> None:
    """One condition that does not match is enough to exclude a segment."""
    people = condition("people", "integer", "equals", 2)
    outdoor = condition("indoor", "boolean", "equals", value=False)

    assert parse_conditions([people])(METADATA)
    assert not parse_conditions([people, outdoor])(METADATA)


@pytest.mark.parametrize(
    "conditions",
    [
        "name",
        [],
        [condition("people", "integer", "equals", 2)] * 5,
        ["name"],
        [condition(" ", "string", "equals", "x")],
        [condition("name", "text", "equals", "x")],
        [condition("name", "string", "greater_than", "x")],
        [condition("name", "string", "equals")],
        [condition("name", "string", "is_empty", "x")],
        [condition("people", "integer", "equals", "2")],
        [condition("tags", "array", "length_equals", "2")],
    ],
    ids=str,
)
def test_an_invalid_condition_is_rejected(conditions: object) -> None:
    """It is a validation error."""
    with pytest.raises(ApiError) as raised:
        parse_conditions(conditions)

    assert raised.value.status == 422
