"""`make plan|deploy` up to the plan: settings, tools, the API key, the bucket of the states."""

import json
from pathlib import Path

import pytest

from tests.support.made_up_cloud import calls, put_on_path
from tests.support.made_up_deployment import BUCKET, KEY, MadeUpDeployment

APIS = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
VARIABLES = (
    "-var=project_id=test-project -var=region=europe-west1 "
    "-var=api_key_secret=videovector-api-key"  # pragma: allowlist secret
)


def test_deploy_prepares_an_empty_project_and_runs_terraform(made: MadeUpDeployment) -> None:
    """It enables APIs, creates the secret, its key and the state's bucket, and applies a plan."""
    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    reading = (" describe ", " list ", " ls ", " show ", " pull")
    changes = [
        line
        for line in made.command_lines()
        if not any(word in f"{line} " for word in (*reading, " pull "))
    ]
    assert [line.partition(" --")[0] for line in changes][:5] == [
        f"gcloud services enable {' '.join(f'{api}.googleapis.com' for api in APIS)}",
        "gcloud secrets create videovector-api-key",
        "gcloud secrets versions add videovector-api-key",
        f"gcloud storage buckets create {BUCKET}",
        f"gcloud storage buckets update {BUCKET}",
    ]
    assert changes[5] == "terraform init -input=false -reconfigure"
    assert changes[6].startswith("terraform plan -input=false -out=")
    assert changes[6].endswith(VARIABLES)
    file = changes[6].partition("-out=")[2].split()[0]
    assert changes[7] == f"terraform apply -input=false {file}"
    assert changes[8:] == ["terraform output -json"]
    assert not Path(file).parent.exists()  # a plan may contain secrets
    backend = (made.repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'bucket = "test-project-videovector-state"' in backend
    assert 'prefix = "default"' in backend
    assert {call["folder"] for call in calls(made.cloud) if call["name"] == "terraform"} == {
        str(made.repository / "infra")
    }


def test_every_gcloud_command_names_the_project(made: MadeUpDeployment) -> None:
    """The project of gcloud's own configuration is not used."""
    made.make("deploy")

    for line in made.command_lines("gcloud "):
        assert "--project=test-project" in line or " describe test-project " in line


def test_the_key_is_in_no_argument_and_no_output(made: MadeUpDeployment) -> None:
    """Only `gcloud` reads it, once, from standard input."""
    completed = made.make("deploy")

    assert [call["stdin"] for call in calls(made.cloud) if call["stdin"]] == [KEY]
    assert KEY not in " ".join(made.command_lines()) + completed.stdout + completed.stderr


def test_a_second_deploy_creates_nothing(made: MadeUpDeployment) -> None:
    """An existing key is kept, and the key file is not read."""
    made.make("deploy")
    first = len(calls(made.cloud))
    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    assert not [
        line for line in made.command_lines()[first:] if " create " in line or " add " in line
    ]
    assert "gcloud secrets versions add videovector-api-key" in completed.stdout


def test_a_plan_creates_nothing(made: MadeUpDeployment) -> None:
    """It changes nothing in the project, and writes no backend: an empty project has no state."""
    completed = made.make("plan", YES="")

    assert completed.returncode == 0, completed.stderr
    assert "empty project" in completed.stdout
    assert not (made.repository / "infra" / "backend.tf").exists()
    assert {" ".join(line.split()[:3]) for line in made.command_lines()} == {
        "gcloud projects describe",
        "gcloud storage buckets",
        "terraform init -input=false",
        "terraform state pull",
        "terraform plan -input=false",
        "terraform show -json",
    }


def test_name_selects_the_state(made: MadeUpDeployment, tmp_path: Path) -> None:
    """Staging and production do not share a state, whatever their files are called."""
    variables = tmp_path / "eu.tfvars"
    variables.write_text('prefix = "staging-"\n', encoding="utf-8")

    completed = made.make("deploy", VARS=str(variables), NAME="staging")

    assert completed.returncode == 0, completed.stderr
    backend = (made.repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'prefix = "staging"' in backend
    assert f"{BUCKET}/staging/default.tfstate" in completed.stdout
    assert f"-var-file={variables}" in made.command_lines(" plan ")[0]


def test_all_wrong_settings_are_reported_at_once(made: MadeUpDeployment, tmp_path: Path) -> None:
    """No command runs."""
    variables = tmp_path / "x.tfvars"
    variables.write_text('region = "us-east1"\nproject_id="p"\nlabels = {}\n', encoding="utf-8")

    completed = made.make(
        "deploy",
        PROJECT="My Project",
        REGION="us-central1-a",
        API_KEY_SECRET="projects/p/secrets/s",  # pragma: allowlist secret
        VARS=str(variables),
        YES="sure",
        AUTOMATIONS_FILE="no/such.toml",
        API_KEY_FILE="no/such/key",  # pragma: allowlist secret
    )

    assert completed.returncode == 2
    for start in (
        "PROJECT must",
        "REGION must",
        "API_KEY_SECRET must",
        "YES must",
        "AUTOMATIONS_FILE: file no/such.toml does not exist",
        "API_KEY_FILE: file no/such/key does not exist",
        "NAME is required with VARS",
        "VARS sets region: set it with REGION=",
        "VARS sets project_id: set it with PROJECT=",
    ):
        assert f"\n  {start}" in completed.stderr
    assert "labels" not in completed.stderr
    assert calls(made.cloud) == []


def test_without_a_key_the_error_names_the_setting(made: MadeUpDeployment) -> None:
    """Without a terminal it cannot ask for the key."""
    completed = made.make("deploy", API_KEY_FILE="")

    assert completed.returncode == 1
    assert "API_KEY_FILE=path" in completed.stderr
    assert made.command_lines("terraform ") == []


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "schlüssel"])
def test_an_invalid_key_is_not_stored(made: MadeUpDeployment, content: str) -> None:
    """Nor is it printed."""
    made.key_file.write_text(content, encoding="utf-8")

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert f"{made.key_file} is not" in completed.stderr
    assert not content or content not in completed.stderr
    assert made.command_lines(" versions add ") == []


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ("projects describe", "PERMISSION_DENIED"),
        ("services enable", "Enabling APIs"),
        ("secrets describe", "PERMISSION_DENIED"),
        ("secrets create", "Creating the secret videovector-api-key"),
        ("versions add", "Storing the API key"),
        ("buckets describe", "PERMISSION_DENIED"),
        ("buckets create", f"Creating {BUCKET}"),
        ("terraform init", "Terraform: init"),
        ("terraform state pull", "PERMISSION_DENIED"),
        ("storage ls", "PERMISSION_DENIED"),
        ("terraform plan", "Terraform: plan"),
        ("functions list", "PERMISSION_DENIED"),
    ],
)
def test_a_failed_step_ends_the_deployment(
    made: MadeUpDeployment, refused: str, message: str
) -> None:
    """The error names the step, and no later step runs. A missing permission is no "not found"."""
    made.refuse(refused)

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert message in completed.stderr
    assert refused in made.command_lines()[-1]
    assert "Deployed" not in completed.stdout


