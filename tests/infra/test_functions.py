"""What Terraform makes is what the code and the topology are about: no name drifts from another."""

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
# Read by the host, functions-framework, not by us.
HOSTS_OWN = {"THREADS"}
# As files in Google Cloud, which are not here: given as they may be elsewhere.
SECRETS = {
    "VIDEO_VECTOR_API_KEY": "made-up",  # pragma: allowlist secret
    "WEBHOOK_SECRETS": "whsec_made-up",  # pragma: allowlist secret
}

Function = Mapping[str, Any]
"""A function as it is planned."""


class Reads(dict[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # as it is used
        """Note the question, and answer it."""
        self.asked.add(key)
        return super().get(key, default)


@pytest.fixture(params=["default", "everything"])
def run(request: pytest.FixtureRequest) -> str:
    """With no option, and with all."""
    return str(request.param)


@pytest.fixture
def functions(runs: Runs, run: str) -> Mapping[str, Function]:
    """The functions that are planned."""
    return planned(runs, run, "google_cloudfunctions2_function")


def planned(runs: Runs, run: str, kind: str) -> dict[str, Mapping[str, Any]]:
    """What is planned of one kind, by its name."""
    changes = runs("grants.tftest.hcl")[run].changes
    found = [each["change"]["after"] for each in changes if each["type"] == kind]
    return {each["name"]: each for each in found}


def service(function: Function) -> Mapping[str, Any]:
    """How it runs."""
    (found,) = function["service_config"]
    return dict(found)


def test_entry_points_are_the_topologys_and_the_codes(functions: Mapping[str, Function]) -> None:
    """Whatever is in main.py is deployed, once, under the name that the topology gives it."""
    made = {name: each["build_config"][0]["entry_point"] for name, each in functions.items()}

    assert made == {name: each["entry_point"] for name, each in TOPOLOGY["functions"].items()}
    assert sorted(made.values()) == sorted({*INGEST, *subscribers()})


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_that_is_set_is_read(functions: Mapping[str, Function], name: str) -> None:
    """By the very function that it is set for: none is misspelt, or set in vain."""
    environment = service(functions[name])["environment_variables"]
    values = {key: each for key, each in environment.items() if not key.endswith("_FILE")}
    reads = Reads(values | SECRETS)

    SETTINGS.get(name, subscriber_settings)(reads)

    assert set(environment) - HOSTS_OWN <= reads.asked


@pytest.mark.parametrize("name", NAMES)
def test_each_secret_is_mounted_where_it_is_read(
    functions: Mapping[str, Function], name: str
) -> None:
    """As a file of the newest version, so that a rotation deploys nothing; never as a variable."""
    settings = service(functions[name])
    environment = settings["environment_variables"]
    mounted = {
        f"{volume['mount_path']}/{version['path']}": version["version"]
        for volume in settings["secret_volumes"]
        for version in volume["versions"]
    }
    wanted = {f"{secret}_FILE" for secret in TOPOLOGY["functions"][name]["secrets"]}

    assert mounted == {environment[variable]: "latest" for variable in wanted}
    assert {key for key in environment if key.endswith("_FILE")} == wanted
    assert not set(environment) & set(SECRETS)
    assert settings["secret_environment_variables"] == []


def test_only_the_webhooks_function_is_reached_from_outside(
    functions: Mapping[str, Function],
) -> None:
    """All others take calls from Google Cloud alone."""
    ingress = {name: service(each)["ingress_settings"] for name, each in functions.items()}

    assert ingress == dict.fromkeys(NAMES, "ALLOW_INTERNAL_ONLY") | {"receive-webhook": "ALLOW_ALL"}


@pytest.mark.parametrize("name", NAMES)
def test_each_function_is_an_account_of_its_own(
    functions: Mapping[str, Function], name: str
) -> None:
    """And is built by one that is none of them."""
    account = f"fn-{name}@test-project.iam.gserviceaccount.com"
    builder = "projects/test-project/serviceAccounts/function-build@"

    assert service(functions[name])["service_account_email"] == account
    assert functions[name]["build_config"][0]["service_account"].startswith(builder)


@pytest.mark.parametrize("name", NAMES)
def test_each_function_has_what_the_topology_gives_it(
    functions: Mapping[str, Function], name: str
) -> None:
    """CPU, memory, requests at once, instances and time; several requests take a whole CPU."""
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
def test_a_function_ends_before_its_message_comes_again(
    runs: Runs, run: str, functions: Mapping[str, Function], name: str
) -> None:
    """Its timeout is within the deadline for acknowledging."""
    subscriptions = planned(runs, run, "google_pubsub_subscription")
    (deadline,) = (
        each["ack_deadline_seconds"]
        for subscription, each in subscriptions.items()
        if subscription.startswith(f"{name}-")
    )

    assert service(functions[name])["timeout_seconds"] <= deadline


def test_whoever_drains_is_waited_for(
    runs: Runs, run: str, functions: Mapping[str, Function]
) -> None:
    """A window fits into the function's time, and that into the scheduler's."""
    timeout = service(functions["drain"])["timeout_seconds"]
    streams = json.loads(service(functions["drain"])["environment_variables"]["STREAMS"])
    jobs = planned(runs, run, "google_cloud_scheduler_job")

    assert max(each["window_seconds"] for each in streams.values()) + 30 <= timeout
    assert set(jobs) == {f"drain-{stream}" for stream in streams}
    for job in jobs.values():
        assert timeout < int(job["attempt_deadline"].removesuffix("s")) <= 1800
