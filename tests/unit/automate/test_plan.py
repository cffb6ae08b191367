"""The plan for an event: only automations with targets of the action's kind are checked."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
import pytest

from tests.support.event_messages import event
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.plan import Automation, AutomationPlan, Verdict, plan
from videovector_bridge.automate.received import ReceivedEvent, parse_event

FILE = """
[[automation]]
name = "gone"
on = ["prompt_run.*"]
when = "event.payload.gone"
[automation.delete_marker]
target_type = "run"
target_id = "{event.run_id}"

[[automation]]
name = "link"
on = ["prompt_run.*"]
when = "event.payload.gone"
[automation.issue_signed_url]
gcs_uri = "{event.payload.gcs_uri}"

[[automation]]
name = "red"
on = ["prompt_run.*"]
when = "true"
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"

[[automation]]
name = "other type"
on = ["media.*"]
when = "event.payload.gone"
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
"""
AUTOMATIONS = read_automations(FILE, "a.toml")


def received(**payload: Any) -> ReceivedEvent:
    """An event about a run."""
    one = event(payload=payload)
    return parse_event(
        orjson.dumps(one),
        event_id="evt_1",
        source="//x",
        event_type="com.vectormethods.prompt_run.failed",
        channel="stream",
        stated_time=None,
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def outcomes(planned: list[AutomationPlan]) -> dict[str, str]:
    """The outcome of each automation."""
    return {one.automation.name: one.outcome for one in planned}


class RecordingAutomation(Automation):
    """An automation that records its name when its globs and condition are checked."""

    judged: ClassVar[list[str]] = []

    def judge(self, values: EventValues) -> Verdict:
        """Record the name."""
        self.judged.append(self.name)
        return super().judge(values)


class BuggyAutomation(Automation):
    """An automation with a bug: it cannot compute its fields."""

    def render(self, _values: EventValues) -> dict[str, Any]:
        """Raise an error that no automation raises."""
        raise ValueError(f"a bug of {self.name}")


def copy_to(kind: type[Automation], automation: Automation) -> Automation:
    """Copy an automation to a subclass."""
    return kind(**{each.name: getattr(automation, each.name) for each in fields(automation)})


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("marker", ["gone", "red", "other type"]),
        ("signed_url", ["link"]),
        ("preview", []),
        ("", ["gone", "link", "red", "other type"]),
    ],
)
def test_automations_with_other_targets_cost_nothing(kind: str, names: list[str]) -> None:
    """Their globs are not checked. Actions with the same targets are planned together."""
    automations = [copy_to(RecordingAutomation, automation) for automation in AUTOMATIONS]
    RecordingAutomation.judged.clear()
    planned = plan(automations, received(gone=False), target_kind=kind)

    assert RecordingAutomation.judged == names == [each.automation.name for each in planned]


def test_the_kind_of_a_marker_target_is_that_of_both_actions() -> None:
    """So both functions plan the automations of both."""
    kinds = {name: action.target_kind for name, action in ACTIONS.items()}

    assert kinds["upsert_marker"] == kinds["delete_marker"] == "marker"
    assert len(set(kinds.values())) == len(kinds) - 1


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        (True, {"gone": "effect", "red": "overruled", "other type": "none"}),
        (False, {"gone": "none", "red": "effect", "other type": "none"}),
        # A condition that fails has no effect, and so overrules nothing.
        ("x", {"gone": "rejected", "red": "effect", "other type": "none"}),
    ],
)
def test_the_first_automation_of_a_target_has_the_effect(
    gone: object, expected: dict[str, str]
) -> None:
    """The first one whose condition is true, of any action."""
    assert outcomes(plan(AUTOMATIONS, received(gone=gone), target_kind="marker")) == expected


def test_a_bug_in_one_automation_stops_no_other() -> None:
    """Its error is raised at `outcome`."""
    gone, *others = AUTOMATIONS
    automations = [copy_to(BuggyAutomation, gone), *others]

    crashed, red, _ = plan(automations, received(gone=True), target_kind="marker")

    assert red.outcome == "effect"
    with pytest.raises(ValueError, match="a bug of gone"):
        _ = crashed.outcome
