"""The planned description of a deployment is what the operator's commands read."""

import json

import pytest

from tests.infra.conftest import Changes
from tests.support import ROOT
from tests.support.planned_description import planned_deployment, planned_object
from videovector_bridge.settings.deployment import OBJECT_NAME, source_bucket

TOPOLOGY = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("plan", "prefix", "lanes"),
    [("default", "", 16), ("everything", "", 32), ("second_bridge", "two-", 16)],
)
def test_commands_find_and_read_it(changes: Changes, prefix: str, lanes: int) -> None:
    """In the bucket that they look into, with every field."""
    planned = planned_object(changes)
    deployment = planned_deployment(changes)

    assert planned["bucket"] == source_bucket("test-project", prefix)
    assert planned["name"] == OBJECT_NAME
    assert (deployment.prefix, deployment.backend.project) == (prefix, "test-project")
    assert deployment.source_hash == "0123abcd"
    assert deployment.lanes == lanes
    assert deployment.topics == {name: f"{prefix}{name}" for name in TOPOLOGY["topics"]}


@pytest.mark.parametrize("plan", ["default"])
def test_it_names_what_is_planned(changes: Changes) -> None:
    """Each subscription and function by its name in the topology and its id in the project."""
    deployment = planned_deployment(changes)
    subscriptions = {each.name: each for each in deployment.subscriptions}
    functions = {each.name: each for each in deployment.functions}
    planned = {
        each["change"]["after"]["name"]: each["change"]["after"]["filter"] or ""
        for each in changes
        if each["type"] == "google_pubsub_subscription"
    }

    assert {each.id: each.filter for each in deployment.subscriptions} == planned
    assert subscriptions.keys() == TOPOLOGY["subscriptions"].keys()
    assert functions.keys() == TOPOLOGY["functions"].keys()
    for name, each in TOPOLOGY["subscriptions"].items():
        assert subscriptions[name].topic == each["topic"]
        assert subscriptions[name].function == each.get("function", each.get("reader", ""))
    assert {name: each.state for name, each in functions.items() if each.state != "write"} == {
        "receive-webhook": "read"
    }
    assert {name: each.pulls for name, each in functions.items() if each.pulls} == {
        "canary": ("canary",),
        "reconcile": ("reconcile",),
    }
    assert functions["upsert-markers"].action == "upsert_marker"
    assert deployment.schedules == {"reconcile": 300, "canary": 3_600}
    assert functions["drain"].account == "fn-drain@test-project.iam.gserviceaccount.com"


@pytest.mark.parametrize("plan", ["everything"])
def test_it_has_the_streams_and_the_copies(changes: Changes) -> None:
    """With the filters and schedules of the variables; the canary is turned off."""
    deployment = planned_deployment(changes)
    streams = {each.name: each for each in deployment.streams}

    assert streams.keys() == {"default", "failures"}
    assert streams["default"].filters == {}
    assert streams["failures"].filters == {"event_types": ["processing.run_failed"]}
    assert (streams["failures"].schedule, streams["failures"].window_seconds) == (
        "*/5 * * * *",
        100,
    )
    assert deployment.schedules == {"reconcile": 7_200}
    assert deployment.archive_bucket == "test-project-videovector-archive"
    assert deployment.bigquery_table == "test-project.videovector.events"


@pytest.mark.parametrize("plan", ["second_bridge"])
def test_it_has_the_names_of_a_bridge_with_a_prefix(changes: Changes) -> None:
    """State, secrets and the endpoint of its region."""
    deployment = planned_deployment(changes)

    assert deployment.backend.firestore_database == "two-videovector"
    assert deployment.backend.pubsub_endpoint == "us-central1-pubsub.googleapis.com:443"
    assert deployment.backend.claim_bucket == "test-project-two-videovector-claims"
    assert deployment.webhook_secret == (
        "projects/test-project/secrets/two-videovector-webhook-secrets"
    )
    assert deployment.api_key_secret.endswith("/secrets/videovector-api-key")
