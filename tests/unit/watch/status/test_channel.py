"""`watch.status.channel`: the webhook at VideoVector, and the pause of the channel."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.status_facts import WEBHOOK, ago, facts
from videovector_bridge.watch.status.channel import describe_channel
from videovector_bridge.watch.status.facts import Unread


def states(**changes: Any) -> list[str]:
    """Return the states of the channel's lines."""
    return [line.state for line in describe_channel(facts(**changes))]


def test_an_active_webhook_has_its_last_delivery() -> None:
    """The function's URL and the webhook's may differ by a slash."""
    (line,) = describe_channel(facts())

    assert (line.state, line.name) == ("ok", "default")
    assert line.text == "active at VideoVector; last delivery 60 s ago: delivered"
    assert line.facts["url_matches"]


@pytest.mark.parametrize("status", ["disabled", "paused"])
def test_a_webhook_that_sends_nothing_is_a_problem(status: str) -> None:
    """VideoVector disables one after many failures."""
    (line,) = describe_channel(facts(webhooks=(replace(WEBHOOK, status=status, failure_count=9),)))

    assert line.state == "webhook_disabled"
    assert f"it is {status}" in line.text
    assert "9 failures in a row" in line.text


def test_failed_deliveries_are_counted() -> None:
    """They can be sent again."""
    (line,) = describe_channel(facts(webhooks=(replace(WEBHOOK, failed=2),)))

    assert line.state == "deliveries_failed"
    assert "2 deliveries failed for good" in line.text


def test_a_webhook_elsewhere_is_a_warning_unless_another_one_delivers_here() -> None:
    """Two deployments may use one account."""
    elsewhere = replace(WEBHOOK, name="green", url="https://other.example.com/")

    assert states(webhooks=(elsewhere,)) == ["webhook_elsewhere"]
    assert states(webhooks=(WEBHOOK, elsewhere)) == ["ok", "webhook_of_others"]


def test_no_webhook_is_no_problem() -> None:
    """The stream is enough."""
    (line,) = describe_channel(facts(webhooks=()))

    assert (line.state, line.severity) == ("no_webhook", "note")


def test_deliveries_that_cannot_be_read_do_not_hide_the_webhook() -> None:
    """The key may lack a scope."""
    (line,) = describe_channel(facts(webhooks=(replace(WEBHOOK, deliveries_unread="403"),)))

    assert line.state == "ok"
    assert "deliveries unknown: 403" in line.text


def test_a_paused_channel_has_a_line_of_its_own() -> None:
    """The webhook at VideoVector is active all the same."""
    paused = {"paused": {"since": ago(60), "reason": "CRM", "by": "ana@laptop"}}

    assert states(channel=paused) == ["channel_paused", "ok"]


def test_sources_that_cannot_be_read_are_lines() -> None:
    """One each."""
    unread = Unread("no key")

    assert states(channel=unread, webhooks=unread) == ["unreadable", "unreadable"]
