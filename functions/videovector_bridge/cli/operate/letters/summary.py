"""Count letters by what they have in common, for tables. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from videovector_bridge.cli.operate.letters.letter import Kind, Letter

COLUMNS = {
    "rejected": ("code", "reason", "function", "automation", "type"),
    "dead-letters": ("function", "type"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with equal `values` of the columns. `events` counts each event once.

    `example` is the id of the newest event, or of its message, for `show`.
    """

    values: tuple[str, ...]
    messages: int
    events: int
    oldest: datetime
    newest: datetime
    example: str


def summarize(kind: Kind, letters: Iterable[Letter]) -> list[Group]:
    """Return the groups of letters, the largest first."""
    members: dict[tuple[str, ...], list[Letter]] = {}
    for each in letters:
        members.setdefault(values_of(kind, each), []).append(each)
    groups = [
        Group(
            values,
            len(group),
            len({each.key for each in group}),
            min(each.published_at for each in group),
            (newest := max(group, key=lambda each: each.published_at)).published_at,
            newest.event_id or newest.message_id,
        )
        for values, group in members.items()
    ]
    return sorted(groups, key=lambda group: (-group.messages, group.values))


def values_of(kind: Kind, letter: Letter) -> tuple[str, ...]:
    """Return the columns of a letter."""
    if kind == "dead-letters":
        return letter.function, letter.event_type
    return (*(letter.code, letter.reason, letter.function, letter.automation, letter.event_type),)


def format_time(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ")
