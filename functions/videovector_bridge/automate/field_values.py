"""The values of an action's fields in an automations file, with what is wrong in them. Pure."""

import math
from collections.abc import Callable
from typing import Any, Final

from videovector_bridge.automate.action import Field, Kind
from videovector_bridge.automate.expressions import ExpressionError, Template, compile_template
from videovector_bridge.automate.mistakes import did_you_mean

# Is told of a mistake: where (a dotted key), what, and what may have been meant.
Problem = Callable[[str, str, str], None]

_INT64: Final = range(-(2**63), 2**63)


def read_value(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    """The value of a field, its texts compiled; `problem` hears of every mistake."""
    return _READERS[spec.kind](where, spec, value, problem)


def _flag(where: str, _spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, bool):
        problem(where, f"must be true or false, not {value!r}", "")
    return value


def _whole(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if isinstance(value, str):
        return _template(where, value, problem)
    if isinstance(value, bool) or not isinstance(value, int):
        problem(where, f"must be a whole number, not {value!r}", "")
    elif not spec.least <= value <= spec.most:
        problem(where, f"must be {spec.least} to {spec.most:,}, not {value}", "")
    return value


def _object(where: str, _spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, dict):
        problem(where, "must be a table", "")
    return _json(where, value, problem)


def _list(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, list) or not spec.least <= len(value) <= spec.most:
        problem(where, f"must be a list of {spec.least} to {spec.most:,} items", "")
    return _json(where, value, problem)


def _text(where: str, spec: Field, value: Any, problem: Problem) -> Any:
    if not isinstance(value, str):
        problem(where, f"must be text, not {value!r}", "")
        return value
    if spec.choices and "{" not in value and value not in spec.choices:
        what = f"must be one of {', '.join(spec.choices)}, not {value!r}"
        problem(where, what, did_you_mean(value, spec.choices))
    return _template(where, value, problem)


def _json(where: str, value: Any, problem: Problem) -> Any:
    if isinstance(value, dict):
        return {key: _json(f"{where}.{key}", inner, problem) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json(where, inner, problem) for inner in value]
    if isinstance(value, str):
        return _template(where, value, problem)
    plain = isinstance(value, bool) or (isinstance(value, int) and value in _INT64)
    if not plain and not (isinstance(value, float) and math.isfinite(value)):
        problem(where, f"{value} is not a JSON value; write it in quotes", "")
    return value


def _template(where: str, value: str, problem: Problem) -> Template | None:
    try:
        return compile_template(value)
    except ExpressionError as error:
        problem(where, str(error), error.fix)
        return None


_READERS: Final[dict[Kind, Callable[[str, Field, Any, Problem], Any]]] = {
    "text": _text,
    "flag": _flag,
    "whole": _whole,
    "object": _object,
    "list": _list,
}
