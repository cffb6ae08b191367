"""`watch.doctor.api`: what VideoVector's answers mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.status_facts import DEPLOYMENT, RECEIVER, function
from videovector_bridge.api.models import Webhook
from videovector_bridge.watch.doctor.api import (
    Probed,
    find_needed_scopes,
    judge_clock,
    judge_key,
    judge_scope,
    judge_webhooks,
)

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
NEW_KEY = "gcloud secrets versions add videovector-api-key --data-file=- --project=p"
WEBHOOK = Webhook("w1", "videovector-bridge:default", RECEIVER, ())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "ok"),
        (403, "ok"),
        (422, "ok"),
        (401, "wrong"),
        (404, "wrong"),
        (429, "not checked"),
        (503, "not checked"),
    ],
)
def test_a_key_is_valid_unless_it_is_refused(status: int, state: str) -> None:
    """403 is about a scope: the key itself is known."""
    assert judge_key(Probed(status), DEPLOYMENT).state == state


def test_a_refused_key_is_replaced_in_the_secret() -> None:
    """The command names the deployment's secret."""
    assert judge_key(Probed(401), DEPLOYMENT).fix == NEW_KEY


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (200, "ok"),
        (404, "ok"),
        (422, "ok"),
        (403, "wrong"),
        (429, "not checked"),
        (500, "not checked"),
    ],
)
def test_a_scope_is_inferred_from_the_refusal(status: int, state: str) -> None:
    """Only 403 means that it is missing."""
    finding = judge_scope("write", ["upsert_marker"], Probed(status), DEPLOYMENT)

    assert finding.state == state
    assert "write for upsert_marker" in finding.text


def test_needed_scopes_follow_the_automations() -> None:
    """What no automation uses needs none; without a file, every function may be used."""
    assert find_needed_scopes(DEPLOYMENT, {}, has_webhook=False) == {
        "read": ["draining", "reconcile"]
    }
    assert find_needed_scopes(DEPLOYMENT, {"upsert_marker": 1}, has_webhook=True) == {
        "read": ["draining", "reconcile"],
        "write": ["upsert_marker", "reconcile (retries deliveries)"],
    }
    assert find_needed_scopes(DEPLOYMENT, None, has_webhook=False)["write"] == ["upsert_marker"]


def test_every_action_has_its_scope() -> None:
    """Deletes need admin, searches search, and reads read; a test of a webhook needs write."""
    actions = ("delete_marker", "search", "snapshot_media")
    functions = (*(function(name, action=name) for name in actions), function("canary"))
    deployment = replace(DEPLOYMENT, functions=functions, streams=())

    assert find_needed_scopes(deployment, None, has_webhook=True) == {
        "admin": ["delete_marker"],
        "search": ["search"],
        "read": ["snapshot_media"],
        "write": ["canary (tests webhooks)"],
    }


@pytest.mark.parametrize(
    ("seconds", "state", "words"),
    [
        (-59, "ok", "differs by 59 s"),
        (61, "wrong", "61 s ahead of Google"),
        (-61, "wrong", "61 s behind Google"),
    ],
)
def test_clocks_may_differ_by_a_minute(seconds: int, state: str, words: str) -> None:
    """In both directions."""
    finding = judge_clock("Google", NOW, NOW + timedelta(seconds=seconds))

    assert finding.state == state
    assert words in finding.text


def test_a_response_without_a_date_proves_nothing() -> None:
    """It is not checked."""
    assert judge_clock("Google", None, NOW).state == "not checked"


@pytest.mark.parametrize(
    ("status", "url", "owner", "states"),
    [
        ("active", RECEIVER + "/", "w1", ["ok", "ok"]),
        ("active", RECEIVER, "", ["ok", "not checked"]),
        ("active", RECEIVER, None, ["ok", "not checked"]),
        ("active", RECEIVER, "w0", ["ok", "wrong"]),
        ("disabled", RECEIVER, "w1", ["wrong", "ok"]),
        ("active", "https://other.example.com", "w1", ["wrong", "ok"]),
    ],
)
def test_a_webhook_and_its_secret(
    status: str, url: str, owner: str | None, states: list[str]
) -> None:
    """Both must be this deployment's."""
    webhook = replace(WEBHOOK, status=status, url=url)

    assert [
        each.state for each in judge_webhooks([webhook], RECEIVER, owner, "--secret s")
    ] == states


def test_a_webhook_of_another_deployment_is_left_alone() -> None:
    """To correct it would take the deliveries from the other one."""
    other = replace(WEBHOOK, webhook_id="w2", url="https://elsewhere.example.com", status="paused")

    findings = list(judge_webhooks([other, WEBHOOK], RECEIVER, WEBHOOK.webhook_id, "--secret s"))

    assert [each.state for each in findings] == ["ok", "ok", "ok"]
    assert findings[0].subject == "w2"
    assert not any(each.fix for each in findings)


def test_no_webhook_is_fine() -> None:
    """The stream is enough."""
    (finding,) = judge_webhooks([], RECEIVER, None, "--secret s")

    assert finding.state == "ok"
