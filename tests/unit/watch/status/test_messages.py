"""`watch.status.messages`: backlogs, rejected messages and dead letters."""

import pytest

from tests.support.status_facts import DEPLOYMENT, facts
from videovector_bridge.watch.status.facts import (
    BacklogFacts,
    LetterFacts,
    Unread,
)
from videovector_bridge.watch.status.line import Line
from videovector_bridge.watch.status.messages import (
    describe_letters,
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
