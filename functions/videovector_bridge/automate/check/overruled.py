"""Find automations without effect, because an earlier one always has the same target. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from videovector_bridge.automate.action import Cause
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.actions.announce import CHANNEL as OWN_CHANNEL
from videovector_bridge.automate.automations.globs import covers
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.effects.record import Version
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.automate.vocabulary import EVENT_FIELDS
from videovector_bridge.errors import PermanentError

ANY_EVENT: Final = ReceivedEvent(
    {
        **dict.fromkeys(EVENT_FIELDS, "x"),
        "created_at": "2026-01-01T00:00:00+00:00",
        "channel": "stream",
        "payload": {},
    },
    Version("2026-01-01T00:00:00.000000+00:00", "x", "//x"),
    b"{}",
)
"""An event with all ids, for computations that do not depend on the event."""


def find_overruled(automations: Sequence[Automation]) -> Iterator[tuple[Automation, Automation]]:
    """Yield each automation that is always overruled, and the earlier one."""
    targets = [_name_target(automation) for automation in automations]
    for place, later in enumerate(automations):
        for first, target in zip(automations[:place], targets, strict=False):
            if target and target == targets[place] and _applies_whenever(first, later):
                yield later, first
                break


def _applies_whenever(first: Automation, later: Automation) -> bool:
    """Whether `first` applies to every event that `later` applies to."""
    if first.when and (later.when is None or first.when.source != later.when.source):
        return False
    if first.channel != later.channel and (first.channel or later.channel == OWN_CHANNEL):
        return False
    return all(any(covers(glob, later_glob) for glob in first.on) for later_glob in later.on)


def _name_target(automation: Automation) -> str:
    """Name the target, with the source of expressions; empty if it is unknown.

    Equal expressions have equal values, so equal names mean equal targets.
    """
    fields = _replace_templates(automation.fields)
    try:
        cause = Cause(automation.name, ANY_EVENT)
        return ACTIONS[automation.action].target_state(fields, cause).target
    except PermanentError:
        return ""


def _replace_templates(value: Any) -> Any:
    """Replace templates by their text, with the marked source of expressions."""
    if isinstance(value, Template):
        parts = (
            part if isinstance(part, str) else f"\ue000{part.source.strip()}\ue001"
            for part in value.parts
        )
        return "".join(parts)
    if isinstance(value, Mapping):
        return {name: _replace_templates(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replace_templates(inner) for inner in value]
    return value
