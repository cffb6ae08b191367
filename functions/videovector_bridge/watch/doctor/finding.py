"""A finding of `doctor`: one precondition, and whether it holds."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["wrong", "not checked", "ok"]
STATES: Final[tuple[State, ...]] = ("wrong", "not checked", "ok")
"""The worst first."""

ONLY_CLOUD: Final = "only on Google Cloud"


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a precondition holds: its subject, what was seen, and the fix, often a command."""

    subject: str
    state: State
    text: str
    fix: str = ""


def sort_findings(findings: list[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    """Return findings with the names of their checks, the worst first."""
    return sorted(findings, key=lambda item: STATES.index(item[1].state))
