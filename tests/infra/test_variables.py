"""The validation of each variable refuses wrong values, with a sentence that says what is right."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import hcl2
import pytest

from tests.support import ROOT
from tests.support.terraform import plan_problems

BRIDGE = ROOT / "infra" / "modules" / "bridge"
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
REQUIRED = {
    "project_id": "test-project",
    "source_archive": {"path": "functions.zip", "hash": "0123abcd"},
    "topology": json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8")),
}
# A variable, how its only error starts, and a wrong value.
WRONG: tuple[tuple[str, str, object], ...] = (
    ("alert_emails", "alert_emails must be email addresses", ["team"]),
    ("alerts", "intervals_seconds of the alerts must be 60", {"intervals_seconds": {"a": 59}}),
    (
        "alerts",
        "paused_seconds of the alerts must be at most",
        {"level": "all", "paused_seconds": 86401},
    ),
    ("alerts", "rejected_in_10_minutes, refused_in_10", {"rejected_in_10_minutes": 10}),
    ("alerts", "rejected_in_10_minutes, refused_in_10", {"paused_seconds": 3600}),
    ("alerts", "Every threshold of an alert must be above 0", {"cursor_age_seconds": 0}),
    ("alerts", "level of the alerts must be essential or all", {"level": "some"}),
    ("api_base_url", "The API root must be an https URL", "https://x.example/api?key=1"),
    ("api_base_url", "The API root must be an https URL", "http://x.example/api"),
    ("api_key_secret", "The secret's name must have", "projects/p/secrets/s"),
    ("archive", "retention_days of the archive must be 1 or more", {"retention_days": 0}),
    ("bigquery", "The name of a dataset must have", {"dataset": "a-b"}),
    ("bigquery", "retention_days of the BigQuery table must be 1", {"retention_days": 0}),
    ("budget", "A budget must have a billing account", {"billing_account": "mine", "amount": 5}),
    (
        "budget",
        "A budget must have a billing account",
        {"billing_account": "01ABCD-23EF45-67AB89", "amount": 0.5},
    ),
    ("environment", "The API key and the webhook's secrets", {"all": {"WEBHOOK_SECRETS": "s"}}),
    ("environment", "Settings that have a Terraform variable", {"drain": {"EVENTS_TOPIC": "x"}}),
    ("environment", "Settings that have a Terraform variable", {"all": {"SOURCE_HASH": "x"}}),
    ("environment", 'Keys of environment must be "all" or', {"drian": {"LANES": "2"}}),
    ("firestore", "A database name must be (default), or", {"database": "X"}),
    ("functions", "Keys of functions must be functions of", {"drian": {"memory": "1Gi"}}),
    ("functions", "concurrency, max_instances and timeout", {"drain": {"max_instances": 0}}),
    ("functions", "cpu must be a number of CPUs", {"drain": {"cpu": "1000m"}}),
    ("functions", "cpu must be a number of CPUs", {"drain": {"memory": "1 GB"}}),
    ("grant_wait_seconds", "grant_wait_seconds must be 0 to 600", -1),
    ("grant_wait_seconds", "grant_wait_seconds must be 0 to 600", 601),
    ("kms_key", "The key must have its full name", "k"),
    ("labels", "Labels must have at most 63 lower-case letters", {"Team": "media"}),
    ("notification_channels", "A notification channel must have its full", ["me@example.com"]),
    ("operators", "operators must be members such as", ["oncall@example.com"]),
    ("operators", "operators must be members such as", ["allUsers"]),
    ("prefix", "A prefix must have at most 10", "two"),
    ("prefix", "A prefix must have at most 10", "production-"),
    ("previews", "retention_days of previews must be 1 or more", {"retention_days": 0}),
    ("previews", "The bucket's name must have 3 to 63", {"bucket": "gs://mine"}),
    ("profile", "profile must be economy or live", "lively"),
    ("project_id", "A project id must have 6 to 30", "123456"),
    ("region", "A region must have a name like us-central1", "us-central1-a"),
    ("schedules", "Keys of schedules must be functions with a", {"drain": {"every_minutes": 5}}),
    ("schedules", "every_minutes must be 1, 2, 3, 4, 5, 6", {"reconcile": {"every_minutes": 7}}),
    ("signed_url_buckets", "Bucket names must not start with gs://", ["gs://mine"]),
    ("storage_regions", "storage_regions must have one region or more", []),
    ("storage_regions", "storage_regions must have one region or more", ["eu"]),
    ("streams", "There must be at least one stream", {}),
    ("streams", "There must be at least one stream", {"A b": {}}),
    ("streams", "A window must last 1 to 1700 seconds", {"a": {"window_seconds": 1701}}),
    ("streams", "idle_seconds must be above 0", {"a": {"window_seconds": 5, "idle_seconds": 6}}),
    ("streams", "profile of a stream must be economy or", {"a": {"profile": "lively"}}),
    ("streams", "Limits of a window must be 1 or more", {"a": {"lease_seconds": 3601}}),
    ("streams", "Limits of a window must be 1 or more", {"a": {"max_events": 0}}),
    ("streams", "The cursor policy must be fail, latest or", {"a": {"cursor_policy": "newest"}}),
    ("streams", "start_from must be latest, earliest or an", {"a": {"start_from": "Latest"}}),
    ("streams", "start_from must be latest, earliest or an", {"a": {"start_from": "id "}}),
    (
        "streams",
        "Two streams must not have the same filters",
        {
            "a": {"event_types": ["x", "y"], "video_ids": []},
            "b": {"event_types": ["y", "x"], "max_events": 5},
        },
    ),
    ("streams", "A schedule must be a unix-cron expression", {"a": {"schedule": "every minute"}}),
    ("webhook", "access of the webhook must be public", {"access": "private"}),
    ("webhook_ids", "The id of a webhook must not have a comma", ["wh_1,wh_2"]),
)
RIGHT = {
    "alert_emails": ["media-team@example.com"],
    "alerts": {"level": "all", "cursor_age_seconds": 60, "intervals_seconds": {"a": 300}},
    "api_base_url": "https://x.example/api/v2",
    "archive": {"enabled": False},
    "bigquery": {"dataset": "events", "location": "EU", "retention_days": 1},
    "budget": {"billing_account": "01ABCD-23EF45-67AB89", "amount": 33.33},
    "environment": {"all": {"LANES": "2"}, "drain": {"LOG_LEVEL": "DEBUG"}},
    "firestore": {"create": False, "database": "shared-state"},
    "functions": {"drain": {"cpu": "0.5", "memory": "1Gi", "max_instances": 2}},
    "grant_wait_seconds": 0,
    "keep_data_in_region": True,
    "kms_key": KEY,
    "operators": ["group:oncall@example.com", "user:a@example.com"],
    "prefix": "two-",
    "profile": "live",
    "schedules": {"canary": {"enabled": False}, "reconcile": {"every_minutes": 10}},
    "storage_regions": ["us-central1", "us-east1"],
    "streams": {
        "a": {"run_id": "r", "window_seconds": 60},
        "b": {"start_from": "event-1", "schedule": "*/5 * * * *", "profile": "economy"},
    },
    "webhook": {"access": "none"},
}


# Values of the root's variables with fields that no module has.
UNKNOWN_FIELDS = {
    "alerts": {"cursor_age": 60},
    "archive": {"retention_day": 30},
    "bigquery": {"table": "events"},
    "budget": {"billing_account": "01ABCD-23EF45-67AB89", "amount": 5, "unit": "USD"},
    "firestore": {"name": "mine", "create": True},
    "functions": {"drain": {"memory_mb": 512}},
    "previews": {"days": 30},
    "schedules": {"canary": {"schedule": "0 * * * *"}},
    "streams": {"a": {"window": 50}, "b": {"windows": 50}},
    "webhook": {"public": True},
}


@pytest.fixture(scope="session")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with the variables of modules/bridge, and nothing else."""
    folder = tmp_path_factory.mktemp("variables")
    shutil.copy(BRIDGE / "variables.tf", folder)
    (folder / "terraform.tfvars.json").write_text(json.dumps(REQUIRED), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with the variables of the root, and nothing else."""
    folder = tmp_path_factory.mktemp("root")
    shutil.copy(ROOT / "infra" / "variables.tf", folder)
    (folder / "terraform.tfvars.json").write_text('{"project_id": "test-project"}', "utf-8")
    return folder


def validations() -> Iterator[str]:
    """Yield the sentence of each validation."""
    with (BRIDGE / "variables.tf").open(encoding="utf-8") as text:
        for block in hcl2.load(text)["variable"]:
            for variable in block.values():
                for validation in variable.get("validation", ()):
                    yield validation["error_message"].strip('"').replace('\\"', '"')


@pytest.mark.parametrize("values", [{}, RIGHT], ids=["defaults", "every option"])
def test_right_values_are_accepted(variables: Path, values: dict[str, object]) -> None:
    """Defaults too."""
    assert plan_problems(variables, values) == []


@pytest.mark.parametrize(("name", "start", "value"), WRONG)
def test_a_wrong_value_is_refused(variables: Path, name: str, start: str, value: object) -> None:
    """The error says what is right, and no other validation fails."""
    (problem,) = plan_problems(variables, {name: value})

    assert problem.startswith(start)


def test_data_stay_only_in_regions_that_may_store_them(variables: Path) -> None:
    """The two variables must agree."""
    values = {"keep_data_in_region": True, "storage_regions": ["us-east1"]}

    (problem,) = plan_problems(variables, values)

    assert problem == "With keep_data_in_region, storage_regions must have the region."


def test_a_wrong_profile_is_named(variables: Path) -> None:
    """The variable's, and that of a stream."""
    assert plan_problems(variables, {"profile": "Live"}) == [
        "profile must be economy or live, not Live."
    ]
    assert plan_problems(variables, {"streams": {"a": {"profile": "Live"}}}) == [
        "profile of a stream must be economy or live, not Live."
    ]


def test_all_wrong_values_are_named_at_once(variables: Path) -> None:
    """An operator corrects them in one pass."""
    values = {name: value for name, _, value in WRONG}

    problems = plan_problems(variables, values)

    assert len(problems) >= len(values)


def test_fields_that_do_not_exist_are_refused(root: Path) -> None:
    """Terraform drops unknown fields of an object, so the root names them, all at once."""
    problems = plan_problems(root, UNKNOWN_FIELDS)

    assert sorted(each.partition(". Its fields: ")[0] for each in problems) == [
        "alerts has no field cursor_age",
        "archive has no field retention_day",
        "bigquery has no field table",
        "budget has no field unit",
        "firestore has no field name",
        "functions has no field memory_mb",
        "previews has no field days",
        "schedules has no field schedule",
        "streams has no field window, windows",
        "webhook has no field public",
    ]


@pytest.mark.parametrize("values", [{}, RIGHT], ids=["defaults", "every option"])
def test_the_root_accepts_the_same_values(root: Path, values: dict[str, object]) -> None:
    """It has all their fields."""
    assert plan_problems(root, values) == []


def test_each_validation_has_a_wrong_value() -> None:
    """A validation that never fails may be wrong itself."""
    starts = [start for _, start, _ in WRONG] + ["With keep_data_in_region"]
    untested = [each for each in validations() if not each.startswith(tuple(starts))]

    assert untested == []
