"""Read and check the values of an action's fields in an automations file. Pure."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from videovector_bridge.automate.action import Field, Kind
from videovector_bridge.automate.cel.expressions import (
    INT64,
    MAX_VALUE_DEPTH,
    Expression,
    ExpressionError,
)
from videovector_bridge.automate.cel.templates import Template, compile_template
from videovector_bridge.automate.mistakes import did_you_mean, format_value

# Called with each mistake: its dotted key, a description, and a hint.
Problem = Callable[[str, str, str], None]


def read_value(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    """Read the value of a field, and compile its texts. Reports every mistake to `problem`."""
    return _READERS[spec.kind](where, spec, value, problem)


def is_set(value: Any) -> bool:
    """Whether a value has an effect: a flag that is false has none."""
    return value is not False


def check_keys(
    where: str, fields: Mapping[str, Field], values: Mapping[str, Any], problem: Problem
) -> dict[str, Field]:
    """Return the fields of the known keys. Reports unknown keys, and missing required ones."""
    for key, spec in fields.items():
        if spec.required and key not in values:
            problem(f"{where}.{key}", f"is missing: {spec.meaning}", "")
    for key in values:
        if key not in fields:
            what = f"is not known; known are {', '.join(fields)}"
            problem(f"{where}.{key}", what, did_you_mean(key, fields))
    return {key: fields[key] for key in values if key in fields}


def _read_flag(where: str, _spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, bool):
        problem(where, f"must be true or false without quotes, not {format_value(value)}", "")
    return value


def _read_whole(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if isinstance(value, str):
        template = _read_template(where, value, problem)
        if template and not (len(template.parts) == 1 and _is_expression(template.parts[0])):
            what = f"must be a whole number without quotes, or one {{...}} alone, not {value!r:.80}"
            problem(where, what, "")
        return template
    if isinstance(value, bool) or not isinstance(value, int):
        problem(where, f"must be a whole number, not {format_value(value)}", "")
    elif not spec.least <= value <= spec.most:
        problem(where, f"must be {spec.least} to {spec.most:,}, not {format_value(value)}", "")
    return value


def _is_expression(part: str | Expression) -> bool:
    return isinstance(part, Expression)


def _read_object(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, dict):
        keys = [key for key, inner_spec in spec.keys.items() if inner_spec.required]
        form = ", { " + ", ".join(f"{key} = ..." for key in keys) + " }" if keys else ""
        problem(where, f"must be a table{form}, not {format_value(value)}", "")
        return None
    if spec.required and not value:
        problem(where, f"must not be empty: {spec.meaning}", "")
    if not spec.keys:
        return _read_json(where, value, problem)
    known = check_keys(where, spec.keys, value, problem)
    return {
        key: read_value(f"{where}.{key}", inner_spec, value[key], problem)
        for key, inner_spec in known.items()
    }


def _read_list(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, list):
        problem(where, f"must be a list, [...], not {format_value(value)}", "")
        return None
    if not spec.least <= len(value) <= spec.most:
        what = f"must be a list of {spec.least} to {spec.most:,} items, not {len(value):,}"
        problem(where, what, "")
    if spec.items is None:
        return _read_json(where, value, problem)
    items = []
    for number, item in enumerate(value[: spec.most], 1):
        # The line of an item is unknown: report its mistakes at the list.
        def item_problem(key: str, what: str, fix: str, number: int = number) -> None:
            inner = key.removeprefix(where).removeprefix(".")
            problem(where, f"item {number}: {f'{inner} {what}' if inner else what}", fix)

        items.append(read_value(where, spec.items, item, item_problem))
    return items


def _read_text(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, str):
        problem(where, f"must be text in quotes, not {format_value(value)}", "")
        return None
    if spec.required and not value.strip():
        problem(where, f"must not be empty: {spec.meaning}", "")
    if spec.choices and "{" not in value and value not in spec.choices:
        what = f"must be one of {', '.join(spec.choices)}, not {format_value(value)}"
        problem(where, what, did_you_mean(value, spec.choices))
    return _read_template(where, value, problem)


def _read_any(where: str, _spec: Field, value: Any, problem: Problem) -> Any:
    return _read_json(where, value, problem)


def _read_json(where: str, value: Any, problem: Problem, depth: int = 0) -> Any:
    if depth > MAX_VALUE_DEPTH:
        problem(where, f"is nested more than {MAX_VALUE_DEPTH} levels deep", "")
        return None
    if isinstance(value, dict):
        return {
            key: _read_json(f"{where}.{key}", inner, problem, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_read_json(where, inner, problem, depth + 1) for inner in value]
    if isinstance(value, str):
        return _read_template(where, value, problem)
    plain = isinstance(value, bool) or (isinstance(value, int) and value in INT64)
    if not plain and not (isinstance(value, float) and math.isfinite(value)):
        problem(where, f"{format_value(value)} is not a JSON value; write it in quotes", "")
    return value


def _read_template(where: str, value: str, problem: Problem) -> Template | None:
    try:
        return compile_template(value)
    except ExpressionError as error:
        problem(where, str(error), error.fix)
        return None


_READERS: Final[dict[Kind, Callable[[str, Field, Any, Problem], Any]]] = {
    "text": _read_text,
    "flag": _read_flag,
    "whole": _read_whole,
    "object": _read_object,
    "list": _read_list,
    "any": _read_any,
}
