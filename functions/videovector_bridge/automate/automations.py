"""The automations file: reading it, and naming every mistake by line and field."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from videovector_bridge.automate.actions import ACTIONS, Action, Field
from videovector_bridge.automate.expressions import (
    Expression,
    ExpressionError,
    Template,
    compile_expression,
    compile_template,
)
from videovector_bridge.errors import PermanentError, SettingsError

CHANNELS: Final = ("stream", "webhook")
_OWN_KEYS: Final = ("name", "on", "channel", "when")
_NAME: Final = re.compile(r"[^\x00-\x1f]{1,100}")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_HEAD: Final = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_PAIR: Final = re.compile(rf"\s*((?:{_KEY.pattern})(?:\s*\.\s*(?:{_KEY.pattern}))*)\s*=")
_INT64: Final = range(-(2**63), 2**63)

# Where things stand: (number of the automation, or _TOP; keys down to a field) -> line, from 1.
Lines = Mapping[tuple[int, tuple[str, ...]], int]
_TOP: Final = -1


@dataclass(frozen=True, slots=True)
class Automation:
    """One automation, compiled. `fields` holds templates, flags, and objects of templates."""

    name: str
    on: tuple[str, ...]
    action: str
    channel: str = ""
    when: Expression | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def applies_to(self, event: Mapping[str, Any]) -> bool:
        """Whether type, channel and condition fit.

        A condition on a field that the event lacks, or one that gives null, does not hold.
        Raises `PermanentError` when it fails otherwise.
        """
        if not any(fnmatchcase(event["event_type"], glob) for glob in self.on):
            return False
        if self.channel and self.channel != event["channel"]:
            return False
        if self.when is None:
            return True
        try:
            holds = self.when.evaluate(event)
        except LookupError:
            return False
        if not isinstance(holds, bool | None):
            raise PermanentError(
                f"The condition of {self.name!r} gives {str(holds)[:100]!r}, not true or false.",
                owner="user",
                code="expression_failed",
            )
        return bool(holds)

    def render(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The action's fields for `event`. Raises `PermanentError` when one cannot be computed."""
        return {name: _render(value, event) for name, value in self.fields.items()}


def _render(value: Any, event: Mapping[str, Any]) -> Any:
    if isinstance(value, Template):
        return value.render(event)
    if isinstance(value, Mapping):
        return {name: _render(inner, event) for name, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, event) for inner in value]
    return value


def read_automations(text: str, file: str) -> tuple[Automation, ...]:
    """Read the text of an automations file; `file` is its name in messages.

    Raises `SettingsError` with every mistake, as `file:line: automation 'name': field: what`.
    """
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError([f"{file}: is not TOML: {error}"]) from None
    reader = _Reader(text, file)
    found = reader.read(tables)
    if reader.problems:
        raise SettingsError(reader.problems)
    return found


def _lines_of(text: str) -> Lines:
    """The line of every key of a file that is TOML; what stands in an inline table has none."""
    lines: dict[tuple[int, tuple[str, ...]], int] = {}
    count = 0
    index = _TOP
    table: tuple[str, ...] = ()
    open_quote = ""
    for number, line in enumerate(text.split("\n"), 1):
        if open_quote:
            open_quote = "" if open_quote in line else open_quote
            continue
        if head := _HEAD.match(line):
            table = _keys(head[2])
            index = _TOP
            if table[:1] == ("automation",):
                count += head[1] == "[[" and len(table) == 1
                index, table = count - 1, table[1:]
            lines.setdefault((index, table), number)
        elif pair := _PAIR.match(line):
            keys = (*table, *_keys(pair[1]))
            for length in range(len(table) + 1, len(keys) + 1):
                lines.setdefault((index, keys[:length]), number)
        open_quote = next((q for q in ('"""', "'''") if line.count(q) % 2), "")
    return lines


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in _KEY.findall(dotted))


