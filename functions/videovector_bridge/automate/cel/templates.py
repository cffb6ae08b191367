"""Compile and render text with CEL expressions in braces."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import (
    MAX_QUOTE,
    Expression,
    ExpressionError,
    compile_expression,
    quote_source,
)
from videovector_bridge.automate.cel.source import TOKEN, Path
from videovector_bridge.errors import PermanentError

MAX_TEMPLATE: Final = 20_000


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in braces: literal parts and expressions, in order."""

    source: str
    parts: tuple[str | Expression, ...]

    def render(self, values: EventValues) -> Any:
        """Compute the text for an event. A template that is one `{...}` keeps the value's type.

        Raises `PermanentError` if the event lacks a field, or if an expression fails or is null.
        Only the template `{null}` may be null.
        """
        if len(self.parts) == 1 and isinstance(only := self.parts[0], Expression):
            return None if only.source.strip() == "null" else _evaluate(only, values)
        return "".join(
            part if isinstance(part, str) else _to_text(_evaluate(part, values))
            for part in self.parts
        )


def _evaluate(expression: Expression, values: EventValues) -> Any:
    try:
        value = expression.evaluate(values)
    except LookupError as error:
        absent = values.extract(expression.paths).absent
        # The library reports the name of the field, but not its path.
        path = next((p for p in absent if str(error) in map(repr, p)), ())
        what = f"uses {error}, which this event lacks"
        raise _missing_value_error(expression, what, _format_guard(path)) from error
    if value is None:
        path = expression.paths[0] if len(expression.paths) == 1 else ()
        raise _missing_value_error(expression, "is null for this event", _format_guard(path))
    return value


def _format_guard(path: Path) -> str:
    """Write a condition that is true if the event has a field; empty if that is impossible."""
    field = ".".join(("event", *path))
    if not path or not all(name.isidentifier() for name in path):
        return ""
    return f"has({field})" if len(path) > 1 else f"{field} != null"


def _missing_value_error(expression: Expression, what: str, guard: str) -> PermanentError:
    """Build the error for a missing value, with a condition and a default that avoid it."""
    source = expression.source.strip()
    when, default = "with `when`", "with ? :"
    if guard and len(guard) + len(source) <= 2 * MAX_QUOTE:
        when, default = f'when = "{guard}"', f"{{{guard} ? {source} : 'none'}}"
    return PermanentError(
        f"The expression {quote_source(source)} {what}. Limit the automation to events that have "
        f"it ({when}), or write a default ({default}).",
        owner="user",
        code="expression_failed",
    )


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def compile_template(source: str) -> Template:
    """Compile text with `{expression}` parts. `{{` and `}}` are literal braces.

    Raises `ExpressionError`.
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
            end = _find_closing_brace(source, index)
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(compile_expression(source[index + 1 : end]))
            index = end + 1
        elif char == "}":
            raise ExpressionError("has a } without its {; write }} for a literal brace")
        else:
            literal += char
            index += 1
    if literal or not parts:
        parts.append(literal)
    return Template(source, tuple(parts))


def _find_closing_brace(source: str, start: int) -> int:
    """Find the brace that closes the one at index `start`. Skips nested braces and strings."""
    depth = 0
    for token in TOKEN.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    raise ExpressionError("has a { without its }; write {{ for a literal brace")
