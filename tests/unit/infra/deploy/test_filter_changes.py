"""Subscriptions that a plan replaces, and the commands that redeliver their messages."""

import shlex
from datetime import UTC, datetime

from infra.deploy import filter_changes
from infra.deploy.filter_changes import Replacement
from infra.deploy.settings import Deployment
from tests.support.recorded_terraform import read_recorded

DEPLOYMENT = Deployment(project="fake-project", region="us-central1")
STARTED = datetime(2026, 11, 27, 0, 30, tzinfo=UTC)
REPLACEMENT = Replacement("upsert-markers", "upsert-markers-6b16d4fe", "upsert-markers-cb9f0892")


def test_a_changed_filter_replaces_a_subscription() -> None:
    """The old and the new one have the same name in topology.json, and other hashes."""
    assert filter_changes.find_replacements(read_recorded("plan_filter")) == [REPLACEMENT]


def test_a_subscription_that_a_function_pulls_is_replaced_like_the_others() -> None:
    """`reconcile` would otherwise miss what the old one had not delivered."""
    plan = read_recorded("plan_filter")
    for each in plan["resource_changes"]:
        if each["type"] == "google_pubsub_subscription" and each["name"] == "push":
            each["name"] = "reader"

    assert filter_changes.find_replacements(plan) == [REPLACEMENT]


def test_a_first_deployment_replaces_nothing() -> None:
    """A new subscription gets what is published from then on."""
    plan = read_recorded("plan_filter")
    plan["resource_changes"] = [
        each for each in plan["resource_changes"] if each["change"]["actions"] == ["create"]
    ]

    assert filter_changes.find_replacements(plan) == []


def test_a_renamed_address_replaces_nothing() -> None:
    """Before its address is renamed, a subscription seems to be deleted and created."""
    plan = read_recorded("plan_filter")
    for each in plan["resource_changes"]:
        for values in (each["change"]["before"], each["change"]["after"]):
            if values and values["name"].startswith("upsert-markers"):
                values["name"] = "upsert-markers-6b16d4fe"

    assert filter_changes.find_replacements(plan) == []


def test_a_subscription_that_is_created_again_loses_its_messages_too() -> None:
    """With the same filter, and the same name."""
    plan = read_recorded("plan_filter")
    (created,) = (
        each for each in plan["resource_changes"] if each["change"]["actions"] == ["create"]
    )
    created["change"].update(actions=["delete", "create"], before=created["change"]["after"])
    plan["resource_changes"] = [created]

    (replacement,) = filter_changes.find_replacements(plan)

    assert replacement.old == replacement.new == "upsert-markers-cb9f0892"


def test_messages_of_the_last_hour_are_redelivered() -> None:
    """An hour before the apply started, in UTC."""
    assert shlex.join(filter_changes.redeliver(DEPLOYMENT, REPLACEMENT, STARTED)) == (
        "gcloud pubsub subscriptions seek upsert-markers-cb9f0892 --time=2026-11-26T23:30:00Z "
        "--project=fake-project"
    )


def test_the_announcement_has_both_commands() -> None:
    """The apply may be killed before the seek."""
    text = filter_changes.announce(DEPLOYMENT, REPLACEMENT, STARTED)

    assert "upsert-markers-cb9f0892 replaces upsert-markers-6b16d4fe" in text
    assert "--time=2026-11-26T23:30:00Z" in text
    assert "--time=2026-11-21T00:30:00Z" in text
