"""`make plan|deploy` from the plan on: what is refused, approved, repeated and verified."""

import json
import os
import shlex
import signal

import pytest

from tests.support.made_up_deployment import BUCKET, MadeUpDeployment
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.recorded_terraform import read_recorded, read_unprotected_plan

ADDRESS = 'module.bridge.google_cloudfunctions2_function.this["drain"]'


def stale_functions() -> object:
    """The functions of the project, where `drain` runs an older source."""
    functions = read_recorded("functions")
    for function in functions:
        if function["name"].endswith("/drain"):
            function["serviceConfig"]["environmentVariables"]["SOURCE_HASH"] = "old"
    return functions


@pytest.mark.parametrize("verb", ["plan", "deploy"])
def test_a_plan_that_deletes_data_is_refused(made: MadeUpDeployment, verb: str) -> None:
    """With a sentence for each loss; nothing is applied, with YES=1 too."""
    made.respond("plan", read_recorded("plan_off"))

    completed = made.make(verb)

    assert completed.returncode == 1
    assert "  dataset videovector (module.bridge.google_bigquery_dataset" in completed.stderr
    assert "  bucket fake-project-videovector-archive" in completed.stderr
    assert "infra/README.md, Migrations" in completed.stderr
    assert made.command_lines(" apply ") == []


def test_unprotected_data_is_deleted_after_an_approval(made: MadeUpDeployment) -> None:
    """The losses are listed before the question."""
    made.respond("plan", read_unprotected_plan("plan_off"))

    refused = made.make_on_terminal("deploy", "no")
    approved = made.make_on_terminal("deploy", "yes")

    assert (refused.returncode, approved.returncode) == (1, 0), approved.stderr
    assert "Not approved" in refused.stderr
    assert "deletes data:\n  " in refused.stdout
    assert "table events" in refused.stdout
    assert len(made.command_lines(" apply ")) == 1


@pytest.mark.parametrize("verb", ["deploy", "destroy"])
@pytest.mark.parametrize("yes", ["", "0", "no"])
def test_without_terminal_and_approval_nothing_happens(
    made: MadeUpDeployment, verb: str, yes: str
) -> None:
    """Nobody can answer the question, so the first command does not run either."""
    completed = made.make(verb, YES=yes)

    assert completed.returncode == 1
    assert "Set YES=1" in completed.stderr
    assert made.command_lines() == []


def test_a_plan_without_changes_is_not_applied(made: MadeUpDeployment) -> None:
    """There is no question then; the functions are checked all the same."""
    made.respond("plan", read_recorded("plan_same"))

    completed = made.make_on_terminal("deploy", "")

    assert completed.returncode == 0, completed.stderr
    assert made.command_lines(" apply ") == []
    assert len(made.command_lines("functions list")) == 1


def test_another_state_with_the_same_topics_is_refused(made: MadeUpDeployment) -> None:
    """Before anything is applied; the message says which state, and what to do."""
    made.respond("plan", read_recorded("plan_same"))
    made.add_state("staging", json.dumps(read_recorded("state")))
    made.add_state("default", json.dumps(read_recorded("state")))  # ours

    completed = made.make("deploy", PROJECT="test-project")

    assert completed.returncode == 1
    assert f"{BUCKET}/staging/default.tfstate" in completed.stderr
    assert "topic events" in completed.stderr
    assert "NAME=staging" in completed.stderr
    assert "default/default.tfstate" not in completed.stderr.replace("staging/default.tfstate", "")
    assert made.command_lines(" apply ") == []


def test_a_state_that_cannot_be_read_is_refused(made: MadeUpDeployment) -> None:
    """It may manage the same topics."""
    made.add_state("broken", "{")

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert f"{BUCKET}/broken/default.tfstate is not a state" in completed.stderr
    assert made.command_lines(" apply ") == []


def test_service_agents_are_created_before_their_grants(made: MadeUpDeployment) -> None:
    """A grant on the key for an agent that Google has not created yet fails."""
    plan = read_recorded("plan_kms")
    plan["resource_changes"] = [
        each for each in plan["resource_changes"] if "delete" not in each["change"]["actions"]
    ]
    made.respond("plan", plan)

    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    lines = made.command_lines("identity create", "service-agent", "bq show", " apply ")
    assert [line.partition("--service=")[2].partition(".")[0] for line in lines[:6]] == [
        *("artifactregistry", "cloudfunctions", "firestore", "pubsub", "run", "secretmanager")
    ]
    assert lines[6].startswith("gcloud storage service-agent --project=test-project")
    assert lines[7].startswith("bq show --encryption_service_account --project_id=test-project")
    assert lines[8].startswith("terraform apply")


def test_without_a_new_key_no_agent_is_created(made: MadeUpDeployment) -> None:
    """It would take half a minute at each deployment."""
    made.make("deploy")

    assert made.command_lines("identity", "bq ", "service-agent") == []


