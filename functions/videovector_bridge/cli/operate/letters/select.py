"""Select letters by what the operator named. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from videovector_bridge.cli.operate.letters.letter import Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What letters must have; an empty field selects all. All fields must match.

    `types` are globs over the event type without prefix. `ids` are ids of events, or of messages.
    Ages are in seconds since the message was published.
    """

    codes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    automations: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    older_than: float | None = None
    newer_than: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it selects every letter."""
        return not self.as_json()

    def as_json(self) -> dict[str, Any]:
        """Return the fields that select something."""
        values: dict[str, Any] = {
            "codes": list(self.codes),
            "reasons": list(self.reasons),
            "automations": list(self.automations),
            "functions": list(self.functions),
            "types": list(self.types),
            "ids": list(self.ids),
            "older_than_seconds": self.older_than,
            "newer_than_seconds": self.newer_than,
        }
        return {name: value for name, value in values.items() if value not in ([], None)}

    def matches(self, letter: Letter, now: datetime) -> bool:
        """Whether it selects a letter."""
        age = (now - letter.published_at).total_seconds()
        ids = (letter.event_id, letter.message_id)
        types = self.types
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.automations or letter.automation in self.automations)
            and (not self.functions or letter.function in self.functions)
            and (not self.ids or any(id_ in self.ids for id_ in ids))
            and (not types or any(fnmatchcase(letter.event_type, glob) for glob in types))
            and (self.older_than is None or age >= self.older_than)
            and (self.newer_than is None or age <= self.newer_than)
        )


def select_letters(letters: Sequence[Letter], selection: Selection, now: datetime) -> list[Letter]:
    """Return the selected letters in the order of publishing; all parts of a whole, or none."""
    groups = {each.group for each in letters if each.group and selection.matches(each, now)}
    selected = [
        each
        for each in letters
        if (each.group in groups if each.group else selection.matches(each, now))
    ]
    # Ids of messages are numbers, written as text.
    return sorted(selected, key=lambda each: (each.published_at, len(id_ := each.message_id), id_))


def find_incomplete(letters: Iterable[Letter]) -> set[str]:
    """Return the groups whose parts are not all there."""
    parts: dict[str, set[int]] = {}
    totals: dict[str, int] = {}
    for each in letters:
        if each.group:
            parts.setdefault(each.group, set()).add(each.part)
            totals[each.group] = totals.get(each.group, 0) or each.parts
    return {
        group
        for group, numbers in parts.items()
        if numbers != set(range(1, totals[group] + 1)) or not totals[group]
    }


def find_functions(names: Iterable[str], actions: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return functions by their name or action, and a problem for each name that is neither.

    `actions` has the action of each function.
    """
    by_action = {action: name for name, action in actions.items() if action}
    known = ", ".join(name for name, action in actions.items() if action)
    functions, problems = [], []
    for name in names:
        function = name if actions.get(name) else by_action.get(name)
        if function is None:
            problems.append(f"--function {name}: the deployment has no such function, only {known}")
        else:
            functions.append(function)
    return functions, problems