def test_filters_that_exclude_needed_events_are_refused(made: MadeUpDeployment) -> None:
    """Nothing is created."""
    topology = made.repository / "infra" / "topology.json"
    content = json.loads(topology.read_text(encoding="utf-8"))
    content["subscriptions"]["upsert-markers"]["filter"] = 'attributes.ce-type = "no.such"'
    topology.write_text(json.dumps(content), encoding="utf-8")

    completed = made.make("deploy")

    assert completed.returncode == 1
    assert "upsert-markers" in completed.stderr
    assert f"--topology {topology} --write" in completed.stderr
    assert not (made.cloud / "bucket").exists()


def test_a_users_backend_is_not_changed(made: MadeUpDeployment) -> None:
    """A backend.tf that the user wrote configures the state; other states are unknown then."""
    file = made.repository / "infra" / "backend.tf"
    file.write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")

    completed = made.make("deploy")

    assert completed.returncode == 0, completed.stderr
    assert file.read_text(encoding="utf-8").startswith("terraform {")
    assert made.command_lines(" buckets ", " storage ") == []


def test_a_missing_tool_is_reported(made: MadeUpDeployment, tmp_path: Path) -> None:
    """No command runs."""
    folder = tmp_path / "half"
    folder.mkdir()
    put_on_path(folder, ("gcloud",))

    completed = made.make("plan", PATH=str(folder / "bin"))

    assert completed.returncode == 1
    assert "terraform not found" in completed.stderr
    assert calls(folder) == []
