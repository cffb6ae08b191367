"""Text with CEL expressions in braces. Compiled once, rendered often."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import (
    MAX_QUOTE,
    Expression,
    ExpressionError,
    compile_expression,
    shown,
)
from videovector_bridge.automate.cel.source import TOKEN, Path
from videovector_bridge.errors import PermanentError

MAX_TEMPLATE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in braces: literal and computed parts, in order."""

    source: str
    parts: tuple[str | Expression, ...]

    def render(self, values: EventValues) -> Any:
        """The text for an event; a template that is one `{...}` alone keeps the value's type.

        Raises `PermanentError` when the event lacks a field, or an expression fails or is null:
        only `{null}` alone is null.
        """
        if len(self.parts) == 1 and isinstance(only := self.parts[0], Expression):
            return None if only.source.strip() == "null" else _value(only, values)
        return "".join(
            part if isinstance(part, str) else _text(_value(part, values)) for part in self.parts
        )


def _value(expression: Expression, values: EventValues) -> Any:
    try:
        value = expression.evaluate(values)
    except LookupError as error:
        absent = values.excerpt(expression.paths).absent
        # The library names the field, and not where it was asked for.
        path = next((p for p in absent if str(error) in map(repr, p)), ())
        what = f"asks for {error}, which this event lacks"
        raise _unguarded(expression, what, _guard(path)) from error
    if value is None:
        path = expression.paths[0] if len(expression.paths) == 1 else ()
        raise _unguarded(expression, "is null for this event", _guard(path))
    return value


def _guard(path: Path) -> str:
    """A condition that holds where the event has a field; empty where none can be named."""
    field = ".".join(("event", *path))
    if not path or not all(name.isidentifier() for name in path):
        return ""
    return f"has({field})" if len(path) > 1 else f"{field} != null"


def _unguarded(expression: Expression, what: str, guard: str) -> PermanentError:
    """The event lacks what a text needs, and no condition keeps the automation from it."""
    source = expression.source.strip()
    when, default = "by its when", "with ? :"
    if guard and len(guard) + len(source) <= 2 * MAX_QUOTE:
        when, default = f'when = "{guard}"', f"{{{guard} ? {source} : 'none'}}"
    return PermanentError(
        f"The expression {shown(source)} {what}. Let the automation apply only to events that "
        f"have it ({when}), or give a default ({default}).",
        owner="user",
        code="expression_failed",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def compile_template(source: str) -> Template:
    """Compile text with `{expression}` parts; `{{` and `}}` are braces themselves.

    Raises `ExpressionError` with what is wrong.
    """
    if len(source) > MAX_TEMPLATE:
        raise ExpressionError(f"is a text of more than {MAX_TEMPLATE:,} characters")
    parts: list[str | Expression] = []
    literal = ""
    index = 0
    while index < len(source):
        char = source[index]
        if source[index : index + 2] in ("{{", "}}"):
            literal += char
            index += 2
        elif char == "{":
            end = _closing_brace(source, index)
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(compile_expression(source[index + 1 : end]))
            index = end + 1
        elif char == "}":
            raise ExpressionError("has a } without its {; write }} for a brace itself")
        else:
            literal += char
            index += 1
    if literal or not parts:
        parts.append(literal)
    return Template(source, tuple(parts))


def _closing_brace(source: str, start: int) -> int:
    """Where the expression that opens at `start` ends; braces may nest, strings may hold them."""
    depth = 0
    for token in TOKEN.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    raise ExpressionError("has a { without its }; write {{ for a brace itself")
