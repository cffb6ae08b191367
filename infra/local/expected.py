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
class Expected:
    """Markers by target with their bodies and the event they are from; ids of URL messages."""

    markers: Mapping[str, dict[str, Any]]
    marker_events: Mapping[str, str]
    urls: Mapping[str, str]


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


def expected_effects(events: Iterable[Received], automations: tuple[Automation, ...]) -> Expected:
    """What `events` must lead to, in whatever order they were delivered."""
    markers: dict[str, dict[str, Any]] = {}
    marker_events: dict[str, str] = {}
    urls: dict[str, str] = {}
    for received in sorted(events, key=lambda each: each.version):
        event_id = received.version.event_id
        for planned in plan(automations, received):
            if planned.outcome != "effect" or planned.wanted is None:
                continue  # What is rejected is seen elsewhere.
            target, desired, _ = planned.wanted
            if "marker" in desired:
                markers[target], marker_events[target] = desired["marker"], event_id
            elif planned.automation.action == "issue_signed_url":
                urls[desired["cause"]["key"]] = event_id
    return Expected(markers, marker_events, urls)


def markers_right(expected: Expected, found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The targets whose marker at the API is what it must be, and when it was written."""
    right: dict[str, str] = {}
    by_target = {_target(each): each for each in found}
    for target, body in expected.markers.items():
        there = by_target.get(_target(body))
        if there is not None and all(
            there.get(name) == body.get(name) for name in ("color", "note")
        ):
            right[target] = str(there.get("updated_at") or "")
    return right


def _target(marker_: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return marker_.get("target_type"), marker_.get("target_id"), marker_.get("field_path")
