"""Which effects a run must have: the automations carried out in one pass, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.local.functions import ROOT
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.automate.plan import plan
from videovector_bridge.automate.received import Received
from videovector_bridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Wish:
    """What the newest event about a target wants of it, and by which action.

    `red_before` says that an older event wanted a red marker there, and this one does not.
    """

    action: str
    desired: Mapping[str, Any]
    event_id: str
    red_before: bool = False

    @property
    def red(self) -> bool:
        """Whether it is a red marker that is wanted."""
        return bool(self.desired.get("marker", {}).get("color") == "red")


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
            if planned.outcome != "effect" or planned.state is None:
                continue  # What is rejected is seen elsewhere.
            target, desired, _ = planned.state
            wish = Wish(planned.automation.action, desired, received.version.event_id)
            older = found.get(target)
            red_before = older is not None and (older.red or older.red_before) and not wish.red
            found[target] = replace(wish, red_before=red_before)
    return found
