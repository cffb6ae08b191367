"""What is wrong in an automations file, and what may be, beyond what stops a subscriber. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations import Automation, Inspected, inspect_automations
from videovector_bridge.automate.expressions import Expression, Template, event_fields
from videovector_bridge.automate.globs import can_match
from videovector_bridge.automate.mistakes import Mistake, did_you_mean
from videovector_bridge.automate.vocabulary import DOCUMENTED_TYPES, EVENT_FIELDS, OPEN_PREFIXES


@dataclass(frozen=True, slots=True)
class Checked:
    """The number of automations in a file, and what there is to say of it, by line."""

    automations: int
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]


def check_automations(text: str, file: str, environ: Mapping[str, str]) -> Checked:
    """Find every mistake in the text of an automations file; `file` is its name in messages.

    A subscriber refuses a part of them. It lets expressions ask for fields that no event has.
    """
    inspected = inspect_automations(text, file)
    mistakes = [*inspected.mistakes, *_unknown_fields(inspected, file)]
    warnings = [*_idle_globs(inspected, file), *_missing_settings(inspected, file, environ)]
    return Checked(
        len(inspected.automations),
        tuple(sorted(mistakes, key=lambda mistake: mistake.line)),
        tuple(sorted(warnings, key=lambda mistake: mistake.line)),
    )


def _unknown_fields(inspected: Inspected, file: str) -> Iterator[Mistake]:
    for index, automation in enumerate(inspected.automations):
        for key, expression in _expressions(automation):
            for name in event_fields(expression.source):
                if name in EVENT_FIELDS:
                    continue
                fix = did_you_mean(name, EVENT_FIELDS, "event.")
                yield Mistake(
                    file,
                    inspected.lines.of(index, key),
                    automation.name,
                    key,
                    f"asks for event.{name}, which no event has; there is "
                    f"{', '.join(EVENT_FIELDS)}",
                    fix or f"did you mean event.payload.{name}?",
                )


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


def _idle_globs(inspected: Inspected, file: str) -> Iterator[Mistake]:
    for index, automation in enumerate(inspected.automations):
        for glob in automation.on:
            if not can_match(glob, _KNOWN_TYPES, OPEN_PREFIXES):
                yield Mistake(
                    file,
                    inspected.lines.of(index, "on"),
                    automation.name,
                    "on",
                    f"{glob!r} fits no event that is documented, nor {' or '.join(_OPEN)}",
                    did_you_mean(glob, _KNOWN_TYPES),
                    "warning",
                )


# The vendor's, and what the actions publish.
_KNOWN_TYPES: Final = (*DOCUMENTED_TYPES, *filter(None, (a.emits for a in ACTIONS.values())))
_OPEN: Final = tuple(f"{prefix}*" for prefix in OPEN_PREFIXES)


def _missing_settings(
    inspected: Inspected, file: str, environ: Mapping[str, str]
) -> Iterator[Mistake]:
    actions = [automation.action for automation in inspected.automations]
    needed = [(name, setting) for name, action in ACTIONS.items() for setting in action.needs]
    for action, setting in needed:
        if action in actions and not environ.get(setting, "").strip():
            index = actions.index(action)
            yield Mistake(
                file,
                inspected.lines.of(index, action),
                inspected.automations[index].name,
                action,
                f"{setting} is not set here; where it is not, every {action} is rejected",
                severity="warning",
            )
