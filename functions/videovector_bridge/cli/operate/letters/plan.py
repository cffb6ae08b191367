"""Decide what a redrive publishes for the selected letters, and what it leaves. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from videovector_bridge.cli.operate.letters.letter import Letter
from videovector_bridge.cli.operate.letters.select import find_incomplete

REASONS: Final = {
    "no_event": "the message is no event, so it cannot be published to `events`: read it with "
    "`show`, and `drop` it",
    "parts_missing": "not all parts of the event are in the subscription, or another reader has "
    "them: run the command again later",
    "parts_differ": "the joined parts are not the original data (SHA-256)",
    "no_claim_bucket": "the event is too large for a message and the deployment has no bucket for "
    "claim checks (CLAIM_BUCKET)",
    "filtered": "the filter of the function's subscription does not let this event through",
    "unpublishable": "Pub/Sub refuses such a message",
    "not_published": "the command ended before Pub/Sub acknowledged a copy",
    "not_dropped": "the command ended before the message was acknowledged",
    "not_acknowledged": "a copy is published, but the message could not be acknowledged: the next "
    "redrive publishes it again, which does no harm",
}
"""Why a selected letter stays in its subscription."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One event to publish, from `parts` joined, and the letters that it covers.

    A single letter has one part. `is_frame`: the joined data is an event without attributes.
    """

    parts: tuple[Letter, ...]
    covers: tuple[Letter, ...]
    is_frame: bool = False

    @property
    def is_joined(self) -> bool:
        """Whether the data must be joined and verified."""
        return len(self.parts) > 1

    @property
    def size(self) -> int:
        """The bytes of the data."""
        return sum(each.size for each in self.parts)


@dataclass(frozen=True, slots=True)
class Left:
    """Letters that stay, and why: a key of `REASONS`, with a detail."""

    letters: tuple[Letter, ...]
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to publish, in this order, and what to leave."""

    copies: tuple[Copy, ...]
    left: tuple[Left, ...]


def plan_redrive(letters: Sequence[Letter]) -> Plan:
    """Return one copy for each event, whatever the number of letters about it.

    `letters` are in the order of publishing.
    """
    incomplete = find_incomplete(letters)
    by_key: dict[tuple[str, str], list[Letter]] = {}
    for each in letters:
        by_key.setdefault(each.key, []).append(each)
    copies: list[Copy] = []
    left: list[Left] = []
    for members in by_key.values():
        choice = _choose(members, incomplete)
        if isinstance(choice, str):
            left.append(Left(tuple(members), choice))
        else:
            copies.append(Copy(choice, tuple(members), members[0].is_frame))
    return Plan(tuple(copies), tuple(left))


def _choose(members: Sequence[Letter], incomplete: Iterable[str]) -> tuple[Letter, ...] | str:
    """Return the parts of one whole among letters about the same event, or why there is none."""
    first = members[0]
    if first.code and not (first.is_event or first.is_frame):
        return "no_event"
    whole = next((each for each in members if each.has_reference or not each.group), None)
    if whole is not None:
        return (whole,)
    group = next((each.group for each in members if each.group not in incomplete), None)
    if group is None:
        return "parts_missing"
    parts = {each.part: each for each in members if each.group == group}
    return tuple(parts[number] for number in sorted(parts))
