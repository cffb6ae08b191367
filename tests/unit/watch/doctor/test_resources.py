"""`watch.doctor.resources`: topics, subscriptions, TTL, secrets and versions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.status_facts import DEPLOYMENT
from videovector_bridge.backends.inventory_port import SecretVersion, StoredSubscription
from videovector_bridge.watch.doctor.finding import Finding, sort_findings
from videovector_bridge.watch.doctor.resources import (
    judge_existence,
    judge_secret,
    judge_subscription,
    judge_ttl,
    judge_versions,
)

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PUSH = StoredSubscription(
    "projects/p/topics/blue-events",
    "F",
    "https://upsert-markers-abc.a.run.app/",
    "projects/p/topics/blue-dl",
    100,
    "ACTIVE",
)
PULL = StoredSubscription("projects/p/topics/blue-rejected", "", "", "", 0, "ACTIVE")


def judge(name: str, stored: StoredSubscription | None, needed: str | None = None) -> list[Finding]:
    """Judge a subscription of the deployment."""
    described = DEPLOYMENT.subscription(name)
    return list(judge_subscription(described, stored, DEPLOYMENT, needed))


def test_subscriptions_as_deployed_are_well() -> None:
    """A push with a dead-letter topic, and a pull."""
    assert [each.state for each in judge("upsert-markers", PUSH, "F")] == ["ok"]
    assert [each.state for each in judge("rejected", PULL)] == ["ok"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topic": "projects/p/topics/other"}, "it is of topic 'other', not 'blue-events'"),
        ({"push_endpoint": ""}, "it pushes to nothing, not to https://upsert-markers-abc"),
        ({"push_endpoint": "https://x"}, "it pushes to https://x"),
        ({"dead_letter_topic": ""}, "its dead-letter topic is 'none'"),
        ({"max_delivery_attempts": 0}, "it has 0 delivery attempts"),
        ({"state": "RESOURCE_ERROR"}, "its state is RESOURCE_ERROR"),
        ({"filter": ""}, "its filter is not the one that the automations need: 'none'"),
    ],
)
def test_each_difference_is_named(changes: dict[str, Any], words: str) -> None:
    """With the fix."""
    (finding,) = judge("upsert-markers", replace(PUSH, **changes), "F")

    assert finding.state == "wrong"
    assert words in finding.text
    assert "make deploy" in finding.fix


def test_a_pull_subscription_must_not_push() -> None:
    """Its messages would go elsewhere."""
    (finding,) = judge("rejected", replace(PULL, push_endpoint="https://x"))

    assert finding.text == "it pushes, but should be pulled"
    (reader,) = judge("reconcile", replace(PUSH, push_endpoint=""))
    assert reader.state == "ok"


def test_a_missing_subscription_is_named_by_its_id() -> None:
    """As in the console."""
    (finding,) = judge("upsert-markers", None)

    assert (finding.state, finding.text) == ("wrong", "subscription blue-um does not exist")


@pytest.mark.parametrize(
    ("state", "result"),
    [("ACTIVE", "ok"), ("CREATING", "ok"), ("NEEDS_REPAIR", "wrong"), ("", "wrong")],
)
def test_ttl_policies(state: str, result: str) -> None:
    """Without one, documents stay forever."""
    assert judge_ttl("effects", "expire_at", state).state == result


def version(days: int, *, enabled: bool = True) -> SecretVersion:
    """Return a version of this age."""
    return SecretVersion(NOW - timedelta(days=days), enabled)


@pytest.mark.parametrize(
    ("versions", "state", "words"),
    [
        ([version(3), version(90)], "ok", "2 enabled versions, the newest 3 days old"),
        ([version(366)], "wrong", "rotate it once a year"),
        ([version(3, enabled=False), version(90)], "wrong", "its latest version is not enabled"),
        ([version(3, enabled=False)], "wrong", "it has no enabled version"),
        ([], "wrong", "it has no enabled version"),
        (None, "wrong", "projects/p/secrets/key does not exist"),
    ],
)
def test_secrets(versions: list[SecretVersion] | None, state: str, words: str) -> None:
    """Functions read the latest version, also if it is disabled."""
    finding = judge_secret("API key", versions, NOW, "projects/p/secrets/key")

    assert finding.state == state
    assert words in finding.text


def test_existence() -> None:
    """The project is named where one may be wrong."""
    assert judge_existence("events", exists=True).state == "ok"
    missing = judge_existence("events", exists=False, project="p")
    assert (missing.state, missing.text) == ("wrong", "it does not exist in project p")


@pytest.mark.parametrize(
    ("version_here", "hash_", "states"),
    [
        ("1.2.3", "a" * 64, ["ok", "ok"]),
        ("1.2.4", "b" * 64, ["wrong", "wrong"]),
        ("1.2.3", "", ["ok", "not checked"]),
    ],
)
def test_versions(version_here: str, hash_: str, states: list[str]) -> None:
    """Of the command and of its source tree."""
    findings = judge_versions(DEPLOYMENT, version_here, hash_)

    assert [each.state for each in findings] == states


def test_what_is_wrong_comes_first() -> None:
    """Then what is not known."""
    findings = [
        ("a", Finding("", "ok", "")),
        ("b", Finding("", "not checked", "")),
        ("c", Finding("", "wrong", "")),
    ]

    assert [name for name, _ in sort_findings(findings)] == ["c", "b", "a"]
