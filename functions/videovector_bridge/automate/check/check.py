"""Find mistakes and possible mistakes in an automations file. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videovector_bridge.automate.action import Field
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.glob_problems import find_glob_problem
from videovector_bridge.automate.automations.reader import AutomationsFile, parse_automations
from videovector_bridge.automate.cel.expressions import Expression, find_event_fields
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.check.channels import find_idle_globs
from videovector_bridge.automate.check.constant_outcomes import find_constant_outcomes
from videovector_bridge.automate.check.overruled import find_overruled
from videovector_bridge.automate.mistakes import (
    Mistake,
    Severity,
    did_you_mean,
    format_key,
    format_value,
)
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.vocabulary import EVENT_FIELDS
from videovector_bridge.settings.buckets import bucket_problems


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The number of automations in a file, and its mistakes and warnings, by line."""

    automations: int
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]


def check_automations(text: str, file: str, environ: Mapping[str, str]) -> CheckResult:
    """Find every mistake in the text of an automations file. `file` is its name in messages.

    What a mistake describes cannot work. What a warning describes may work: VideoVector may add
    event types and search operators at any time. Subscribers refuse a file for some mistakes only.
    """
    parsed = parse_automations(text, file)
    checks = _Checks(parsed, file)
    return checks.run(environ)


class _Checks:
    """Collects mistakes and warnings, each with its line."""

    def __init__(self, parsed: AutomationsFile, file: str) -> None:
        self._parsed = parsed
        self._file = file
        self._mistakes: list[Mistake] = []

    def run(self, environ: Mapping[str, str]) -> CheckResult:
        automations = self._parsed.automations
        for automation in automations:
            self._check_fields(automation)
            self._check_globs(automation)
        self._check_settings(environ)
        # The other checks need automations without mistakes.
        faulty = {mistake.automation for mistake in self._parsed.mistakes}
        good = [automation for automation in automations if automation.name not in faulty]
        for automation in good:
            self._check_constants(automation)
            self._check_actions(automation)
        self._check_overruled(good)
        mistakes = sorted(
            (*self._parsed.mistakes, *self._mistakes), key=lambda mistake: mistake.line
        )
        return CheckResult(
            len(automations),
            tuple(mistake for mistake in mistakes if mistake.severity == "mistake"),
            tuple(mistake for mistake in mistakes if mistake.severity == "warning"),
        )

    def _report(
        self, automation: Automation, key: str, what: str, fix: str = "", *, warning: bool = False
    ) -> None:
        line = self._find_line(automation, key)
        severity: Severity = "warning" if warning else "mistake"
        name = automation.name
        self._mistakes.append(Mistake(self._file, line, name, format_key(key), what, fix, severity))

    def _find_line(self, automation: Automation, key: str = "") -> int:
        index = next(
            index
            for index, candidate in enumerate(self._parsed.automations)
            if candidate is automation
        )
        return self._parsed.lines.find(index, key)

    def _check_fields(self, automation: Automation) -> None:
        for key, expression in _find_expressions(automation):
            for name in find_event_fields(expression.source):
                if name not in EVENT_FIELDS:
                    what = f"uses event.{name}, which no event has"
                    fix = did_you_mean(name, EVENT_FIELDS, "event.")
                    fix = fix or f"did you mean event.payload.{name}?"
                    known = ", ".join(EVENT_FIELDS)
                    self._report(automation, key, f"{what}; known are {known}", fix)

    def _check_globs(self, automation: Automation) -> None:
        fitting = []
        for glob in automation.on:
            what, fix = find_glob_problem(glob)
            if what:
                self._report(automation, "on", f"{format_value(glob)} {what}", fix)
            else:
                fitting.append(glob)
        for what, fix in find_idle_globs(automation, fitting):
            self._report(automation, "on", what, fix, warning=True)

    def _check_constants(self, automation: Automation) -> None:
        for outcome in find_constant_outcomes(automation):
            self._report(
                automation, outcome.field, outcome.what, outcome.fix, warning=not outcome.fatal
            )

    def _check_actions(self, automation: Automation) -> None:
        for name, value in automation.fields.items():
            spec = ACTIONS[automation.action].fields[name]
            for what, fix in _find_warnings(spec, value):
                self._report(automation, f"{automation.action}.{name}", what, fix, warning=True)

    def _check_overruled(self, automations: Sequence[Automation]) -> None:
        for later, first in find_overruled(automations):
            what = (
                f"is overruled on all of its events: {first.name!r} (line "
                f"{self._find_line(first)}) has the same target, and the first automation in the "
                f"file wins"
            )
            fix = f"remove it, or put it before {first.name!r} and give it a condition"
            self._report(later, later.action, what, fix, warning=True)

    def _check_settings(self, environ: Mapping[str, str]) -> None:
        for name, action in ACTIONS.items():
            automation = next((a for a in self._parsed.automations if a.action == name), None)
            for setting in action.needs if automation else ():
                assert automation is not None  # otherwise no setting is needed
                if not environ.get(setting, "").strip():
                    what = f"{setting} is not set here; without it, every {name} is rejected"
                    self._report(automation, name, what, warning=True)
                for problem in bucket_problems(environ, setting):
                    self._report(automation, name, problem)


def _find_warnings(spec: Field, value: Any) -> Iterator[tuple[str, str]]:
    """Yield what VideoVector may refuse in a field's value. Ignores expressions."""
    if spec.find_warnings is not None:
        yield from spec.find_warnings(_replace_templates(value))
    if spec.items is not None and isinstance(value, list):
        for number, item in enumerate(value, 1):
            for what, fix in _find_warnings(spec.items, item):
                yield f"item {number}: {what}", fix


def _replace_templates(value: Any) -> Any:
    """Replace templates without expressions by their text."""
    if isinstance(value, Template) and all(isinstance(part, str) for part in value.parts):
        return "".join(str(part) for part in value.parts)
    if isinstance(value, Mapping):
        return {name: _replace_templates(inner) for name, inner in value.items()}
    return value


def _find_expressions(automation: Automation) -> Iterator[tuple[str, Expression]]:
    """Yield every valid expression of an automation, with its dotted key."""
    if automation.when is not None:
        yield "when", automation.when
    yield from _find_expressions_in(automation.action, automation.fields)


def _find_expressions_in(key: str, value: Any) -> Iterator[tuple[str, Expression]]:
    if isinstance(value, Template):
        yield from ((key, part) for part in value.parts if isinstance(part, Expression))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _find_expressions_in(f"{key}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _find_expressions_in(key, inner)
