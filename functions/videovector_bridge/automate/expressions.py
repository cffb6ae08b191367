"""CEL in automations: conditions, and text with `{...}` in it. Compiled once, evaluated often.

https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import cel
import orjson

from videovector_bridge.automate.mistakes import did_you_mean
from videovector_bridge.automate.vocabulary import EVENT_FIELDS
from videovector_bridge.errors import BridgeError, PermanentError

VARIABLES: Final = frozenset({"event"})
# What the library has without its extensions, which are Python and not part of CEL.
FUNCTIONS: Final = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "type", "dyn"}
    | {"string", "int", "uint", "double", "bytes", "timestamp", "duration"}
    | {"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"}
    | {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
# Longer chains of operators end the process: the library's recursion is not bounded there.
MAX_EXPRESSION: Final = 4_000
MAX_TEMPLATE: Final = 20_000

_MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
_MAX_DEPTH: Final = 16  # Firestore holds 20 levels
_INT64: Final = range(-(2**63), 2**63)
_QUOTED: Final = re.compile(r"""[rR]?(?P<quote>["'])(?P<text>[^\\"']*)(?P=quote)""")
# A string, a comment or blanks; a name; any other character.
_TOKEN: Final = re.compile(
    r"""
    (?P<skipped>
      \s+ | //[^\n]*
      | [bB]?[rR](?:\"{3}[\s\S]*?\"{3} | '{3}[\s\S]*?'{3} | "[^"\r\n]*" | '[^'\r\n]*')
      | [bB]?(?:
          \"{3}(?:\\[\s\S]|[^\\])*?\"{3} | '{3}(?:\\[\s\S]|[^\\])*?'{3}
          | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*'
        )
    )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<mark> [\s\S] )
    """,
    re.VERBOSE,
)


class ExpressionError(BridgeError):
    """An expression cannot be compiled, or names what does not exist. `fix` is what may help."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled CEL expression."""

    source: str
    program: cel.Program

    def evaluate(self, event: Mapping[str, Any]) -> Any:
        """The value for `event`.

        Always a JSON value: times and durations as CEL writes them. Raises `LookupError` when the
        event lacks a field or item that is asked for, `PermanentError` (the user's to mend) when
        the expression fails otherwise.
        """
        try:
            return _as_json(self.program.execute({"event": event}))
        except (LookupError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # The library raises several built-in types, and its own panics are no `Exception`.
            reason = " ".join(str(error).split())[:300]
            raise PermanentError(
                f"The expression {_shown(self.source)} fails on this event: {reason}",
                owner="user",
                code="expression_failed",
            ) from error


def _as_json(value: Any, depth: int = 0) -> Any:
    """`value` with what JSON lacks as text; TypeError or ValueError for what no text stands for."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"the value is nested more than {_MAX_DEPTH} levels deep")
    plain = value is None or isinstance(value, bool | str)
    if plain or (type(value) is int and value in _INT64):
        return value
    match value:
        case float() if math.isfinite(value):
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
        case list():
            return [_as_json(item, depth + 1) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _as_json(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"{str(value)[:40]} ({type(value).__name__}) is not a JSON value")


def _shown(source: str) -> str:
    return repr(source if len(source) <= 200 else source[:199] + "…")


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
    except LookupError as error:
        raise PermanentError(
            f"The expression {_shown(expression.source)} asks for {error}, which this event lacks.",
            owner="user",
            code="expression_failed",
        ) from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def compile_expression(source: str) -> Expression:
    """Compile one expression. Raises `ExpressionError` with what is wrong and where."""
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(f"is an expression of more than {MAX_EXPRESSION:,} characters")
    try:
        program = cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of the library is no `Exception`
        # The library repeats the source and draws a caret; the rest says it all.
        reason = str(error).partition("ERROR: ")[2] or str(error)
        raise ExpressionError(f"is not CEL: {reason.partition(chr(10))[0][:300]}") from None
    _check_names("names", _free_names(program), VARIABLES, EVENT_FIELDS, "event.")
    functions = {name for name in program.functions() if name.isidentifier()}
    _check_names("calls", functions, FUNCTIONS, (*FUNCTIONS, *_MACROS, "has"))
    return Expression(source, program)


def _check_names(
    what: str, found: set[str], known: frozenset[str], meant: Iterable[str], prefix: str = ""
) -> None:
    unknown = sorted(found - known)
    if unknown:
        # One of many has a hint of its own, which the others may follow.
        hints = (did_you_mean(name, meant, prefix) for name in unknown)
        raise ExpressionError(
            f"{what} {', '.join(unknown)}, which is not known; there is {', '.join(sorted(known))}",
            next(filter(None, hints), ""),
        )


def event_fields(source: str) -> tuple[str, ...]:
    """What an expression asks of `event`, in order: `event.NAME` and `event["NAME"]`."""
    words = _padded(source)
    found: dict[str, None] = {}
    for index, bound in _names(words):
        if words[index] != "event" or bound:
            continue
        mark, word, after = (*words[index + 1 : index + 3], (*words, "")[index + 3])
        if mark == "." and word.isidentifier() and after != "(":
            found[word] = None
        elif mark == "[" and after == "]" and (quoted := _QUOTED.fullmatch(word)):
            found[quoted["text"]] = None
    return tuple(found)


def _free_names(program: cel.Program) -> set[str]:
    """The variables of an expression, without those that macros bind.

    The library reports both alike, so that the text must tell.
    """
    words = _padded(program.source)
    bound: set[str] = set()
    free: set[str] = set()
    for index, is_bound in _names(words):
        (bound if is_bound else free).add(words[index])
    return {name for name in program.variables() if name in free or name not in bound}


def _names(words: Sequence[str]) -> Iterator[tuple[int, bool]]:
    """Where a word stands that is no field and no function, and whether a macro binds it there.

    `list.exists(x, ...)` binds `x` as far as its closing bracket.
    """
    bound_by: list[str] = []  # for each open bracket: the name that is bound within, or ""
    for index in range(2, len(words) - 2):
        before, word, after = words[index - 1 : index + 2]
        if word in ("(", "[", "{"):
            binds = before in _MACROS and words[index - 2] == "." and words[index + 2] == ","
            bound_by.append(after if word == "(" and binds else "")
        elif word in (")", "]", "}"):
            del bound_by[-1:]
        elif before != "." and after != "(":
            yield index, word in bound_by


def _padded(source: str) -> list[str]:
    """The names, strings and marks of an expression, in order, with two blanks at either end."""
    tokens = _TOKEN.finditer(source)
    words = [t[0] for t in tokens if t.lastgroup != "skipped" or t[0][-1] in "\"'"]
    return ["", "", *words, "", ""]


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
    for token in _TOKEN.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    raise ExpressionError("has a { without its }; write {{ for a brace itself")
