"""What a plan would lose, and which other state it would share resources with."""

from typing import Any

import pytest

from infra.deploy import plan_checks
from infra.deploy.settings import Deployment
from tests.support.recorded_terraform import read_recorded, read_unprotected_plan

DEPLOYMENT = Deployment(project="fake-project", region="us-central1")


def titles(plan: Any) -> set[str]:
    """What the plan would lose."""
    return {loss.resource.title for loss in plan_checks.find_losses(plan)}


def test_a_plan_without_changes_loses_nothing() -> None:
    """And there is nothing to apply."""
    plan = read_recorded("plan_same")

    assert not plan_checks.has_changes(plan)
    assert plan_checks.find_losses(plan) == []
    assert plan_checks.find_refusals(plan, []) == []


def test_a_key_that_is_set_later_loses_the_database() -> None:
    """The reason names the attribute."""
    (loss,) = plan_checks.find_losses(read_recorded("plan_kms"))

    assert loss.sentence == (
        "database (default) (module.bridge.google_firestore_database.this[0]), which holds every "
        "cursor, lease and effect record, would be replaced by an empty one, because cmek_config "
        "changes."
    )


def test_another_region_loses_what_is_in_the_region() -> None:
    """The source's bucket is no loss; the reason has both values."""
    plan = read_recorded("plan_region")

    assert titles(plan) == {
        "bucket fake-project-videovector-archive",
        "bucket fake-project-videovector-claims",
        "bucket fake-project-videovector-previews",
        "database (default)",
        "dataset videovector",
        "secret videovector-webhook-secrets",
    }
    sentences = [loss.sentence for loss in plan_checks.find_losses(plan)]
    assert any(
        "location_id changes from 'us-central1' to 'europe-west1'" in each for each in sentences
    )


def test_another_prefix_loses_undelivered_messages() -> None:
    """Topics, and what waits in the pull subscriptions; push subscriptions hold none of ours."""
    lost = titles(read_recorded("plan_prefix"))

    assert {"topic events", "topic rejected", "topic dead-letters", "topic media-urls"} <= lost
    assert {"subscription dead-letters", "subscription rejected"} <= lost
    assert not [title for title in lost if "upsert-markers" in title]


def test_copies_that_are_turned_off_are_lost() -> None:
    """They are deleted, not replaced."""
    plan = read_recorded("plan_off")

    assert titles(plan) == {
        "bucket fake-project-videovector-archive",
        "dataset videovector",
        "table events",
    }
    assert all(
        loss.sentence.endswith("deleted, because the configuration does not ask for it.")
        for loss in plan_checks.find_losses(plan)
    )


def test_a_changed_filter_loses_no_data() -> None:
    """Topic `events` has the messages."""
    assert plan_checks.find_losses(read_recorded("plan_filter")) == []


@pytest.mark.parametrize("value", [True, None])
def test_losses_are_refused_by_default(value: object) -> None:
    """The variable of the root is null unless it is set."""
    plan = read_recorded("plan_off")
    plan["variables"]["deletion_protection"] = {"value": value}
    losses = plan_checks.find_losses(plan)

    assert plan_checks.find_refusals(plan, losses) == [loss.sentence for loss in losses]


def test_losses_of_what_is_still_protected_are_refused() -> None:
    """Google would refuse to delete it, after other resources were deleted."""
    plan = read_recorded("plan_kms")
    plan["variables"]["deletion_protection"] = {"value": False}

    refusals = plan_checks.find_refusals(plan, plan_checks.find_losses(plan))

    assert refusals
    assert all("first deploy with deletion_protection = false" in each for each in refusals)


def test_unprotected_losses_are_left_to_an_approval() -> None:
    """Nothing is protected in the state."""
    plan = read_unprotected_plan("plan_off")
    losses = plan_checks.find_losses(plan)

    assert len(losses) == 3
    assert plan_checks.find_refusals(plan, losses) == []


def test_grants_on_a_key_are_noticed() -> None:
    """They need service agents that exist."""
    kind = "google_kms_crypto_key_iam_member"

    assert plan_checks.creates(read_recorded("plan_kms"), kind)
    assert not plan_checks.creates(read_recorded("plan_off"), kind)


@pytest.mark.parametrize("state", ["state", "state_0_1_0"])
def test_another_state_with_the_same_names_is_a_conflict(state: str) -> None:
    """Whether an earlier version wrote it or not."""
    others = {
        "gs://fake-project-videovector-state/staging/default.tfstate": read_recorded(state),
        "gs://fake-project-videovector-state/empty/default.tfstate": {"version": 4},
    }

    (conflict,) = plan_checks.find_conflicts(read_recorded("plan_same"), others, DEPLOYMENT)

    assert "topic events" in conflict
    assert "database (default)" in conflict
    assert "NAME=staging." in conflict
    assert "`prefix`" in conflict


def test_a_state_of_another_prefix_or_project_is_no_conflict() -> None:
    """Only the same name in the same project is the same topic."""
    plan = read_recorded("plan_prefix")  # to another prefix
    elsewhere = read_recorded("state")
    for resource in elsewhere["resources"]:
        for instance in resource["instances"]:
            instance["attributes"]["project"] = "another-project"

    assert (
        plan_checks.find_conflicts(
            plan, {"gs://x/y/default.tfstate": read_recorded("state_0_1_0")}, DEPLOYMENT
        )
        == []
    )
    assert (
        plan_checks.find_conflicts(
            read_recorded("plan_same"), {"gs://x/y/default.tfstate": elsewhere}, DEPLOYMENT
        )
        == []
    )


def test_the_data_that_a_destroy_left_is_a_conflict_too() -> None:
    """A database without its topics still belongs to that deployment."""
    state = read_recorded("state")
    left = [each for each in state["resources"] if each["type"] == "google_firestore_database"]

    (conflict,) = plan_checks.find_conflicts(
        read_recorded("plan_same"),
        {"gs://fake-project-videovector-state/old/default.tfstate": {"resources": left}},
        DEPLOYMENT,
    )

    assert conflict.startswith("database (default): ")
