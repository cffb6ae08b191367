"""What is wrong in an automations file, and what may be, beyond what stops a subscriber. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videovector_bridge.automate.action import Field
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.patterns import what_is_wrong
from videovector_bridge.automate.automations.reader import Inspected, inspect_automations
from videovector_bridge.automate.cel.expressions import Expression, event_fields
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.check.carried import idle_globs
from videovector_bridge.automate.check.constants import constants
from videovector_bridge.automate.check.overruled import overruled
from videovector_bridge.automate.mistakes import Mistake, Severity, did_you_mean, shown, shown_key
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.vocabulary import EVENT_FIELDS
from videovector_bridge.settings.buckets import bucket_problems


@dataclass(frozen=True, slots=True)
class Checked:
    """The number of automations in a file, and what there is to say of it, by line."""

    automations: int
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]


def check_automations(text: str, file: str, environ: Mapping[str, str]) -> Checked:
    """Find every mistake in the text of an automations file; `file` is its name in messages.

    A mistake is what cannot work, a warning what may not: new types of events and new operators
    of searches may appear at any time. A subscriber refuses a part of the mistakes.
    """
    inspected = inspect_automations(text, file)
    checks = _Checks(inspected, file)
    return checks.run(environ)


class _Checks:
    """Collects what is wrong in automations that can be read, each with its line."""

    def __init__(self, inspected: Inspected, file: str) -> None:
        self._inspected = inspected
        self._file = file
        self._found: list[Mistake] = []

    def run(self, environ: Mapping[str, str]) -> Checked:
        automations = self._inspected.automations
        for automation in automations:
            self._unknown_fields(automation)
            self._globs(automation)
        self._settings(environ)
        # What follows needs an automation that the reader found nothing in.
        faulty = {mistake.automation for mistake in self._inspected.mistakes}
        good = [each for each in automations if each.name not in faulty]
        for automation in good:
            self._constants(automation)
            self._doubts(automation)
        self._overruled(good)
        found = sorted((*self._inspected.mistakes, *self._found), key=lambda each: each.line)
        return Checked(
            len(automations),
            tuple(each for each in found if each.severity == "mistake"),
            tuple(each for each in found if each.severity == "warning"),
        )

    def _report(
        self, automation: Automation, key: str, what: str, fix: str = "", *, warning: bool = False
    ) -> None:
        line = self._line(automation, key)
        severity: Severity = "warning" if warning else "mistake"
        name = automation.name
        self._found.append(Mistake(self._file, line, name, shown_key(key), what, fix, severity))

    def _line(self, automation: Automation, key: str = "") -> int:
        place = next(
            place for place, each in enumerate(self._inspected.automations) if each is automation
        )
        return self._inspected.lines.of(place, key)

    def _unknown_fields(self, automation: Automation) -> None:
        for key, expression in _expressions(automation):
            for name in event_fields(expression.source):
                if name not in EVENT_FIELDS:
                    what = f"asks for event.{name}, which no event has"
                    fix = did_you_mean(name, EVENT_FIELDS, "event.")
                    fix = fix or f"did you mean event.payload.{name}?"
                    known = ", ".join(EVENT_FIELDS)
                    self._report(automation, key, f"{what}; there is {known}", fix)

    def _globs(self, automation: Automation) -> None:
        fitting = []
        for glob in automation.on:
            what, fix = what_is_wrong(glob)
            if what:
                self._report(automation, "on", f"{shown(glob)} {what}", fix)
            else:
                fitting.append(glob)
        for what, fix in idle_globs(automation, fitting):
            self._report(automation, "on", what, fix, warning=True)

    def _constants(self, automation: Automation) -> None:
        for each in constants(automation):
            self._report(automation, each.field, each.what, each.fix, warning=not each.fatal)

    def _doubts(self, automation: Automation) -> None:
        for name, value in automation.fields.items():
            spec = ACTIONS[automation.action].fields[name]
            for what, fix in _doubts_in(spec, value):
                self._report(automation, f"{automation.action}.{name}", what, fix, warning=True)

    def _overruled(self, automations: Sequence[Automation]) -> None:
        for later, first in overruled(automations):
            what = (
                f"is overruled on all of its events: {first.name!r} (line {self._line(first)}) has "
                f"the same target, and the first automation in the file wins"
            )
            fix = f"remove it, or put it before {first.name!r} and give it a condition"
            self._report(later, later.action, what, fix, warning=True)

    def _settings(self, environ: Mapping[str, str]) -> None:
        for name, action in ACTIONS.items():
            automation = next((a for a in self._inspected.automations if a.action == name), None)
            for setting in action.needs if automation else ():
                assert automation is not None  # or nothing would be needed
                if not environ.get(setting, "").strip():
                    what = f"{setting} is not set here; where it is not, every {name} is rejected"
                    self._report(automation, name, what, warning=True)
                for problem in bucket_problems(environ, setting):
                    self._report(automation, name, problem)


def _doubts_in(spec: Field, value: Any) -> Iterator[tuple[str, str]]:
    """What VideoVector may refuse in a field's value, as far as it is written out."""
    if spec.doubts is not None:
        yield from spec.doubts(_written_out(value))
    if spec.items is not None and isinstance(value, list):
        for number, item in enumerate(value, 1):
            for what, fix in _doubts_in(spec.items, item):
                yield f"item {number}: {what}", fix


def _written_out(value: Any) -> Any:
    """`value` with its texts; one with expressions stays a template."""
    if isinstance(value, Template) and all(isinstance(part, str) for part in value.parts):
        return "".join(str(part) for part in value.parts)
    if isinstance(value, Mapping):
        return {name: _written_out(inner) for name, inner in value.items()}
    return value


def _expressions(automation: Automation) -> Iterator[tuple[str, Expression]]:
    """Every expression of an automation that could be compiled, with its dotted key."""
    if automation.when is not None:
        yield "when", automation.when
    yield from _expressions_in(automation.action, automation.fields)


def _expressions_in(key: str, value: Any) -> Iterator[tuple[str, Expression]]:
    if isinstance(value, Template):
        yield from ((key, part) for part in value.parts if isinstance(part, Expression))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _expressions_in(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions_in(key, inner)
