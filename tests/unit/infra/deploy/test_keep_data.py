"""What `make destroy` deletes and keeps while data is protected."""

import re

from infra.deploy import keep_data
from infra.deploy.resources import list_resources
from tests.support.recorded_terraform import read_recorded, read_unprotected_state

RESOURCES = list_resources(read_recorded("state"))
SELECTION = keep_data.select(RESOURCES)


def strip_keys(address: str) -> str:
    """An address as in `dependencies`."""
    return re.sub(r"\[[^]]*\]", "", address)


def test_what_holds_data_stays() -> None:
    """The database, buckets, the table of events and the secret."""
    assert keep_data.is_protected(RESOURCES)
    assert {resource.title for resource in SELECTION.kept} == {
        "bucket fake-project-videovector-archive",
        "bucket fake-project-videovector-claims",
        "bucket fake-project-videovector-previews",
        "database (default)",
        "dataset videovector",
        "secret videovector-webhook-secrets",
        "table events",
    }


def test_what_costs_money_is_deleted() -> None:
    """Functions, topics, subscriptions, schedules, and the bucket of the source."""
    for name in (
        "google_cloudfunctions2_function.this",
        "google_cloud_scheduler_job.drain",
        "google_pubsub_subscription.pull",
        "google_pubsub_subscription.push",
        "google_pubsub_topic.this",
        "google_storage_bucket.source",
    ):
        assert f"module.bridge.{name}" in SELECTION.targets


def test_nothing_that_stays_depends_on_what_is_deleted() -> None:
    """Terraform deletes a target with all that depends on it."""
    targets = {strip_keys(target) for target in SELECTION.targets}
    stays = [each for each in RESOURCES if each.all_instances not in SELECTION.targets]

    assert {each.type for each in stays} >= {"google_project_service", "google_firestore_field"}
    for resource in stays:
        assert not targets & set(resource.dependencies), resource.address


def test_a_dependency_of_a_dependency_stays() -> None:
    """The state may list only direct ones."""
    state = {
        "resources": [
            resource("google_firestore_database", ["module.m.terraform_data.first"]),
            resource("terraform_data", ["module.m.terraform_data.second"], "first", "module.m[0]"),
            resource("terraform_data", [], "second", "module.m[0]"),
            resource("terraform_data", [], "third", "module.m[0]"),
        ]
    }

    assert keep_data.select(list_resources(state)).targets == ("module.m[0].terraform_data.third",)


def test_the_settings_that_data_was_created_with_stay() -> None:
    """So that another region or key is still refused."""
    assert "module.bridge.terraform_data.identity" not in SELECTION.targets


def test_a_second_destroy_has_no_targets() -> None:
    """A plan without targets would delete everything."""
    left = [each for each in RESOURCES if each.all_instances not in SELECTION.targets]

    assert keep_data.select(left).targets == ()
    assert keep_data.select(left).kept == SELECTION.kept


def test_data_is_unprotected_by_the_state_alone() -> None:
    """Every protection must be off, also that of a bucket."""
    state = read_unprotected_state()

    assert not keep_data.is_protected(list_resources(state))


def resource(
    kind: str, dependencies: list[str], name: str = "this", module: str = ""
) -> dict[str, object]:
    """A resource of a state, with one instance."""
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "module": module,
        "instances": [{"attributes": {"name": "x"}, "dependencies": dependencies}],
    }