def test_a_failed_apply_says_how_to_continue(made: MadeUpDeployment) -> None:
    """Without YES a person decides when."""
    made.refuse("terraform apply")

    completed = made.make_on_terminal("deploy", "yes")

    assert completed.returncode == 1
    assert "Terraform: apply" in completed.stderr
    assert "Nothing needs a repair by hand: the same command continues" in completed.stderr
    assert len(made.command_lines(" apply ")) == 1


def test_with_yes_a_failed_apply_is_repeated_once(made: MadeUpDeployment) -> None:
    """A grant that is a minute old may not be effective yet."""
    made.refuse("terraform apply", times=1)
    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    assert len(made.command_lines(" plan ")) == len(made.command_lines(" apply ")) == 2


def test_an_apply_is_not_repeated_for_ever(made: MadeUpDeployment) -> None:
    """The second failure ends it."""
    made.refuse("terraform apply")
    completed = made.make("deploy")

    assert completed.returncode == 1
    assert "the same command continues" in completed.stderr
    assert len(made.command_lines(" apply ")) == 2


def test_a_repeated_plan_that_deletes_more_is_refused(made: MadeUpDeployment) -> None:
    """Nobody has approved that."""
    made.refuse("terraform apply", times=1)
    made.respond("plan", {"applyable": True}, read_recorded("plan_off"))

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert "table events" in completed.stderr
    assert len(made.command_lines(" apply ")) == 1


def test_a_function_with_an_old_source_is_repaired(made: MadeUpDeployment) -> None:
    """Its build failed in an earlier deployment; the next plan has the change."""
    made.respond("functions", stale_functions(), read_recorded("functions"))

    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    assert "drain (it runs another source)" in completed.stdout
    assert len(made.command_lines(" apply ")) == 2


def test_a_function_that_stays_old_fails_the_deployment(made: MadeUpDeployment) -> None:
    """The error names it, and the command that creates it again."""
    made.respond("functions", stale_functions())
    made.respond("state", read_recorded("state"))

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert "drain (it runs another source)" in completed.stderr
    assert "upsert-markers" not in completed.stderr
    replace = completed.stderr.strip().splitlines()[-1]
    assert f"-replace={ADDRESS}" in shlex.split(replace)
    assert "-var=project_id=test-project" in shlex.split(replace)
    assert "Deployed" not in completed.stdout


def test_a_changed_filter_is_announced_and_redelivered(made: MadeUpDeployment) -> None:
    """The old subscription loses its undelivered messages; a seek redelivers them."""
    made.respond("plan", read_recorded("plan_filter"))

    planned = made.make("plan")
    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    for output in (planned.stdout, completed.stdout):
        assert "upsert-markers-cb9f0892 replaces upsert-markers-6b16d4fe" in output
    (seek,) = made.command_lines("subscriptions seek")
    assert seek.startswith("gcloud pubsub subscriptions seek upsert-markers-cb9f0892 --time=2")
    assert seek in completed.stdout.partition("== Terraform: apply")[0]


def test_a_filter_that_a_failed_apply_changed_is_redelivered(made: MadeUpDeployment) -> None:
    """The second plan does not have the change."""
    made.respond("plan", read_recorded("plan_filter"), {"applyable": True})
    made.refuse("terraform apply", times=1)

    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    assert len(made.command_lines("subscriptions seek")) == 1


@pytest.mark.parametrize("refused", ["terraform apply", "subscriptions seek"])
def test_a_failure_after_a_changed_filter_has_the_command(
    made: MadeUpDeployment, refused: str
) -> None:
    """The next deployment does not see the change."""
    made.respond("plan", read_recorded("plan_filter"))
    made.refuse(refused)

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert "\n  gcloud pubsub subscriptions seek upsert-markers-cb9f0892" in completed.stderr


def test_an_upgrade_renames_addresses_before_the_plan(made: MadeUpDeployment) -> None:
    """`make plan` changes no state, and says what `make deploy` does first."""
    made.respond("state", read_recorded("state_0_1_0"))
    (made.cloud / "bucket").touch()

    planned = made.make("plan")
    assert planned.returncode == 0, planned.stderr
    assert "first renames 12 resources" in planned.stdout
    assert made.command_lines(" state mv ") == []

    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    moves = made.command_lines(" state mv ", " plan ")[1:]
    assert len(moves) == 13
    assert moves[-1].startswith("terraform plan ")
    assert (
        'terraform state mv google_pubsub_subscription.push["run-searches"] '
        'module.bridge.google_pubsub_subscription.push["run-searches-0eb15754"]'
    ) in moves


def test_ctrl_c_waits_for_terraform(made: MadeUpDeployment) -> None:
    """Terraform stores its state, and only then the command ends."""
    (made.cloud / "slow").touch()
    with made.start("deploy") as process:
        assert until((made.cloud / "applying").exists)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 130, errors
    assert (made.cloud / "stored").exists()
    assert "Run it again to continue" in errors
