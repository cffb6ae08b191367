"""Terraform's plan, the code and the topology agree on every name."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from main import INGEST, subscribers
from tests.infra.conftest import Runs
from tests.support import ROOT
from videovector_bridge.settings import drain_settings, subscriber_settings
from videovector_bridge.settings.webhook import webhook_settings

TOPOLOGY = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))
NAMES = list(TOPOLOGY["functions"])
PUSHED = [name for name, each in TOPOLOGY["functions"].items() if each["trigger"] == "push"]
SETTINGS: Mapping[str, Callable[[Mapping[str, str]], object]] = {
    "drain": drain_settings,
    "receive-webhook": webhook_settings,
}
# Read by functions-framework and by the C library, not by our settings.
FRAMEWORK_VARIABLES = {"MALLOC_ARENA_MAX", "THREADS"}
# In Google Cloud these are files; here they are values.
SECRETS = {
    "VIDEO_VECTOR_API_KEY": "made-up",  # pragma: allowlist secret
    "WEBHOOK_SECRETS": "whsec_made-up",  # pragma: allowlist secret
}

Function = Mapping[str, Any]
"""A planned function."""


class RecordingEnvironment(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # as it is used
        """Record and return a variable."""
        self.read.add(key)
        return super().get(key, default)


@pytest.fixture(params=["default", "everything"])
def run(request: pytest.FixtureRequest) -> str:
    """The runs without and with all options."""
    return str(request.param)


@pytest.fixture
def functions(runs: Runs, run: str) -> Mapping[str, Function]:
    """The planned functions by name."""
    return planned(runs, run, "google_cloudfunctions2_function")


def planned(runs: Runs, run: str, kind: str) -> dict[str, Mapping[str, Any]]:
    """Planned resources of one type, by name."""
    changes = runs("grants.tftest.hcl")[run].changes
    resources = [change["change"]["after"] for change in changes if change["type"] == kind]
    return {resource["name"]: resource for resource in resources}


def service(function: Function) -> Mapping[str, Any]:
    """Its service configuration."""
    (configuration,) = function["service_config"]
    return dict(configuration)


def test_entry_points_agree_with_topology_and_code(functions: Mapping[str, Function]) -> None:
    """Each entry point of main.py is deployed once, with its name in the topology."""
    deployed = {
        name: function["build_config"][0]["entry_point"] for name, function in functions.items()
    }

    assert deployed == {
        name: function["entry_point"] for name, function in TOPOLOGY["functions"].items()
    }
    assert sorted(deployed.values()) == sorted({*INGEST, *subscribers()})


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_that_is_set_is_read(functions: Mapping[str, Function], name: str) -> None:
    """The function that has the variable reads it, so none is misspelt or unused."""
    environment = service(functions[name])["environment_variables"]
    values = {key: value for key, value in environment.items() if not key.endswith("_FILE")}
    environment_reads = RecordingEnvironment(values | SECRETS)

    SETTINGS.get(name, subscriber_settings)(environment_reads)

    assert set(environment) - FRAMEWORK_VARIABLES <= environment_reads.read


@pytest.mark.parametrize("name", NAMES)
def test_each_secret_is_mounted_where_it_is_read(
    functions: Mapping[str, Function], name: str
) -> None:
    """It is a file with the latest version, never a variable: a rotation needs no deployment."""
    settings = service(functions[name])
    environment = settings["environment_variables"]
    mounted = {
        f"{volume['mount_path']}/{version['path']}": version["version"]
        for volume in settings["secret_volumes"]
        for version in volume["versions"]
    }
    variables = {f"{secret}_FILE" for secret in TOPOLOGY["functions"][name]["secrets"]}

    assert mounted == {environment[variable]: "latest" for variable in variables}
    assert {key for key in environment if key.endswith("_FILE")} == variables
    assert not set(environment) & set(SECRETS)
    assert settings["secret_environment_variables"] == []


def test_only_the_webhooks_function_is_public(
    functions: Mapping[str, Function],
) -> None:
    """All others accept requests only from Google Cloud."""
    ingress = {name: service(each)["ingress_settings"] for name, each in functions.items()}

    assert ingress == dict.fromkeys(NAMES, "ALLOW_INTERNAL_ONLY") | {"receive-webhook": "ALLOW_ALL"}


@pytest.mark.parametrize("name", NAMES)
def test_each_function_has_a_service_account_of_its_own(
    functions: Mapping[str, Function], name: str
) -> None:
    """Another account builds the functions."""
    account = f"fn-{name}@test-project.iam.gserviceaccount.com"
    builder = "projects/test-project/serviceAccounts/function-build@"

    assert service(functions[name])["service_account_email"] == account
    assert functions[name]["build_config"][0]["service_account"].startswith(builder)


@pytest.mark.parametrize("name", NAMES)
def test_each_function_has_the_resources_of_the_topology(
    functions: Mapping[str, Function], name: str
) -> None:
    """Concurrency above 1 needs a whole CPU, and a thread for each request."""
    resources = TOPOLOGY["functions"][name]["resources"]
    settings = service(functions[name])

    assert settings["available_cpu"] == resources["cpu"]
    assert settings["available_memory"] == resources["memory"]
    assert settings["max_instance_request_concurrency"] == resources["concurrency"]
    assert settings["max_instance_count"] == resources["max_instances"]
    assert settings["timeout_seconds"] == resources["timeout_seconds"]
    assert resources["concurrency"] == 1 or float(resources["cpu"]) >= 1
    threads = int(settings["environment_variables"].get("THREADS", "4"))
    assert threads >= resources["concurrency"]


@pytest.mark.parametrize("name", PUSHED)
def test_a_function_ends_before_its_message_is_redelivered(
    runs: Runs, run: str, functions: Mapping[str, Function], name: str
) -> None:
    """Its timeout is not above the ack deadline."""
    subscriptions = planned(runs, run, "google_pubsub_subscription")
    (deadline,) = (
        each["ack_deadline_seconds"]
        for subscription, each in subscriptions.items()
        if subscription.startswith(f"{name}-")
    )

    assert service(functions[name])["timeout_seconds"] <= deadline


def test_timeouts_fit_the_longest_window(
    runs: Runs, run: str, functions: Mapping[str, Function]
) -> None:
    """A window fits into the function's timeout, and that into the scheduler's deadline."""
    timeout = service(functions["drain"])["timeout_seconds"]
    streams = json.loads(service(functions["drain"])["environment_variables"]["STREAMS"])
    jobs = planned(runs, run, "google_cloud_scheduler_job")

    assert max(each["window_seconds"] for each in streams.values()) + 30 <= timeout
    assert set(jobs) == {f"drain-{stream}" for stream in streams}
    for job in jobs.values():
        assert timeout < int(job["attempt_deadline"].removesuffix("s")) <= 1800
