"""Compile and evaluate a CEL expression of an automation.

https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import cel

from videovector_bridge.automate.cel.cost import MAX_WORK, Cost, estimate_cost
from videovector_bridge.automate.cel.event_values import EventValues, Excerpt
from videovector_bridge.automate.cel.regex_cost import RegexCost, estimate_regex
from videovector_bridge.automate.cel.source import (
    MACROS,
    MAX_DEPTH,
    MAX_NESTED_MACROS,
    Call,
    Path,
    Source,
    find_calls,
    parse_source,
)
from videovector_bridge.automate.mistakes import did_you_mean
from videovector_bridge.automate.vocabulary import EVENT_FIELDS
from videovector_bridge.errors import BridgeError, PermanentError

VARIABLES: Final = frozenset({"event"})
# The functions of CEL, without the extensions of the library.
FUNCTIONS: Final = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "type", "dyn"}
    | {"string", "int", "uint", "double", "bytes", "timestamp", "duration"}
    | {"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"}
    | {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
# Longer chains of operators crash the process: the library's recursion is unbounded.
MAX_EXPRESSION: Final = 4_000
MAX_QUOTE: Final = 100
"""Maximum characters of a library's error, or of an event, in a message."""

MAX_VALUE_DEPTH: Final = 16
"""Maximum nesting of a value in a record. Firestore allows 20 levels."""
INT64: Final = range(-(2**63), 2**63)


