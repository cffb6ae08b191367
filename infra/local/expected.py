"""Which effects a run must have: the automations carried out in one pass, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.functions import ROOT
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.automate.plan import plan
from videovector_bridge.automate.received import Received
from videovector_bridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Wish:
    """What the newest event about a target wants of it, and by which action."""

    action: str
    desired: Mapping[str, Any]
    event_id: str


def read_followed_automations(file: str) -> tuple[Automation, ...]:
    """The automations that the functions follow: those of `file`, or the ones deployed.

    Raises `SettingsError` naming every mistake in them.
    """
    path = Path(file) if file else ROOT / "functions" / "automations.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"AUTOMATIONS_FILE {str(path)!r} cannot be read: {error}"]) from None
    return read_automations(text, path.name)


def expected_effects(
    events: Iterable[Received], automations: tuple[Automation, ...]
) -> dict[str, Wish]:
    """What `events` must lead to, by target, in whatever order they were delivered."""
    found: dict[str, Wish] = {}
    for received in sorted(events, key=lambda each: each.version):
        for planned in plan(automations, received):
            if planned.outcome != "effect" or planned.wanted is None:
                continue  # What is rejected is seen elsewhere.
            target, desired, _ = planned.wanted
            found[target] = Wish(planned.automation.action, desired, received.version.event_id)
    return found
