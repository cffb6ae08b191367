"""One line of `status`, and the words for times and counts in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from videovector_bridge.watch.status.states import SEVERITIES, STATES, Severity


@dataclass(frozen=True, slots=True)
class Line:
    """A subject (`stream`, `webhook`, ...) and its name, its state, and a text.

    `facts` has the values behind the text, for scripts.
    """

    subject: str
    name: str
    state: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return STATES[self.state].severity


def sort_lines(lines: list[Line]) -> list[Line]:
    """Return the lines with the worst first; lines of one severity keep their order."""
    return sorted(lines, key=lambda line: SEVERITIES.index(line.severity))


def describe_seconds(seconds: float) -> str:
    """Return a duration in the largest unit that fits, such as `42 s`, `5 min`, `3 h`, `2 d`."""
    seconds = max(0.0, seconds)
    for limit, size, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def describe_age(time: datetime, now: datetime) -> str:
    """Return how long ago a time is."""
    return f"{describe_seconds((now - time).total_seconds())} ago"


def describe_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
