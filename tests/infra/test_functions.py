"""Terraform's plan, the code and the topology agree on every name."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from main import HTTP, subscribers
from tests.bench.cold_start.package import BUILD_VARIABLES
from tests.infra.conftest import Changes
from tests.support import ROOT
from tests.support.pubsub_filter import lets_through
from videovector_bridge.automate.automations.filters import MAX_FILTER_BYTES
from videovector_bridge.events import TEST, TYPE_PREFIX
from videovector_bridge.settings.canary import canary_settings
from videovector_bridge.settings.drain import drain_settings
from videovector_bridge.settings.reconcile import reconcile_settings
from videovector_bridge.settings.subscriber import subscriber_settings
from videovector_bridge.settings.webhook import webhook_settings
from videovector_bridge.work import STEPS

TOPOLOGY = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))
NAMES = list(TOPOLOGY["functions"])
SETTINGS: Mapping[str, Callable[[Mapping[str, str]], object]] = {
    "canary": canary_settings,
    "drain": drain_settings,
    "receive-webhook": webhook_settings,
    "reconcile": reconcile_settings,
}
# Read by functions-framework, the C library and `make deploy`, not by our settings.
OTHER_READERS = {"MALLOC_ARENA_MAX", "SOURCE_HASH", "THREADS"}
# In Google Cloud this is a file; here it is a value.
API_KEY = {"VIDEO_VECTOR_API_KEY": "made-up"}  # pragma: allowlist secret
PATH_OF_KEY = "VIDEO_VECTOR_API_KEY_FILE"
EVERY_PLAN = ("default", "everything", "second_bridge")

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
def plan(request: pytest.FixtureRequest) -> str:
    """The plans without and with all options, for tests that do not choose others."""
    return str(request.param)


@pytest.fixture
def functions(changes: Changes) -> Mapping[str, Function]:
    """The planned functions, by their names in the topology."""
    return planned(changes, "google_cloudfunctions2_function.this")


def planned(changes: Changes, address: str) -> dict[str, Mapping[str, Any]]:
    """The planned instances of a resource, by key."""
    return {
        each["index"]: each["change"]["after"]
        for each in changes
        if f"{each['type']}.{each['name']}" == address
    }


def service(function: Function) -> Mapping[str, Any]:
    """Its service configuration."""
    (configuration,) = function["service_config"]
    return dict(configuration)


def environment(function: Function) -> Mapping[str, str]:
    """The environment variables of its instances."""
    return dict(service(function)["environment_variables"])


def test_entry_points_agree_with_topology_and_code(functions: Mapping[str, Function]) -> None:
    """Each entry point of main.py is deployed once, with its name in the topology."""
    deployed = {name: each["build_config"][0]["entry_point"] for name, each in functions.items()}

    assert deployed == {name: each["entry_point"] for name, each in TOPOLOGY["functions"].items()}
    assert sorted(deployed.values()) == sorted({*HTTP, *subscribers()})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_each_variable_that_is_set_is_read(functions: Mapping[str, Function], name: str) -> None:
    """The function that has the variable reads it, so none is misspelt or unused."""
    variables = environment(functions[name])
    values = {key: value for key, value in variables.items() if not key.endswith("_FILE")}
    environment_reads = RecordingEnvironment(values | API_KEY)

    SETTINGS.get(name, subscriber_settings)(environment_reads)

    assert set(variables) - OTHER_READERS <= environment_reads.read


def test_each_function_knows_its_source(functions: Mapping[str, Function]) -> None:
    """`make deploy` compares it with what it should run, and repairs a failed update."""
    assert {environment(each)["SOURCE_HASH"] for each in functions.values()} == {"0123abcd"}


def test_each_build_makes_bytecode_that_starts_can_use(functions: Mapping[str, Function]) -> None:
    """`tests/functions/test_bytecode.py` shows what its variables do."""
    builds = [each["build_config"][0]["environment_variables"] for each in functions.values()]

    assert builds == [{"SOURCE_HASH": "0123abcd", **BUILD_VARIABLES}] * len(functions)


def test_the_api_key_is_a_file_with_the_latest_version(functions: Mapping[str, Function]) -> None:
    """Only functions that call VideoVector have it; a rotation needs no deployment."""
    mounted = {
        name: {
            f"{volume['mount_path']}/{version['path']}": version["version"]
            for volume in service(each)["secret_volumes"]
            for version in volume["versions"]
        }
        for name, each in functions.items()
    }

    assert mounted == {
        name: {environment(functions[name])[PATH_OF_KEY]: "latest"}
        if "VIDEO_VECTOR_API_KEY" in each["secrets"]
        else {}
        for name, each in TOPOLOGY["functions"].items()
    }
    assert PATH_OF_KEY not in environment(functions["receive-webhook"])


def test_the_receiver_reads_its_secrets_by_name(functions: Mapping[str, Function]) -> None:
    """It is deployed before the secret has a version, so the secret cannot be mounted."""
    named = {
        name: environment(each)["WEBHOOK_SECRETS_NAME"]
        for name, each in functions.items()
        if "WEBHOOK_SECRETS_NAME" in environment(each)
    }

    assert named == {"receive-webhook": "projects/test-project/secrets/videovector-webhook-secrets"}


@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_no_plan_has_the_data_of_a_secret(changes: Changes) -> None:
    """No environment variable, no version of a secret: Terraform's state has no secret."""
    functions = planned(changes, "google_cloudfunctions2_function.this").values()

    assert "google_secret_manager_secret_version" not in {each["type"] for each in changes}
    assert "secret_data" not in json.dumps(changes)
    assert all(service(each)["secret_environment_variables"] == [] for each in functions)
    assert not {"VIDEO_VECTOR_API_KEY", "WEBHOOK_SECRETS"} & {
        variable for each in functions for variable in environment(each)
    }


