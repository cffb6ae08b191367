"""`make plan|deploy|destroy` as a process, with a fake gcloud and Terraform."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.processes.functions import ROOT
from tests.support.made_up_cloud import Call, calls, put_on_path

KEY = "vv_made_up_key_of_the_test"
SETTINGS = {"PROJECT": "test-project", "REGION": "europe-west1", "YES": "1"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the files that a deployment reads and writes."""
    copied = tmp_path / "repository"
    shutil.copytree(ROOT / "infra" / "deploy", copied / "infra" / "deploy")
    shutil.copy(ROOT / "infra" / "__init__.py", copied / "infra")
    shutil.copy(ROOT / "infra" / "topology.json", copied / "infra")
    return copied


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """The folder of the fake cloud, at first without resources."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "planned").write_text(json.dumps({"upsert-markers": "upsert-markers-1"}))
    return folder


@pytest.fixture
def path(cloud: Path) -> str:
    """A PATH with the fake commands."""
    return put_on_path(cloud)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """A file with the API key."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    return str(file)


def make(
    repository: Path, path: str, verb: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run it as make does, with settings in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "infra.deploy", verb],
        cwd=repository,
        env={"PATH": path, "HOME": os.environ["HOME"], "PYTHONPATH": str(repository), **settings},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def words(call: Call) -> str:
    """A call as a command line."""
    return " ".join((str(call["name"]), *call["arguments"]))


def command_lines(cloud: Path) -> list[str]:
    """Every call so far, as a command line."""
    return [words(call) for call in calls(cloud)]


