"""What each automation does on an event: only what concerns the action is looked at."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.support.event_messages import event
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.plan import Automation, AutomationPlan, plan
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


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The automations whose globs and conditions are checked."""
    names: list[str] = []
    judge = Automation.judge

    def noting(self: Automation, *arguments: Any, **others: Any) -> Any:
        names.append(self.name)
        return judge(self, *arguments, **others)

    monkeypatch.setattr(Automation, "judge", noting)
    return names


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("marker", ["gone", "red", "other type"]),
        ("signed_url", ["link"]),
        ("preview", []),
        ("", ["gone", "link", "red", "other type"]),
    ],
)
def test_automations_with_other_targets_cost_nothing(
    judged: list[str], kind: str, names: list[str]
) -> None:
    """Their globs are not checked. Actions with the same targets are planned together."""
    planned = plan(AUTOMATIONS, received(gone=False), target_kind=kind)

    assert judged == names == [one.automation.name for one in planned]


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


def test_a_bug_in_one_automation_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error is raised at `outcome`."""
    bug = ValueError("a bug")
    render = Automation.render

    def failing(self: Automation, *arguments: Any, **others: Any) -> Any:
        if self.name == "gone":
            raise bug
        return render(self, *arguments, **others)

    monkeypatch.setattr(Automation, "render", failing)

    crashed, red, _ = plan(AUTOMATIONS, received(gone=True), target_kind="marker")

    assert red.outcome == "effect"
    with pytest.raises(ValueError, match="a bug"):
        _ = crashed.outcome
