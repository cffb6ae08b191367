"""The settings of a deployment: defaults, wrong values, and variables that make sets."""

from pathlib import Path

import pytest

from infra.deploy.settings import find_conflicts, read_settings

REQUIRED = {"PROJECT": "test-project", "REGION": "europe-west1"}


def test_only_project_and_region_are_required() -> None:
    """Everything else has a default."""
    settings, problems = read_settings(REQUIRED)

    assert problems == []
    assert settings.deployment.state_url == (
        "gs://test-project-videovector-state/default/default.tfstate"
    )
    assert settings.deployment.api_key_secret == "videovector-api-key"  # pragma: allowlist secret
    assert not settings.approved
    assert settings.retry_seconds == 60


def test_name_selects_the_state() -> None:
    """The state of a deployment does not depend on a file's name."""
    settings, problems = read_settings({**REQUIRED, "NAME": "staging-2"})

    assert problems == []
    assert "/staging-2/default.tfstate" in settings.deployment.state_url


@pytest.mark.parametrize(
    ("value", "approved"),
    [("1", True), ("true", True), ("YES", True), ("0", False), ("False", False), ("no", False)],
)
def test_yes_may_be_no(value: str, *, approved: bool) -> None:
    """`YES=0` does not approve."""
    settings, problems = read_settings({**REQUIRED, "YES": value})

    assert problems == []
    assert settings.approved is approved


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PROJECT", "My Project"),
        ("REGION", "us-central1-a"),
        ("NAME", "Staging"),
        ("NAME", "eu.staging"),
        ("NAME", "-x"),
        ("API_KEY_SECRET", "projects/p/secrets/s"),  # pragma: allowlist secret
        ("YES", "perhaps"),
        ("RETRY_SECONDS", "1.5"),
        ("RETRY_SECONDS", "soon"),
    ],
)
def test_a_wrong_value_is_named(variable: str, value: str) -> None:
    """The problem has the variable, the form and the value, and never approves."""
    settings, problems = read_settings({**REQUIRED, variable: value})

    assert len(problems) == 1
    assert problems[0].startswith(f"{variable} must be ")
    assert repr(value)[1:-1].lower() in problems[0].lower()
    assert not settings.approved


def test_a_variables_file_needs_a_name(tmp_path: Path) -> None:
    """Its base name is proposed, because earlier versions named the state after it."""
    file = tmp_path / "staging.tfvars"
    file.write_text("", encoding="utf-8")

    _, problems = read_settings({**REQUIRED, "VARS": str(file)})
    _, problems_with_name = read_settings({**REQUIRED, "VARS": str(file), "NAME": "staging"})

    (problem,) = problems
    assert "NAME is required with VARS" in problem
    assert problem.endswith("NAME=staging")
    assert problems_with_name == []


def test_a_file_name_that_is_no_name_gets_a_command(tmp_path: Path) -> None:
    """The state of an earlier version can be renamed."""
    file = tmp_path / "EU.staging.tfvars"
    file.write_text("", encoding="utf-8")

    _, (problem,) = read_settings({**REQUIRED, "VARS": str(file)})

    bucket = "gs://test-project-videovector-state"
    assert (
        f"gcloud storage mv {bucket}/EU.staging/default.tfstate "
        f"{bucket}/eu-staging/default.tfstate" in problem
    )
    assert problem.endswith("NAME=eu-staging")


def test_missing_files_are_named() -> None:
    """Each with its variable."""
    files = {"VARS": "a.tfvars", "AUTOMATIONS_FILE": "b.toml", "API_KEY_FILE": "c"}

    _, problems = read_settings({**REQUIRED, **files, "NAME": "x"})

    assert problems == [
        "VARS: file a.tfvars does not exist",
        "AUTOMATIONS_FILE: file b.toml does not exist",
        "API_KEY_FILE: file c does not exist",
    ]


def test_variables_of_make_are_conflicts() -> None:
    """Make overrides them, so the file would be ignored without a word."""
    content = '# api_key_secret = "x"\nregion = "us-east1"\n  project_id="p"\nlabels = {}\n'

    problems = find_conflicts("x.tfvars", content)

    assert [problem.split(":")[0] for problem in problems] == [
        "VARS sets region",
        "VARS sets project_id",
    ]
    assert "REGION=..." in problems[0]


def test_a_field_of_an_object_is_no_conflict() -> None:
    """Only variables are set by make."""
    content = """
    other = {
      region = "eu" # }
      list   = ["]", { project_id = "p" }]
    } /* region = 1 */
    text = "}"
    automations_file = "x.toml"
    """

    (problem,) = find_conflicts("x.tfvars", content)

    assert problem.startswith("VARS sets automations_file")


def test_a_json_file_is_read_as_json() -> None:
    """Terraform reads both forms."""
    (problem,) = find_conflicts("x.tfvars.json", '{"region": "x", "labels": {"project_id": "p"}}')
    (broken,) = find_conflicts("x.tfvars.json", "{")

    assert problem.startswith("VARS sets region")
    assert "not JSON" in broken
