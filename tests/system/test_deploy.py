"""`make plan|deploy|destroy` as a process, with gcloud and Terraform that only note their calls."""

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
GIVEN = {"PROJECT": "test-project", "REGION": "europe-west1", "YES": "1"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What a deployment reads, where it may write too."""
    copied = tmp_path / "repository"
    shutil.copytree(ROOT / "infra" / "deploy", copied / "infra" / "deploy")
    shutil.copy(ROOT / "infra" / "__init__.py", copied / "infra")
    shutil.copy(ROOT / "infra" / "topology.json", copied / "infra")
    return copied


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """What Google Cloud has: at first nothing."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "planned").write_text(json.dumps({"upsert-markers": "upsert-markers-1"}))
    return folder


@pytest.fixture
def path(cloud: Path) -> str:
    """Where the commands are found."""
    return put_on_path(cloud)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """A file with the API key."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    return str(file)


def make(repository: Path, path: str, verb: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run it as make does: by environment."""
    return subprocess.run(
        [sys.executable, "-m", "infra.deploy", verb],
        cwd=repository,
        env={"PATH": path, "HOME": os.environ["HOME"], "PYTHONPATH": str(repository), **given},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def words(call: Call) -> str:
    """A call as it would be typed."""
    return " ".join((str(call["name"]), *call["arguments"]))


def typed(cloud: Path) -> list[str]:
    """Every call so far."""
    return [words(call) for call in calls(cloud)]


def test_an_empty_project_gets_everything(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """APIs, the secret and its key, the state's bucket, and then Terraform."""
    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert done.returncode == 0, done.stderr
    made = [line for line in typed(cloud) if " describe " not in line and " list " not in line]
    apis = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
    variables = {"project_id": "test-project", "region": "europe-west1"}
    variables["api_key_secret"] = "videovector-api-key"  # pragma: allowlist secret
    given = " ".join(f"-var={name}={value}" for name, value in variables.items())
    assert [line.partition(" --")[0] for line in made] == [
        f"gcloud services enable {' '.join(f'{api}.googleapis.com' for api in apis)}",
        "gcloud secrets create videovector-api-key",
        "gcloud secrets versions add videovector-api-key",
        "gcloud storage buckets create gs://test-project-videovector-state",
        "gcloud storage buckets update gs://test-project-videovector-state",
        "terraform init -input=false -reconfigure",
        "terraform output -json subscriptions",
        f"terraform apply {given} -auto-approve",
        "terraform output -json subscriptions",
    ]
    backend = (repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'bucket = "test-project-videovector-state"' in backend
    assert 'prefix = "default"' in backend
    assert {call["folder"] for call in calls(cloud) if call["name"] == "terraform"} == {
        str(repository / "infra")
    }


def test_all_that_gcloud_makes_is_in_the_project(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """Whatever project gcloud's own configuration has."""
    make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    for line in typed(cloud):
        if line.startswith("gcloud "):
            assert "--project=test-project" in line or " describe test-project " in line


def test_the_key_is_in_no_argument_and_no_output(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """It goes to gcloud on standard input, once."""
    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert [call["given"] for call in calls(cloud) if call["given"]] == [KEY]
    assert KEY not in " ".join(typed(cloud)) + done.stdout + done.stderr


def test_a_second_time_nothing_is_made_again(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """A key that is there stays, and the file is not read for another."""
    make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)
    first = len(calls(cloud))
    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert done.returncode == 0, done.stderr
    assert not [line for line in typed(cloud)[first:] if " create " in line or " add " in line]
    assert "gcloud secrets versions add videovector-api-key" in done.stdout


def test_a_plan_makes_nothing(repository: Path, cloud: Path, path: str) -> None:
    """Not in the project, and no backend: an empty project has no state."""
    done = make(repository, path, "plan", **GIVEN)

    assert done.returncode == 0, done.stderr
    assert "empty project" in done.stdout
    assert not (repository / "infra" / "backend.tf").exists()
    assert {" ".join(line.split()[:3]) for line in typed(cloud)} == {
        "gcloud projects describe",
        "gcloud storage buckets",
        "terraform init -input=false",
        "terraform plan -var=project_id=test-project",
    }
    assert " -auto-approve" not in typed(cloud)[-1]


def test_without_yes_terraform_asks(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """As it does by itself."""
    make(
        repository, path, "deploy", PROJECT="test-project", REGION="us-east1", API_KEY_FILE=key_file
    )

    (applied,) = (line for line in typed(cloud) if line.startswith("terraform apply"))
    assert "-auto-approve" not in applied


def test_a_file_of_variables_has_a_state_of_its_own(
    repository: Path, cloud: Path, path: str, key_file: str, tmp_path: Path
) -> None:
    """So that staging and production do not meet."""
    variables = tmp_path / "eu.staging.tfvars"
    variables.write_text('prefix = "staging-"\n', encoding="utf-8")

    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file, VARS=str(variables))

    assert done.returncode == 0, done.stderr
    backend = (repository / "infra" / "backend.tf").read_text(encoding="utf-8")
    assert 'prefix = "eu.staging"' in backend
    assert any(f"-var-file={variables}" in line for line in typed(cloud))


def test_a_changed_filter_is_told_with_the_way_to_lose_nothing(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """The subscription that went took along what it had not delivered."""
    first = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)
    (cloud / "planned").write_text(
        json.dumps({"upsert-markers": "upsert-markers-2", "run-searches": "run-searches-1"})
    )
    second = make(repository, path, "deploy", **GIVEN)

    assert "seek" not in first.stdout
    assert "gcloud pubsub subscriptions seek upsert-markers-2 --time=2" in second.stdout
    assert "run-searches" not in second.stdout


def test_all_that_is_wrong_is_named_at_once(
    repository: Path, cloud: Path, path: str, tmp_path: Path
) -> None:
    """Before anything is called."""
    variables = tmp_path / "x.tfvars"
    variables.write_text('region = "us-east1"\nproject_id="p"\nlabels = {}\n', encoding="utf-8")

    done = make(
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

    assert done.returncode == 2
    for name in ("PROJECT is", "REGION is", "API_KEY_SECRET is", "AUTOMATIONS_FILE:"):
        assert f"  {name}" in done.stderr
    assert "  API_KEY_FILE: there is no file no/such/key" in done.stderr
    assert "VARS sets region: give it as REGION=" in done.stderr
    assert "VARS sets project_id: give it as PROJECT=" in done.stderr
    assert "labels" not in done.stderr
    assert calls(cloud) == []


def test_a_region_must_be_given(repository: Path, path: str) -> None:
    """Nobody's bridge lands on another continent by default."""
    done = make(repository, path, "plan", PROJECT="test-project")

    assert done.returncode == 2
    assert "REGION is to be a region" in done.stderr


def test_without_a_key_it_says_how_to_give_it(repository: Path, cloud: Path, path: str) -> None:
    """Where nobody is there to be asked."""
    done = make(repository, path, "deploy", **GIVEN)

    assert done.returncode == 1
    assert "API_KEY_FILE=path" in done.stderr
    assert not [line for line in typed(cloud) if line.startswith("terraform")]


@pytest.mark.parametrize("content", ["", "two words", "two\nlines", "schlüssel"])
def test_what_is_no_key_is_not_stored(
    repository: Path, cloud: Path, path: str, tmp_path: Path, content: str
) -> None:
    """And is not shown."""
    file = tmp_path / "key"
    file.write_text(content, encoding="utf-8")

    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=str(file))

    assert done.returncode == 1
    assert f"{file} is not" in done.stderr
    assert not content or content not in done.stderr
    assert not [line for line in typed(cloud) if " versions add " in line]


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ("projects describe", "PERMISSION_DENIED"),
        ("services enable", "Enabling APIs"),
        ("secrets create", "Making the secret videovector-api-key"),
        ("versions add", "Storing the API key"),
        ("buckets create", "Making gs://test-project-videovector-state"),
        ("terraform init", "Terraform: init"),
        ("terraform apply", "Terraform: apply"),
    ],
)
def test_a_step_that_fails_ends_it(
    *, repository: Path, cloud: Path, path: str, key_file: str, refused: str, told: str
) -> None:
    """With its name, and without those that would follow."""
    (cloud / "refuse").write_text(refused)

    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert done.returncode == 1
    assert told in done.stderr
    assert refused in typed(cloud)[-1]
    assert "Deployed" not in done.stdout


def test_filters_that_would_keep_events_away_are_refused(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """Before anything is made."""
    topology = repository / "infra" / "topology.json"
    content = json.loads(topology.read_text(encoding="utf-8"))
    content["subscriptions"]["upsert-markers"]["filter"] = 'attributes.ce-type = "no.such"'
    topology.write_text(json.dumps(content), encoding="utf-8")

    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert done.returncode == 1
    assert "upsert-markers" in done.stderr
    assert f"--topology {topology} --write" in done.stderr
    assert not (cloud / "bucket").exists()


def test_a_backend_of_ones_own_is_left_alone(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """Whoever keeps state elsewhere says so in backend.tf."""
    file = repository / "infra" / "backend.tf"
    file.write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")

    done = make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)

    assert done.returncode == 0, done.stderr
    assert file.read_text(encoding="utf-8").startswith("terraform {")
    assert not [line for line in typed(cloud) if " buckets " in line]


def test_nothing_is_destroyed_where_nothing_is_known(
    repository: Path, cloud: Path, path: str
) -> None:
    """Without a state Terraform would find nothing, and seem to have done it."""
    done = make(repository, path, "destroy", **GIVEN)

    assert done.returncode == 1
    assert "there is nothing to destroy" in done.stderr
    assert not [line for line in typed(cloud) if line.startswith("terraform")]


def test_after_destroying_it_says_what_is_left(
    repository: Path, cloud: Path, path: str, key_file: str
) -> None:
    """The key and the state are not Terraform's."""
    make(repository, path, "deploy", **GIVEN, API_KEY_FILE=key_file)
    done = make(repository, path, "destroy", **GIVEN)

    assert done.returncode == 0, done.stderr
    assert typed(cloud)[-1].startswith("terraform destroy ")
    assert "gcloud secrets delete videovector-api-key --project=test-project" in done.stdout


def test_a_missing_tool_is_named(repository: Path, tmp_path: Path) -> None:
    """And nothing else is tried."""
    folder = tmp_path / "half"
    folder.mkdir()
    put_on_path(folder, ("gcloud",))

    done = make(repository, str(folder / "bin"), "plan", **GIVEN)

    assert done.returncode == 1
    assert "terraform not found" in done.stderr
    assert calls(folder) == []