def test_deploy_prepares_an_empty_project_and_runs_terraform(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """It enables APIs, creates the secret, its key and the state's bucket, and runs Terraform."""
    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert completed.returncode == 0, completed.stderr
    changes = [
        line for line in command_lines(cloud) if " describe " not in line and " list " not in line
    ]
    apis = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
    variables = {"project_id": "test-project", "region": "europe-west1"}
    variables["api_key_secret"] = "videovector-api-key"  # pragma: allowlist secret
    options = " ".join(f"-var={name}={value}" for name, value in variables.items())
    assert [line.partition(" --")[0] for line in changes] == [
        f"gcloud services enable {' '.join(f'{api}.googleapis.com' for api in apis)}",
        "gcloud secrets create videovector-api-key",
        "gcloud secrets versions add videovector-api-key",
        "gcloud storage buckets create gs://test-project-videovector-state",
        "gcloud storage buckets update gs://test-project-videovector-state",
        "terraform init -input=false -reconfigure",
        "terraform output -json subscriptions",
        f"terraform apply {options} -auto-approve",
        "terraform output -json subscriptions",
    ]
    backend = (repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'bucket = "test-project-videovector-state"' in backend
    assert 'prefix = "default"' in backend
    assert {call["folder"] for call in calls(cloud) if call["name"] == "terraform"} == {
        str(repository / "infra")
    }


def test_every_gcloud_command_names_the_project(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """The project of gcloud's own configuration is not used."""
    make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    for line in command_lines(cloud):
        if line.startswith("gcloud "):
            assert "--project=test-project" in line or " describe test-project " in line


def test_the_key_is_in_no_argument_and_no_output(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """Only `gcloud` reads it, once, from standard input."""
    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert [call["stdin"] for call in calls(cloud) if call["stdin"]] == [KEY]
    assert KEY not in " ".join(command_lines(cloud)) + completed.stdout + completed.stderr


def test_a_second_deploy_creates_nothing(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """An existing key is kept, and the key file is not read."""
    make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)
    first = len(calls(cloud))
    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert completed.returncode == 0, completed.stderr
    assert not [
        line for line in command_lines(cloud)[first:] if " create " in line or " add " in line
    ]
    assert "gcloud secrets versions add videovector-api-key" in completed.stdout


def test_a_plan_creates_nothing(repository: Path, cloud: Path, path: str) -> None:
    """It changes nothing in the project, and writes no backend: an empty project has no state."""
    completed = make(repository, path, "plan", **SETTINGS)

    assert completed.returncode == 0, completed.stderr
    assert "empty project" in completed.stdout
    assert not (repository / "infra" / "backend.tf").exists()
    assert {" ".join(line.split()[:3]) for line in command_lines(cloud)} == {
        "gcloud projects describe",
        "gcloud storage buckets",
        "terraform init -input=false",
        "terraform plan -var=project_id=test-project",
    }
    assert " -auto-approve" not in command_lines(cloud)[-1]


def test_without_yes_terraform_asks(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """`terraform apply` runs without -auto-approve."""
    make(
        repository, path, "deploy", PROJECT="test-project", REGION="us-east1", API_KEY_FILE=key_file
    )

    (applied,) = (line for line in command_lines(cloud) if line.startswith("terraform apply"))
    assert "-auto-approve" not in applied


def test_each_variables_file_has_a_state_of_its_own(
    repository: Path, cloud: Path, path: str, key_file: str, tmp_path: Path
) -> None:
    """Staging and production do not share a state."""
    variables = tmp_path / "eu.staging.tfvars"
    variables.write_text('prefix = "staging-"\n', encoding="utf-8")

    completed = make(
        repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file, VARS=str(variables)
    )

    assert completed.returncode == 0, completed.stderr
    backend = (repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'prefix = "eu.staging"' in backend
    assert any(f"-var-file={variables}" in line for line in command_lines(cloud))


def test_a_changed_filter_is_reported_with_a_seek_command(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """The deleted subscription loses its undelivered messages; `seek` redelivers them."""
    first = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)
    (cloud / "planned").write_text(
        json.dumps({"upsert-markers": "upsert-markers-2", "run-searches": "run-searches-1"})
    )
    second = make(repository, path, "deploy", **SETTINGS)

    assert "seek" not in first.stdout
    assert "gcloud pubsub subscriptions seek upsert-markers-2 --time=2" in second.stdout
    assert "run-searches" not in second.stdout


def test_all_wrong_settings_are_reported_at_once(
    repository: Path, cloud: Path, path: str, tmp_path: Path
) -> None:
    """No command runs."""
    variables = tmp_path / "x.tfvars"
    variables.write_text('region = "us-east1"\nproject_id="p"\nlabels = {}\n', encoding="utf-8")

    completed = make(
        repository,
        path,
        "deploy",
        PROJECT="My Project",
        REGION="us-central1-a",
        API_KEY_SECRET="projects/p/secrets/s",  # pragma: allowlist secret
        VARS=str(variables),
        AUTOMATIONS_FILE="no/such.toml",
        API_KEY_FILE="no/such/key",  # pragma: allowlist secret
    )

    assert completed.returncode == 2
    for name in ("PROJECT must", "REGION must", "API_KEY_SECRET must", "AUTOMATIONS_FILE:"):
        assert f"  {name}" in completed.stderr
    assert "  API_KEY_FILE: file no/such/key does not exist" in completed.stderr
    assert "VARS sets region: set it with REGION=" in completed.stderr
    assert "VARS sets project_id: set it with PROJECT=" in completed.stderr
    assert "labels" not in completed.stderr
    assert calls(cloud) == []


def test_a_region_is_required(repository: Path, path: str) -> None:
    """There is no default region that may be on another continent."""
    completed = make(repository, path, "plan", PROJECT="test-project")

    assert completed.returncode == 2
    assert "REGION must be a region" in completed.stderr


def test_without_a_key_the_error_names_the_setting(
    repository: Path, cloud: Path, path: str
) -> None:
    """Without a terminal it cannot ask for the key."""
    completed = make(repository, path, "deploy", **SETTINGS)

    assert completed.returncode == 1
    assert "API_KEY_FILE=path" in completed.stderr
    assert not [line for line in command_lines(cloud) if line.startswith("terraform")]


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "schlüssel"])
def test_an_invalid_key_is_not_stored(
    repository: Path, cloud: Path, path: str, tmp_path: Path, content: str
) -> None:
    """Nor is it printed."""
    file = tmp_path / "key"
    file.write_text(content, encoding="utf-8")

    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=str(file))

    assert completed.returncode == 1
    assert f"{file} is not" in completed.stderr
    assert not content or content not in completed.stderr
    assert not [line for line in command_lines(cloud) if " versions add " in line]


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ("projects describe", "PERMISSION_DENIED"),
        ("services enable", "Enabling APIs"),
        ("secrets create", "Creating the secret videovector-api-key"),
        ("versions add", "Storing the API key"),
        ("buckets create", "Creating gs://test-project-videovector-state"),
        ("terraform init", "Terraform: init"),
        ("terraform apply", "Terraform: apply"),
    ],
)
def test_a_failed_step_ends_the_deployment(
    *, repository: Path, cloud: Path, path: str, key_file: str, refused: str, message: str
) -> None:
    """The error names the step, and no later step runs."""
    (cloud / "refuse").write_text(refused)

    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert completed.returncode == 1
    assert message in completed.stderr
    assert refused in command_lines(cloud)[-1]
    assert "Deployed" not in completed.stdout


def test_filters_that_exclude_needed_events_are_refused(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """Nothing is created."""
    topology = repository / "infra" / "topology.json"
    content = json.loads(topology.read_text(encoding="utf-8"))
    content["subscriptions"]["upsert-markers"]["filter"] = 'attributes.ce-type = "no.such"'
    topology.write_text(json.dumps(content), encoding="utf-8")

    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert completed.returncode == 1
    assert "upsert-markers" in completed.stderr
    assert f"--topology {topology} --write" in completed.stderr
    assert not (cloud / "bucket").exists()


def test_a_users_backend_is_not_changed(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """A backend.tf that the user wrote configures the state."""
    file = repository / "infra" / "backend.tf"
    file.write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")

    completed = make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)

    assert completed.returncode == 0, completed.stderr
    assert file.read_text(encoding="utf-8").startswith("terraform {")
    assert not [line for line in command_lines(cloud) if " buckets " in line]


def test_destroy_without_a_state_fails(repository: Path, cloud: Path, path: str) -> None:
    """Otherwise Terraform would report success without deleting anything."""
    completed = make(repository, path, "destroy", **SETTINGS)

    assert completed.returncode == 1
    assert "there is nothing to destroy" in completed.stderr
    assert not [line for line in command_lines(cloud) if line.startswith("terraform")]


def test_destroy_prints_what_remains(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """The key and the state are not managed by Terraform."""
    make(repository, path, "deploy", **SETTINGS, API_KEY_FILE=key_file)
    completed = make(repository, path, "destroy", **SETTINGS)

    assert completed.returncode == 0, completed.stderr
    assert command_lines(cloud)[-1].startswith("terraform destroy ")
    assert "gcloud secrets delete videovector-api-key --project=test-project" in completed.stdout


def test_a_missing_tool_is_reported(repository: Path, tmp_path: Path) -> None:
    """No command runs."""
    folder = tmp_path / "half"
    folder.mkdir()
    put_on_path(folder, ("gcloud",))

    completed = make(repository, str(folder / "bin"), "plan", **SETTINGS)

    assert completed.returncode == 1
    assert "terraform not found" in completed.stderr
    assert calls(folder) == []
