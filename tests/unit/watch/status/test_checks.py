"""`watch.status.checks`: whether `reconcile` and `canary` run, and what they found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.status_facts import DEPLOYMENT, NOW, ago, facts, function
from videovector_bridge.watch.status.checks import describe_checks
from videovector_bridge.watch.status.facts import OpenWorkFacts, Unread
from videovector_bridge.watch.status.line import Line

WITH_CANARY = replace(DEPLOYMENT, functions=(*DEPLOYMENT.functions, function("canary")))
MINUTE = 60.0


def reconcile(work: OpenWorkFacts | None = None, **last_run: Any) -> Line:
    """Return the line of `reconcile`, whose last run was a minute ago."""
    work = work or OpenWorkFacts(0, complete=True, unchecked_since=None)
    (line,) = describe_checks(
        facts(open_work=work, checks={"reconcile": {"at": ago(MINUTE), **last_run}})
    )
    return line


def opened(minutes: float, count: int = 3) -> OpenWorkFacts:
    """Return open work of which one was not asked about for so long."""
    since = NOW - timedelta(minutes=minutes)
    return OpenWorkFacts(count, complete=True, unchecked_since=since)


@pytest.mark.parametrize(
    ("work_minutes", "asked_minutes", "state"),
    [
        (29, None, "ok"),
        (31, None, "unchecked"),
        (31, 29, "ok"),
        (31, 31, "unchecked"),
        (29, 31, "ok"),
    ],
)
def test_open_work_must_be_asked_about(
    work_minutes: float, asked_minutes: float | None, state: str
) -> None:
    """A run may last for hours: it counts when a run of `reconcile` asked about all."""
    asked = {} if asked_minutes is None else {"asked_all_at": ago(asked_minutes * MINUTE)}
    line = reconcile(opened(work_minutes), **asked)

    assert line.state == state
    assert "3 runs and videos are open" in line.text


@pytest.mark.parametrize(
    ("last_run", "state", "said"),
    [
        ({"at": ago(29 * MINUTE)}, "ok", "last run 29 min ago"),
        ({"at": ago(31 * MINUTE)}, "not_running", "last run 31 min ago"),
        ({"at": None}, "never_ran", "it has not run yet"),
        ({"at": "soon"}, "never_ran", "it has not run yet"),
    ],
)
def test_reconcile_must_run(last_run: dict[str, Any], state: str, said: str) -> None:
    """Without it nothing is noticed, so no open work proves nothing."""
    line = reconcile(**last_run)

    assert line.state == state
    assert said in line.text


def test_a_slow_schedule_has_its_time() -> None:
    """Three runs must fail."""
    slow = replace(DEPLOYMENT, schedules={"reconcile": 3_600.0})
    for hours, run, work in ((2.9, "ok", "ok"), (3.1, "not_running", "unchecked")):
        before, now = ago(hours * 60 * MINUTE), ago(MINUTE)
        for last, state in (
            ({"at": before, "asked_all_at": now}, run),
            ({"at": now, "asked_all_at": before}, work),
        ):
            checks = {"reconcile": last}
            changed = facts(deployment=slow, checks=checks, open_work=opened(24 * 60))
            (line,) = describe_checks(changed)
            assert line.state == state


def test_a_check_without_a_schedule_is_noted() -> None:
    """It was turned off (`schedules` of Terraform)."""
    (line,) = describe_checks(facts(deployment=replace(DEPLOYMENT, schedules={}), checks={}))

    assert (line.state, line.severity) == ("not_scheduled", "note")


def channel(name: str, state: str) -> dict[str, Any]:
    """Return what the canary stored of a channel."""
    return {
        "channel": name,
        "state": state,
        "reason": "wrong_secret",
        "detail": "The receiver returned 401.",
        "what_to_do": "Rotate it.",
    }


def test_what_the_canary_found_is_shown() -> None:
    """A dead channel is a problem, with what the canary saw; one without evidence is a note."""
    channels = [
        channel("stream:default", "alive"),
        channel("stream:b", "paused"),
        channel("webhook:default", "dead"),
        channel("webhook:other", "unknown"),
    ]
    last = {"canary": {"at": ago(MINUTE), "channels": channels}}
    _, check, dead, unknown = describe_checks(facts(deployment=WITH_CANARY, checks=last))

    assert (check.name, check.state) == ("canary", "ok")
    assert "1 channel is alive" in check.text
    assert (dead.name, dead.state, dead.severity) == (
        "webhook:default",
        "channel_dead",
        "problem",
    )
    assert dead.text == "wrong_secret: The receiver returned 401. Rotate it."
    assert (unknown.state, unknown.severity) == ("channel_unknown", "note")


@pytest.mark.parametrize("channels", [None, "text", ["text"], [{}]])
def test_a_document_that_a_person_made_unreadable_stops_nothing(channels: Any) -> None:
    """It has no channels."""
    last = {"canary": {"at": ago(MINUTE), "channels": channels}}
    lines = list(describe_checks(facts(deployment=WITH_CANARY, checks=last)))

    assert [line.name for line in lines] == ["reconcile", "canary"]


def test_a_deployment_without_the_functions_has_no_line_about_them() -> None:
    """Earlier versions do not have them."""
    functions = tuple(each for each in DEPLOYMENT.functions if each.name != "reconcile")
    old = replace(DEPLOYMENT, functions=functions)

    assert list(describe_checks(facts(deployment=old))) == []
    assert list(describe_checks(facts(deployment=old, checks=Unread("denied")))) == []


def test_what_cannot_be_read_is_a_problem() -> None:
    """The last runs, or the open work."""
    for changes in ({"checks": Unread("denied")}, {"open_work": Unread("denied")}):
        (line,) = describe_checks(facts(**changes))
        assert (line.state, line.text) == ("unreadable", "denied")