class _Reader:
    """Collects the mistakes of one file, each with its line."""

    def __init__(self, text: str, file: str) -> None:
        self._lines = _lines_of(text)
        self._file = file
        self._index = _TOP
        self._name = ""
        self.problems: list[str] = []

    def read(self, tables: Mapping[str, Any]) -> tuple[Automation, ...]:
        for key in tables:
            if key != "automation":
                line = self._line_of(key)
                self.problems.append(
                    f"{self._file}:{line}: {key}: is not known; "
                    f"the file holds [[automation]] tables"
                )
        entries = tables.get("automation", [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            line = self._line_of("automation")
            self.problems.append(f"{self._file}:{line}: automation: must be written [[automation]]")
            return ()
        found: list[Automation] = []
        names: set[str] = set()
        for self._index, entry in enumerate(entries):
            found.append(self._automation(entry))
            if self._name in names:
                self._problem("name", "is used twice; names tell automations apart")
            names.add(self._name)
        return tuple(found)

    def _problem(self, key: str, what: str) -> None:
        line = self._line_of(key)
        self.problems.append(f"{self._file}:{line}: automation {self._name!r}: {key}: {what}")

    def _line_of(self, key: str) -> int:
        """The line of `key`, dotted, in the automation in hand; else of what it stands in."""
        keys = tuple(key.split("."))
        places = [(self._index, keys[:length]) for length in range(len(keys), -1, -1)]
        found = (self._lines.get(place) for place in (*places, (_TOP, ("automation",))))
        return next((line for line in found if line is not None), 1)

    def _automation(self, entry: Mapping[str, Any]) -> Automation:
        name = entry.get("name")
        self._name = name if isinstance(name, str) else f"number {self._index + 1}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._problem("name", "must be 1 to 100 characters of text")
        on = entry.get("on")
        if not isinstance(on, list) or not on or not all(isinstance(g, str) and g for g in on):
            self._problem("on", 'must list event types or globs, such as ["prompt_run.*"]')
            on = []
        channel = entry.get("channel", "")
        if channel not in ("", *CHANNELS):
            self._problem("channel", f"must be one of {', '.join(CHANNELS)}, not {channel!r}")
        action, fields = self._action(entry)
        return Automation(
            self._name, tuple(on), action, str(channel), self._condition(entry), fields
        )

    def _condition(self, entry: Mapping[str, Any]) -> Expression | None:
        when = entry.get("when")
        if when is None:
            return None
        if not isinstance(when, str):
            self._problem("when", "must be a CEL expression in quotes")
            return None
        try:
            return compile_expression(when)
        except ExpressionError as error:
            self._problem("when", str(error))
            return None

    def _action(self, entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        chosen = [key for key in entry if key in ACTIONS]
        for key in entry:
            if key not in _OWN_KEYS and key not in ACTIONS:
                self._problem(key, f"is not known; known are {', '.join((*_OWN_KEYS, *ACTIONS))}")
        if len(chosen) != 1:
            given = f", not {len(chosen)} ({', '.join(chosen)})" if chosen else ""
            self._problem(
                chosen[-1] if chosen else "automation",
                f"there must be exactly one action{given}: {', '.join(ACTIONS)}",
            )
            return "", {}
        action, given_fields = ACTIONS[chosen[0]], entry[chosen[0]]
        if not isinstance(given_fields, dict):
            self._problem(action.name, f"must be a table, [automation.{action.name}]")
            return action.name, {}
        return action.name, self._fields(action, given_fields)

    def _fields(self, action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
        for key, spec in action.fields.items():
            if spec.required and key not in given:
                self._problem(f"{action.name}.{key}", f"is missing: {spec.meaning}")
        if action.one_of and not any(set(keys) <= set(given) for keys in action.one_of):
            ways = " or ".join(" with ".join(keys) for keys in action.one_of)
            self._problem(action.name, f"needs {ways}")
        for key in given:
            others = set(given) & action.fields[key].instead_of if key in action.fields else ()
            if others:
                self._problem(
                    f"{action.name}.{key}", f"stands instead of {', '.join(sorted(others))}"
                )
        found: dict[str, Any] = {}
        for key, value in given.items():
            where = f"{action.name}.{key}"
            if key not in action.fields:
                self._problem(where, f"is not known; known are {', '.join(action.fields)}")
            else:
                found[key] = self._value(where, action.fields[key], value)
        return found

    def _value(self, where: str, spec: Field, value: Any) -> Any:
        if spec.kind == "flag":
            if not isinstance(value, bool):
                self._problem(where, f"must be true or false, not {value!r}")
            return value
        if spec.kind == "object":
            if not isinstance(value, dict):
                self._problem(where, "must be a table")
            return self._object(where, value)
        if not isinstance(value, str):
            self._problem(where, f"must be text, not {value!r}")
            return value
        if spec.choices and "{" not in value and value not in spec.choices:
            self._problem(where, f"must be one of {', '.join(spec.choices)}, not {value!r}")
        return self._template(where, value)

    def _object(self, where: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._object(f"{where}.{key}", inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._object(where, inner) for inner in value]
        if isinstance(value, str):
            return self._template(where, value)
        plain = isinstance(value, bool) or (isinstance(value, int) and value in _INT64)
        if not plain and not (isinstance(value, float) and math.isfinite(value)):
            self._problem(where, f"{value} is not a JSON value; write it in quotes")
        return value

    def _template(self, where: str, value: str) -> Template | None:
        try:
            return compile_template(value)
        except ExpressionError as error:
            self._problem(where, str(error))
            return None
