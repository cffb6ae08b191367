"""`watch.canary.webhook`: which webhooks are tested, and what a test shows."""

from dataclasses import replace

import pytest

from videovector_bridge.api.errors import ApiError, NotFound, ScopeRefused, ServerTrouble
from videovector_bridge.api.models import SentTest, Webhook
from videovector_bridge.pause import Pause
from videovector_bridge.watch.canary.report import ChannelReport
from videovector_bridge.watch.canary.webhook import (
    choose_webhooks,
    judge_test,
    may_arrive,
    may_change,
    report_paused,
    report_unlisted,
)

URL = "https://receiver.example.test/hook?token=hidden-word"
OURS = Webhook(
    "w1", "renamed", URL, (), metadata={"managed_by": "videovector-bridge", "name": "default"}
)
SECOND = replace(OURS, webhook_id="w2", metadata=None, name="videovector-bridge:second")
THEIRS = Webhook("w9", "theirs", URL, ())
SCOPE = ScopeRefused("No.", method="POST", path="/webhooks/w1/test")


def facts(reports: list[ChannelReport]) -> list[tuple[str, str, str]]:
    """Return channel, state and reason of each report."""
    return [(report.channel, report.state, report.reason) for report in reports]


def test_all_webhooks_of_the_bridge_are_tested() -> None:
    """By their mark or their name; others are left alone."""
    chosen, reports = choose_webhooks([THEIRS, SECOND, OURS], [])

    assert {name: webhook.webhook_id for name, webhook in chosen.items()} == {
        "default": "w1",
        "second": "w2",
    }
    assert not reports


def test_named_webhooks_alone_are_tested() -> None:
    """Another deployment in the account has its own canary."""
    chosen, reports = choose_webhooks([SECOND, OURS], ["second", "third"])

    assert list(chosen) == ["second"]
    assert facts(reports) == [("webhook:third", "absent", "not_registered")]


def test_of_several_with_one_name_the_active_one_is_tested() -> None:
    """`webhook ensure` deletes the surplus."""
    surplus = replace(OURS, webhook_id="w0", status="disabled")
    chosen, reports = choose_webhooks([surplus, OURS], [])

    assert chosen["default"].webhook_id == "w1"
    assert not reports


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [("disabled", "dead", "disabled"), ("paused", "paused", "paused_at_videovector")],
)
def test_an_inactive_webhook_is_not_tested(status: str, state: str, reason: str) -> None:
    """Its status is the evidence."""
    chosen, reports = choose_webhooks([replace(OURS, status=status)], [])

    assert not chosen
    assert facts(reports) == [("webhook:default", state, reason)]


def test_no_webhook_is_no_failure() -> None:
    """A bridge may use the stream alone."""
    assert facts(choose_webhooks([THEIRS], [])[1]) == [("webhook", "absent", "not_registered")]


@pytest.mark.parametrize(
    ("sent", "seconds", "expected"),
    [
        (SentTest(True, 204), 0.25, ("alive", "delivered")),
        (SentTest(False, None, "timed out"), 9.5, ("alive", "slow")),
        (ServerTrouble("Oops."), 9.5, ("alive", "slow")),
        (SentTest(True, 204), None, ("dead", "late")),
        (SentTest(False, None, "refused"), None, ("dead", "no_response")),
        (SentTest(False, 401), None, ("dead", "wrong_secret")),
        (SentTest(False, 418), None, ("dead", "refused")),
        (SCOPE, None, ("unknown", "no_scope")),
        (ServerTrouble("Oops."), None, ("unknown", "server_trouble")),
        (NotFound("Gone."), None, ("unknown", "not_found")),
    ],
)
def test_the_state_follows_from_the_test(
    sent: SentTest | ApiError, seconds: float | None, expected: tuple[str, str]
) -> None:
    """An event that arrived is alive. A request that failed at VideoVector is no evidence."""
    report = judge_test("default", sent, seconds, topic="events")

    assert (report.state, report.reason) == expected
    assert report.round_trip_seconds == seconds
    assert bool(report.what_to_do) == (expected[1] in NEEDS_A_PERSON)


NEEDS_A_PERSON = ("late", "no_response", "no_scope", "refused", "slow", "wrong_secret")


@pytest.mark.parametrize(
    ("sent", "changes", "arrives"),
    [
        (SentTest(True, 204), False, True),
        (SentTest(False, None), True, True),
        (SentTest(False, 429), True, False),
        (SentTest(False, 503), True, False),
        (SentTest(False, 401), False, False),
        (SentTest(False, 404), False, False),
    ],
)
def test_which_tests_are_repeated_or_awaited(
    sent: SentTest, *, changes: bool, arrives: bool
) -> None:
    """A receiver without an instance is asked again; one that refused sends nothing later."""
    assert may_change(sent) is changes
    assert may_arrive(sent) is arrives


def test_an_unknown_outcome_may_arrive() -> None:
    """VideoVector may have sent the test although its response was lost."""
    assert may_arrive(ServerTrouble("Oops.", outcome_unknown=True))
    assert not may_arrive(SCOPE)


def test_a_missing_scope_is_named() -> None:
    """To list webhooks, `read`; to test one, `write`."""
    assert "`read`" in report_unlisted(ScopeRefused("No.", method="GET", path="/x")).what_to_do
    assert "`write`" in judge_test("default", SCOPE, None, topic="events").what_to_do


def test_a_pause_has_its_reason() -> None:
    """And says how it ends."""
    (report,) = report_paused(["default"], Pause("today", "migration", "ana"))

    assert (report.channel, report.state, report.reason) == ("webhook:default", "paused", "paused")
    assert report.detail == "The webhook channel is paused since today by ana: migration."
    assert "resume webhook" in report.what_to_do