class ExpressionError(BridgeError):
    """An expression is invalid, or uses an unknown name. `fix` is a hint, if there is one."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled CEL expression, the paths that it uses of an event, and its cost."""

    source: str
    program: cel.Program
    paths: tuple[Path, ...]
    cost: Cost

    def evaluate(self, values: EventValues) -> Any:
        """Compute the value for an event.

        It is a JSON value: times and durations become text as in CEL. Raises `LookupError` if the
        event lacks a field or item, or has null where a value is needed. Raises `PermanentError` if
        the cost is too high, the event is nested too deeply, or the expression fails otherwise.
        """
        excerpt = values.extract(self.paths)
        work = self.cost.estimate(excerpt)
        if work > MAX_WORK:
            times = min(-(-work // MAX_WORK), 1_000_000)
            raise PermanentError(
                f"The expression {quote_source(self.source)} may cost up to {times:,} times the "
                f"allowed work for this event. Use fewer fields of the event. exists and all cost "
                f"less than filter and map; nested macros multiply their costs.",
                owner="user",
                code="expression_too_costly",
            )
        try:
            return _to_json(self.program.execute(excerpt.context))
        except (KeyboardInterrupt, SystemExit):
            raise
        except LookupError as error:
            raise LookupError(str(error)[:MAX_QUOTE]) from None
        except BaseException as error:
            self._raise_if_null(excerpt)
            # The library raises several built-in types, and its panics are not `Exception`s.
            reason = " ".join(str(error)[: MAX_QUOTE * 3].split())
            raise PermanentError(
                f"The expression {quote_source(self.source)} fails on this event: {reason}",
                owner="user",
                code="expression_failed",
            ) from error

    def _raise_if_null(self, excerpt: Excerpt) -> None:
        """Raise `LookupError` if a null in a documented field is the cause of a failure."""
        if not excerpt.nulls:
            return
        try:
            self.program.execute(excerpt.without_nulls())
        except LookupError as error:
            raise LookupError(str(error)[:MAX_QUOTE]) from None
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001, S110  # the caller reports the first error
            pass


def _to_json(value: Any, depth: int = 0) -> Any:
    """Convert a value to JSON. Raises TypeError or ValueError if that is not possible."""
    if depth > MAX_VALUE_DEPTH:
        raise ValueError(f"the value is nested more than {MAX_VALUE_DEPTH} levels deep")
    plain = value is None or isinstance(value, bool | str)
    if plain or (type(value) is int and value in INT64):
        return value
    match value:
        case float() if math.isfinite(value):
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
        case list():
            return [_to_json(item, depth + 1) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _to_json(item, depth + 1) for key, item in value.items()}
    raise TypeError(f"{str(value)[:40]} ({type(value).__name__}) is not a JSON value")


def quote_source(source: str) -> str:
    """Quote an expression for a message, and shorten it."""
    return repr(source if len(source) <= 200 else source[:199] + "…")


def compile_expression(source: str) -> Expression:
    """Compile one expression. Raises `ExpressionError`, with the position if possible."""
    if len(source) > MAX_EXPRESSION:
        raise ExpressionError(f"is an expression of more than {MAX_EXPRESSION:,} characters")
    program = _compile(source)
    text = parse_source(source)
    _check_nesting(text)
    _check_names("names", _find_free_names(program, text), VARIABLES, EVENT_FIELDS, "event.")
    functions = {name for name in program.functions() if name.isidentifier()}
    _check_names("calls", functions, FUNCTIONS, (*FUNCTIONS, *MACROS, "has"))
    cost = estimate_cost(text, _estimate_patterns(text))
    if cost.least > MAX_WORK:
        raise ExpressionError("costs too much for any event; nest fewer macros")
    return Expression(source, _compile(text.indexed), text.paths, cost)


def _compile(source: str) -> cel.Program:
    try:
        return cel.compile(source)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of the library is not an `Exception`
        # The library repeats the source and draws a caret: omit them.
        reason = str(error).partition("ERROR: ")[2] or str(error)
        raise ExpressionError(f"is not CEL: {reason.partition(chr(10))[0][:300]}") from None


def _check_nesting(text: Source) -> None:
    if text.depth > MAX_DEPTH:
        raise ExpressionError(f"has brackets or calls nested more than {MAX_DEPTH} deep")
    if text.nested_macros > MAX_NESTED_MACROS:
        raise ExpressionError(f"has macros nested more than {MAX_NESTED_MACROS} deep")


def _estimate_patterns(text: Source) -> dict[str, RegexCost]:
    """Estimate the patterns of all calls of `matches`, by their source."""
    patterns: dict[str, RegexCost] = {}
    for call in find_calls(text.terms):
        if call.name == "matches":
            patterns[call.literal] = _estimate_pattern(call)
    return patterns


def _estimate_pattern(call: Call) -> RegexCost:
    if not call.literal:
        raise ExpressionError(
            "calls matches with a pattern that is not one text in quotes; the cost of a pattern "
            "from the event is unbounded"
        )
    try:
        cel.compile(f"''.matches({call.literal})").execute()
        return estimate_regex(cel.compile(call.literal).execute())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of the library is not an `Exception`
        reason = " ".join(str(error).split())
        reason = reason.partition("not a valid regex: ")[2] or reason
        reason = reason.partition(". Check function")[0]
        raise ExpressionError(
            f"calls matches with {call.literal[:60]}, which is not a pattern: {reason[:200]}"
        ) from None


def _check_names(
    what: str, names: set[str], known: frozenset[str], meant: Iterable[str], prefix: str = ""
) -> None:
    unknown = sorted(names - known)
    if unknown:
        # One hint is enough.
        hints = (did_you_mean(name, meant, prefix) for name in unknown)
        raise ExpressionError(
            f"{what} {', '.join(unknown)}, which is not known; there is {', '.join(sorted(known))}",
            next(filter(None, hints), ""),
        )


def find_event_fields(source: str) -> tuple[str, ...]:
    """Find the fields that an expression uses, in order: `event.NAME` and `event["NAME"]`."""
    paths = parse_source(source).paths
    return tuple(dict.fromkeys(path[0] for path in paths if path))


def _find_free_names(program: cel.Program, text: Source) -> set[str]:
    """Find the variables of an expression, without those that macros bind.

    The library does not distinguish them, so this uses the source.
    """
    free = {use.name for use in text.uses if not use.bound}
    bound = {use.name for use in text.uses if use.bound} | text.variables
    return {name for name in program.variables() if name in free or name not in bound}
