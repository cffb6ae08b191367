"""Which effects a run must have: the automations carried out in one pass, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.functions import ROOT
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.automate.markers import marker
from videovector_bridge.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Expected:
    """Markers by target with their bodies and the event they are from; ids of URL messages."""

    markers: Mapping[str, dict[str, Any]]
    marker_events: Mapping[str, str]
    urls: Mapping[str, str]


def shipped_automations(file: str = "") -> tuple[Automation, ...]:
    """The automations that the functions follow."""
    path = Path(file) if file else ROOT / "functions" / "automations.toml"
    return read_automations(path.read_text(encoding="utf-8"), path.name)


def expected_effects(
    events: Iterable[Mapping[str, Any]], automations: tuple[Automation, ...]
) -> Expected:
    """What `events` must lead to, in whatever order they were delivered."""
    markers: dict[str, dict[str, Any]] = {}
    marker_events: dict[str, str] = {}
    urls: dict[str, str] = {}
    for event in sorted(events, key=lambda each: (each["created_at"], each["event_id"])):
        fields = {**event, "channel": "stream"}
        for automation in automations:
            try:
                if not automation.applies_to(fields):
                    continue
                rendered = automation.render(fields)
                if automation.action == "upsert_marker":
                    body, target = marker(rendered)
                    markers[target], marker_events[target] = body, event["event_id"]
                elif automation.action == "issue_signed_url":
                    urls[f"{automation.name}:{event['event_id']}"] = event["event_id"]
            except PermanentError:
                continue
    return Expected(markers, marker_events, urls)


def markers_right(expected: Expected, found: Iterable[Mapping[str, Any]]) -> set[str]:
    """The targets whose marker at the API is what it must be."""
    right: set[str] = set()
    by_target = {
        (each.get("target_type"), each.get("target_id"), each.get("field_path")): each
        for each in found
    }
    for target, body in expected.markers.items():
        key = (body.get("target_type"), body.get("target_id"), body.get("field_path"))
        there = by_target.get(key, {})
        if all(there.get(name) == body.get(name) for name in ("color", "note")):
            right.add(target)
    return right
