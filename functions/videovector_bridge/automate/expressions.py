"""CEL in automations: conditions, and text with `{...}` in it. Compiled once, evaluated often.

https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cel

from videovector_bridge.errors import BridgeError, PermanentError

VARIABLES = frozenset({"event"})


class ExpressionError(BridgeError):
    """An expression cannot be compiled, or names what does not exist."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled CEL expression."""

    source: str
    program: cel.Program

    def evaluate(self, event: Mapping[str, Any]) -> Any:
        """The value for `event`.

        Raises KeyError when the event lacks a field that is asked for, `PermanentError` (the
        user's to mend) when the expression fails otherwise.
        """
        try:
            return self.program.execute({"event": event})
        except KeyError:
            raise
        except Exception as error:
            # The library raises several built-in types; all of them mean the same here.
            reason = " ".join(str(error).split())[:300]
            raise PermanentError(
                f"The expression {self.source!r} fails on this event: {reason}",
                owner="user",
                code="expression_failed",
            ) from error


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in braces: literal and computed parts, in order."""

    source: str
    parts: tuple[str | Expression, ...]

    def render(self, event: Mapping[str, Any]) -> Any:
        """The text for `event`; a template that is one `{...}` alone keeps the value's type.

        Raises `PermanentError` when the event lacks a field or an expression fails.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return _value(self.parts[0], event)
        return "".join(
            part if isinstance(part, str) else _text(_value(part, event)) for part in self.parts
        )


def _value(expression: Expression, event: Mapping[str, Any]) -> Any:
    try:
        return expression.evaluate(event)
    except KeyError as error:
        raise PermanentError(
            f"The expression {expression.source!r} asks for {error}, which this event lacks.",
            owner="user",
            code="expression_failed",
        ) from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def compile_expression(source: str) -> Expression:
    """Compile one expression. Raises `ExpressionError` with what is wrong and where."""
    try:
        program = cel.compile(source)
    except ValueError as error:
        # The library repeats the source and draws a caret; the first line says it all.
        reason = str(error).partition("\n")[0].rpartition("ERROR: ")[2]
        raise ExpressionError(f"is not CEL: {reason}") from None
    unknown = _free_names(program) - VARIABLES
    if unknown:
        raise ExpressionError(
            f"names {', '.join(sorted(unknown))}, which is not known; there is event"
        )
    return Expression(source, program)


def _free_names(program: cel.Program) -> set[str]:
    # Names bound by comprehension macros are reported too. Evaluating on nothing tells the two
    # apart only by luck, so a name counts as bound when a macro introduces it in the source.
    return {name for name in program.variables() if not _bound(name, program.source)}


def _bound(name: str, source: str) -> bool:
    compact = "".join(source.split())
    macros = ("all", "exists", "exists_one", "map", "filter")
    return any(f".{macro}({name}," in compact for macro in macros)


def compile_template(source: str) -> Template:
    """Compile text with `{expression}` parts; `{{` and `}}` are braces themselves.

    Raises `ExpressionError` with what is wrong.
    """
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
    quote = ""
    index = start
    while index < len(source):
        char = source[index]
        if quote:
            if char == "\\":
                index += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    raise ExpressionError("has a { without its }; write {{ for a brace itself")
