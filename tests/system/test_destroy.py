"""`make destroy` as a process, with fake commands."""

import pytest

from tests.support.made_up_deployment import BUCKET, MadeUpDeployment
from tests.support.recorded_terraform import read_recorded, read_unprotected_state


@pytest.fixture
def deployed(made: MadeUpDeployment) -> MadeUpDeployment:
    """A deployment with data that is protected."""
    (made.cloud / "bucket").touch()
    made.respond("state", read_recorded("state"))
    return made


def test_without_a_bucket_there_is_nothing_to_destroy(made: MadeUpDeployment) -> None:
    """Otherwise Terraform would report success without deleting anything."""
    completed = made.make("destroy")

    assert completed.returncode == 1
    assert "there is nothing to destroy" in completed.stderr
    assert made.command_lines("terraform ") == []


def test_a_wrong_name_is_reported_with_the_existing_states(made: MadeUpDeployment) -> None:
    """It is easy to mistype."""
    (made.cloud / "bucket").touch()
    made.add_state("staging", "{}")

    completed = made.make("destroy", NAME="stagging")

    assert completed.returncode == 1
    assert f"{BUCKET}/stagging/default.tfstate has no resources" in completed.stderr
    assert f"(there are: {BUCKET}/staging/default.tfstate)" in completed.stderr


def test_protected_data_stays(deployed: MadeUpDeployment) -> None:
    """Everything else is a target of the plan; the output says what is left, and both ways."""
    completed = deployed.make("destroy")

    assert completed.returncode == 0, completed.stderr
    (planned,) = deployed.command_lines(" plan ")
    assert " -destroy " in planned
    assert " -target=module.bridge.google_cloudfunctions2_function.this " in planned
    assert "google_firestore_database" not in planned
    assert deployed.command_lines(" apply ") != []
    for text in (
        "database (default)",
        "every cursor, lease and effect record",
        "secret videovector-webhook-secrets",
        "`make deploy` with the same settings continues",
        "deletion_protection = false",
    ):
        assert text in completed.stdout
    assert "storage rm" not in completed.stdout


def test_a_second_destroy_deletes_nothing(deployed: MadeUpDeployment) -> None:
    """Without targets, Terraform's plan would be of everything."""
    state = read_recorded("state")
    state["resources"] = [
        each for each in state["resources"] if each["type"] == "google_firestore_database"
    ]
    deployed.respond("state", state)

    completed = deployed.make("destroy")

    assert completed.returncode == 0, completed.stderr
    assert deployed.command_lines(" plan ", " apply ") == []
    assert "database (default)" in completed.stdout


def test_a_plan_that_deletes_protected_data_is_not_applied(deployed: MadeUpDeployment) -> None:
    """Whatever the reason is."""
    address = "module.bridge.google_firestore_database.this[0]"
    deployed.respond(
        "plan", {"resource_changes": [{"address": address, "change": {"actions": ["delete"]}}]}
    )

    completed = deployed.make("destroy")

    assert completed.returncode == 1
    assert "deletes database (default), which must stay" in completed.stderr
    assert deployed.command_lines(" apply ") == []


def test_unprotected_data_is_deleted(deployed: MadeUpDeployment) -> None:
    """The key and the state remain, and the name of the database is not free at once."""
    deployed.respond("state", read_unprotected_state())

    completed = deployed.make("destroy")

    assert completed.returncode == 0, completed.stderr
    (planned,) = deployed.command_lines(" plan ")
    assert " -destroy " in planned
    assert "-target" not in planned
    assert "gcloud secrets delete videovector-api-key --project=test-project" in completed.stdout
    assert f"gcloud storage rm --all-versions {BUCKET}/default/default.tfstate" in completed.stdout
    assert "database (default) for about five minutes" in completed.stdout


def test_grants_on_a_key_are_left_to_other_bridges(deployed: MadeUpDeployment) -> None:
    """Google's service agents belong to the project, so another bridge needs the same grants."""
    state = read_unprotected_state()
    kind, name = "google_kms_crypto_key_iam_member", "agent"
    grant = {"mode": "managed", "type": kind, "name": name, "module": "module.bridge"}
    instances: list[object] = [{"index_key": each, "attributes": {}} for each in ("pubsub", "run")]
    state["resources"].append({**grant, "instances": instances})
    deployed.respond("state", state)

    completed = deployed.make("destroy")

    assert completed.returncode == 0, completed.stderr
    lines = deployed.command_lines(" state rm ", " plan ")
    assert lines[0] == f"terraform state rm module.bridge.{kind}.{name}"
    assert lines[1].startswith("terraform plan ")


def test_a_state_of_an_earlier_version_is_upgraded_first(deployed: MadeUpDeployment) -> None:
    """Its addresses are not those of the configuration."""
    deployed.respond("state", read_recorded("state_0_1_0"))

    completed = deployed.make("destroy")

    assert completed.returncode == 1
    assert "Run `make deploy` first" in completed.stderr
    assert deployed.command_lines(" plan ") == []


def test_without_approval_nothing_is_deleted(deployed: MadeUpDeployment) -> None:
    """Only `yes` approves."""
    completed = deployed.make_on_terminal("destroy", "y")

    assert completed.returncode == 1
    assert "Not approved" in completed.stderr
    assert deployed.command_lines(" apply ") == []


def test_a_failed_destroy_says_how_to_continue(deployed: MadeUpDeployment) -> None:
    """What was deleted before is not in the state."""
    deployed.refuse("terraform apply")

    completed = deployed.make("destroy")

    assert completed.returncode == 1
    assert "The same command continues." in completed.stderr