def test_only_the_webhooks_function_is_public(functions: Mapping[str, Function]) -> None:
    """All others accept requests only from Google Cloud."""
    ingress = {name: service(each)["ingress_settings"] for name, each in functions.items()}

    assert ingress == dict.fromkeys(NAMES, "ALLOW_INTERNAL_ONLY") | {"receive-webhook": "ALLOW_ALL"}


def test_each_function_has_a_service_account_of_its_own(functions: Mapping[str, Function]) -> None:
    """Another account builds the functions."""
    domain = "test-project.iam.gserviceaccount.com"
    accounts = {name: service(each)["service_account_email"] for name, each in functions.items()}
    builders = {each["build_config"][0]["service_account"] for each in functions.values()}

    assert accounts == {name: f"fn-{name}@{domain}" for name in NAMES}
    assert builders == {f"projects/test-project/serviceAccounts/function-build@{domain}"}


@pytest.mark.parametrize("plan", ["default"])
def test_each_function_has_the_resources_of_the_topology(
    functions: Mapping[str, Function],
) -> None:
    """What the variable `functions` does not set."""
    planned_resources = {
        name: {
            "cpu": service(each)["available_cpu"],
            "memory": service(each)["available_memory"],
            "concurrency": service(each)["max_instance_request_concurrency"],
            "max_instances": service(each)["max_instance_count"],
            "timeout_seconds": service(each)["timeout_seconds"],
        }
        for name, each in functions.items()
    }

    assert planned_resources == {
        name: each["resources"] for name, each in TOPOLOGY["functions"].items()
    }


@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_each_concurrent_request_has_a_thread_and_cpu(functions: Mapping[str, Function]) -> None:
    """functions-framework has 4 threads; Cloud Run refuses concurrency on less than one CPU."""
    for each in functions.values():
        concurrency = service(each)["max_instance_request_concurrency"]

        assert int(environment(each).get("THREADS", "4")) >= concurrency
        assert concurrency == 1 or float(service(each)["available_cpu"]) >= 1


@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_a_function_ends_before_its_message_is_redelivered(
    changes: Changes, functions: Mapping[str, Function]
) -> None:
    """Its timeout is not above the ack deadline, whether it is pushed or pulls."""
    deadlines = {
        key.rpartition("-")[0]: each["ack_deadline_seconds"]
        for kind in ("push", "reader")
        for key, each in planned(changes, f"google_pubsub_subscription.{kind}").items()
    }

    assert set(deadlines) == {
        name
        for name, each in TOPOLOGY["functions"].items()
        if each["trigger"] in ("push", "schedule")
    }
    for name, deadline in deadlines.items():
        assert service(functions[name])["timeout_seconds"] <= deadline


@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_timeouts_fit_the_longest_window(
    changes: Changes, functions: Mapping[str, Function]
) -> None:
    """A window fits into the function's timeout, and that into the scheduler's deadline."""
    timeout = service(functions["drain"])["timeout_seconds"]
    streams = json.loads(environment(functions["drain"])["STREAMS"])
    jobs = planned(changes, "google_cloud_scheduler_job.drain")

    assert max(each["window_seconds"] for each in streams.values()) + 30 <= timeout
    assert set(jobs) == set(streams)
    for job in jobs.values():
        assert timeout < int(job["attempt_deadline"].removesuffix("s")) <= 1800


@pytest.mark.parametrize("plan", EVERY_PLAN)
def test_runs_of_scheduled_functions_fit_their_deadlines(
    changes: Changes, functions: Mapping[str, Function]
) -> None:
    """The scheduler waits for the function's timeout, and a run ends before the next one."""
    jobs = planned(changes, "google_cloud_scheduler_job.function")

    assert jobs
    for name, job in jobs.items():
        timeout = service(functions[name])["timeout_seconds"]
        every = TOPOLOGY["schedules"][name]["every_seconds"]

        assert timeout < int(job["attempt_deadline"].removesuffix("s")) < every


def test_the_time_of_a_run_fits_into_the_timeout(functions: Mapping[str, Function]) -> None:
    """With a margin for the start of the process and for the last calls."""
    for name, read in (("canary", canary_settings), ("reconcile", reconcile_settings)):
        values = {k: each for k, each in environment(functions[name]).items() if k != PATH_OF_KEY}

        assert read(values | API_KEY).seconds + 45 <= service(functions[name])["timeout_seconds"]


def test_the_filter_of_reconcile_passes_starts_and_ends(changes: Changes) -> None:
    """Of runs and videos on every channel; segments, which are many, stay out."""
    (filter_,) = (
        each["filter"]
        for key, each in planned(changes, "google_pubsub_subscription.reader").items()
        if key.startswith("reconcile-")
    )
    others = ("processing.segment_completed", "media.preview_stored", "search.matched", "test")

    def passes(event_type: str) -> bool:
        return lets_through(filter_, {"ce-type": TYPE_PREFIX + event_type})

    assert len(filter_) <= MAX_FILTER_BYTES
    assert [each for each in STEPS if not passes(each)] == []
    assert [each for each in others if passes(each)] == []


def test_the_filter_of_the_canary_passes_test_events(changes: Changes) -> None:
    """And nothing else."""
    (filter_,) = (
        each["filter"]
        for key, each in planned(changes, "google_pubsub_subscription.reader").items()
        if key.startswith("canary-")
    )

    assert lets_through(filter_, {"ce-type": TYPE_PREFIX + TEST})
    assert not lets_through(filter_, {"ce-type": f"{TYPE_PREFIX}{TEST}.other"})
