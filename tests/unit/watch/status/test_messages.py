"""`watch.status.messages`: backlogs, rejected messages, dead letters and open work."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.status_facts import DEPLOYMENT, NOW, facts
from videovector_bridge.watch.status.facts import (
    BacklogFacts,
    LetterFacts,
    OpenWorkFacts,
    Unread,
)
from videovector_bridge.watch.status.line import Line
from videovector_bridge.watch.status.messages import (
    describe_letters,
    describe_open_work,
    describe_subscriptions,
)

BACKLOGS = {each.name: BacklogFacts(0, None) for each in DEPLOYMENT.subscriptions}


def line_of(name: str, backlog: BacklogFacts) -> Line:
    """Return the line of a subscription with this backlog."""
    lines = describe_subscriptions(facts(backlogs={**BACKLOGS, name: backlog}))
    return next(line for line in lines if line.name == name)


@pytest.mark.parametrize(
    ("backlog", "state", "text"),
    [
        (BacklogFacts(0, None), "ok", "no backlog"),
        (BacklogFacts(1, 90.0), "ok", "1 message unacknowledged, the oldest 90 s"),
        (
            BacklogFacts(1_200, 1_801.0),
            "waiting",
            "1,200 messages unacknowledged, the oldest 30 min",
        ),
        (BacklogFacts(3, None), "ok", "3 messages unacknowledged"),
        (BacklogFacts(None, None), "backlog_unknown", "backlog unknown"),
    ],
)
def test_the_backlog_of_a_function(backlog: BacklogFacts, state: str, text: str) -> None:
    """Old messages are a problem, an unknown backlog is not."""
    line = line_of("upsert-markers", backlog)

    assert (line.state, line.text) == (state, text)


def test_messages_that_wait_for_a_person_have_other_lines() -> None:
    """`rejected` keeps its messages for a month."""
    assert line_of("rejected", BacklogFacts(5, 99_999.0)).state == "ok"


def test_every_subscription_has_a_line_and_an_unread_source_one() -> None:
    """A source that is missing a subscription leaves it unknown."""
    lines = list(describe_subscriptions(facts(backlogs={})))

    assert [line.name for line in lines] == [each.name for each in DEPLOYMENT.subscriptions]
    assert {line.state for line in lines} == {"backlog_unknown"}
    (line,) = describe_subscriptions(facts(backlogs=Unread("roles/monitoring.viewer")))
    assert line.state == "unreadable"


def test_letters_are_counted_by_code_and_by_function() -> None:
    """The most frequent first; "at least" if not all were read."""
    lines = list(
        describe_letters(
            facts(
                rejected=LetterFacts({"bad_json": 1, "not_found": 499}, complete=False),
                dead_letters=LetterFacts({"upsert-markers": 2}, complete=True),
            )
        )
    )

    assert [(line.subject, line.name, line.state, line.text) for line in lines] == [
        ("rejected", "not_found", "rejected", "at least 499 messages"),
        ("rejected", "bad_json", "rejected", "at least 1 message"),
        ("dead-letters", "upsert-markers", "dead_letters", "2 messages"),
    ]
    assert [line.severity for line in lines] == ["warning", "warning", "problem"]
    assert lines[0].facts == {"code": "not_found", "messages": 499, "complete": False}


def test_no_letters_are_said_to_be_none() -> None:
    """An empty line would look like a failed read, which has one too."""
    assert [line.text for line in describe_letters(facts())] == ["none", "none"]
    unread = list(describe_letters(facts(rejected=Unread("denied"), dead_letters=Unread("denied"))))
    assert [line.state for line in unread] == ["unreadable", "unreadable"]


@pytest.mark.parametrize(("minutes", "state"), [(None, "ok"), (29, "ok"), (31, "unchecked")])
def test_open_work_must_be_checked(minutes: int | None, state: str) -> None:
    """`reconcile` checks it every few minutes."""
    since = None if minutes is None else NOW - timedelta(minutes=minutes)
    (line,) = describe_open_work(
        facts(open_work=OpenWorkFacts(3, complete=True, unchecked_since=since))
    )

    assert line.state == state
    assert line.text.startswith("3 runs and videos are open")


def test_a_deployment_without_reconcile_has_no_line_about_it() -> None:
    """Earlier versions do not have the function."""
    functions = tuple(each for each in DEPLOYMENT.functions if each.name != "reconcile")
    old = replace(DEPLOYMENT, functions=functions)

    assert list(describe_open_work(facts(deployment=old))) == []
    (line,) = describe_open_work(facts(open_work=Unread("denied")))
    assert line.state == "unreadable"
