"""Read the automations file, and report every mistake with its line and field."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.actions.announce import CHANNEL as OWN_CHANNEL
from videovector_bridge.automate.automations.field_values import check_keys, is_set, read_value
from videovector_bridge.automate.automations.lines import TOP, Lines
from videovector_bridge.automate.cel.expressions import (
    Expression,
    ExpressionError,
    compile_expression,
)
from videovector_bridge.automate.mistakes import Mistake, did_you_mean, format_key, format_value
from videovector_bridge.automate.plan import Automation
from videovector_bridge.errors import SettingsError
from videovector_bridge.work import RECONCILED

SHIPPED: Final = Path(__file__).resolve().parents[3] / "automations.toml"
"""The automations file that is deployed with the functions."""
CHANNELS: Final = ("stream", "webhook", OWN_CHANNEL, RECONCILED)
OWN_KEYS: Final = ("name", "on", "channel", "when")
NAME_PATTERN: Final = r"[^\x00-\x1f]{1,100}"
_TOML_LINE: Final = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class AutomationsFile:
    """A parsed file: automations, mistakes, and the lines of keys."""

    automations: tuple[Automation, ...]
    mistakes: tuple[Mistake, ...]
    lines: Lines


def read_automations(text: str, file: str) -> tuple[Automation, ...]:
    """Read the text of an automations file. `file` is its name in messages.

    Raises `SettingsError` with every mistake, as `file:line: automation 'name': field: what`.
    """
    parsed = parse_automations(text, file)
    if parsed.mistakes:
        raise SettingsError([str(mistake) for mistake in parsed.mistakes])
    return parsed.automations


def parse_automations(text: str, file: str) -> AutomationsFile:
    """Parse the text of an automations file as far as possible, and find every mistake in it."""
    try:
        tables = tomllib.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # a number with too many digits is not a TOML error
        where = _TOML_LINE.search(str(error))
        line = int(where[1]) if where else text.rstrip().count("\n") + 1
        mistake = Mistake(file, line, "", "", f"is not TOML: {error}")
        return AutomationsFile((), (mistake,), Lines())
    reader = _Reader(text, file)
    automations = reader.read(tables)
    return AutomationsFile(automations, tuple(reader.mistakes), reader.lines)


class _Reader:
    """Collects the mistakes of one file, each with its line."""

    def __init__(self, text: str, file: str) -> None:
        self.lines = Lines(text)
        self._file = file
        self._index = TOP
        self._name = ""
        self.mistakes: list[Mistake] = []

    def read(self, tables: Mapping[str, Any]) -> tuple[Automation, ...]:
        for key in tables:
            if key != "automation":
                self._report(key, "is not known; the file has only [[automation]] tables")
        entries = tables.get("automation", [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            self._report("automation", "must be written [[automation]]")
            return ()
        automations: list[Automation] = []
        names: set[str] = set()
        for self._index, entry in enumerate(entries):
            automations.append(self._read_automation(entry))
            if self._name in names:
                self._report("name", "is used twice; each automation needs its own name")
            names.add(self._name)
        return tuple(automations)

    def _report(self, key: str, what: str, fix: str = "") -> None:
        line = self.lines.find(self._index, key)
        self.mistakes.append(Mistake(self._file, line, self._name, format_key(key), what, fix))

    def _read_automation(self, entry: Mapping[str, Any]) -> Automation:
        name = entry.get("name")
        fits = isinstance(name, str) and re.fullmatch(NAME_PATTERN, name)
        self._name = str(name) if fits else f"number {self._index + 1}"
        if not fits:
            self._report("name", "must be 1 to 100 characters of text")
        on = entry.get("on")
        if not isinstance(on, list) or not on or not all(isinstance(g, str) and g for g in on):
            self._report("on", 'must list event types or globs, such as ["prompt_run.*"]')
            on = []
        channel = entry.get("channel", "")
        if channel not in ("", *CHANNELS):
            what = f"must be one of {', '.join(CHANNELS)}, not {format_value(channel)}"
            self._report("channel", what, did_you_mean(channel, CHANNELS))
        action, fields = self._read_action(entry)
        if channel == OWN_CHANNEL and action:
            self._check_circle(on, ACTIONS[action])
        return Automation(
            self._name, tuple(on), action, str(channel), self._read_condition(entry), fields
        )

    def _check_circle(self, on: Sequence[str], action: Action) -> None:
        if action.emits and any(fnmatchcase(action.emits, glob) for glob in on):
            what = f"matches {action.emits}, which {action.name} publishes: an endless loop"
            self._report("on", what)

    def _read_condition(self, entry: Mapping[str, Any]) -> Expression | None:
        when = entry.get("when")
        if when is None:
            return None
        if not isinstance(when, str):
            self._report("when", f"must be a CEL expression in quotes, not {format_value(when)}")
            return None
        if not when.strip():
            self._report("when", "is empty", "leave it out to apply to every event")
            return None
        try:
            return compile_expression(when)
        except ExpressionError as error:
            self._report("when", str(error), error.fix)
            return None

    def _read_action(self, entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        chosen = [key for key in entry if key in ACTIONS]
        for key in entry:
            if key not in (known := (*OWN_KEYS, *ACTIONS)):
                what = f"is not known; known are {', '.join(known)}"
                self._report(key, what, did_you_mean(key, known))
        if len(chosen) != 1:
            count = f", not {len(chosen)} ({', '.join(chosen)})" if chosen else ""
            self._report(
                chosen[-1] if chosen else "automation",
                f"there must be exactly one action{count}: {', '.join(ACTIONS)}",
            )
            return "", {}
        action, values = ACTIONS[chosen[0]], entry[chosen[0]]
        if not isinstance(values, dict):
            self._report(action.name, f"must be a table, [automation.{action.name}]")
            return action.name, {}
        return action.name, self._read_fields(action, values)

    def _read_fields(self, action: Action, values: Mapping[str, Any]) -> dict[str, Any]:
        known = check_keys(action.name, action.fields, values, self._report)
        effective = {key for key, value in values.items() if is_set(value)}
        if action.one_of and not any(effective.issuperset(keys) for keys in action.one_of):
            self._report(action.name, f"needs {_describe_alternatives(action)}")
        for key, spec in known.items():
            if others := sorted(spec.instead_of.intersection(values)):
                what = f"cannot be combined with {', '.join(others)}"
                self._report(
                    f"{action.name}.{key}", what, f"leave out {key}, or {', '.join(others)}"
                )
        # A field that a target or a request requires must not be empty.
        needed = {key for keys in action.one_of for key in keys}
        return {
            key: read_value(
                f"{action.name}.{key}",
                replace(spec, required=spec.required or key in needed),
                values[key],
                self._report,
            )
            for key, spec in known.items()
        }


def _describe_alternatives(action: Action) -> str:
    """Describe the alternative sets of required fields."""
    written = {
        name: f"{name} = true" for name, spec in action.fields.items() if spec.kind == "flag"
    }
    return " or ".join(
        " with ".join(written.get(key, key) for key in keys) for keys in action.one_of
    )
