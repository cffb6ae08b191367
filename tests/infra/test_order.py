"""What needs a grant is created after the wait for it, so that the first apply succeeds."""

import re
from collections.abc import Mapping

import pytest

from tests.infra.conftest import Module
from tests.support.terraform import terraform

Graph = Mapping[str, set[str]]
"""Resource -> the resources that it directly depends on."""

BUILD_GRANTS = {
    "google_artifact_registry_repository_iam_member.build",
    "google_project_iam_member.build_copy",
    "google_project_iam_member.build_logs",
    "google_secret_manager_secret_iam_member.function",
    "google_storage_bucket_iam_member.build_source",
}
ENCRYPTED = (
    "google_artifact_registry_repository.functions",
    "google_bigquery_dataset.events",
    "google_bigquery_table.events",
    "google_cloudfunctions2_function.this",
    "google_firestore_database.this",
    "google_pubsub_topic.this",
    "google_secret_manager_secret.webhook",
    "google_storage_bucket.archive",
    "google_storage_bucket.claims",
    "google_storage_bucket.previews",
    "google_storage_bucket.source",
)
COPY_GRANTS = {
    "google_bigquery_table_iam_member.pubsub",
    "google_storage_bucket_iam_member.archive",
}


@pytest.fixture(scope="module")
def graph(module: Module) -> Graph:
    """The graph of the resources of modules/bridge."""
    output = terraform(module("modules/bridge"), "graph").stdout
    edges: dict[str, set[str]] = {}
    for source, target in re.findall(r'"([^"]+)" -> "([^"]+)"', output):
        edges.setdefault(source, set()).add(target)
    return edges


def requirements(graph: Graph, resource: str) -> set[str]:
    """All resources that are created before a resource."""
    collected: set[str] = set()
    remaining = {resource}
    while remaining:
        current = graph.get(remaining.pop(), set())
        remaining |= current - collected
        collected |= current
    return collected


def test_functions_wait_for_the_grants_of_their_builds(graph: Graph) -> None:
    """A build without them fails, and leaves a function that is tainted."""
    assert "terraform_data.functions_buildable" in requirements(
        graph, "google_cloudfunctions2_function.this"
    )
    assert requirements(graph, "terraform_data.functions_buildable") >= BUILD_GRANTS


@pytest.mark.parametrize("resource", ENCRYPTED)
def test_what_is_encrypted_waits_for_the_grants_on_the_key(graph: Graph, resource: str) -> None:
    """Google's service agents use the key when it is created."""
    assert "terraform_data.key_usable" in requirements(graph, resource)
    assert "google_kms_crypto_key_iam_member.agent" in requirements(graph, resource)


@pytest.mark.parametrize("name", ["bigquery", "archive"])
def test_copies_wait_for_the_grants_of_pubsub(graph: Graph, name: str) -> None:
    """Pub/Sub checks them when the subscription is created."""
    before = requirements(graph, f"google_pubsub_subscription.{name}")

    assert "terraform_data.copies_writable" in before
    assert before >= COPY_GRANTS


def test_pushes_start_after_their_grants(graph: Graph) -> None:
    """A refused push counts as a delivery attempt."""
    assert requirements(graph, "google_pubsub_subscription.push") >= {
        "google_cloud_run_v2_service_iam_member.invoker",
        "google_pubsub_topic_iam_member.dead_letter",
        "google_pubsub_topic_iam_member.publisher",
    }


def test_schedules_start_after_their_grant(graph: Graph) -> None:
    """A refused call of the scheduler is a window that is missing."""
    assert "google_cloud_run_v2_service_iam_member.invoker" in requirements(
        graph, "google_cloud_scheduler_job.drain"
    )


def test_every_resource_waits_for_the_apis(graph: Graph) -> None:
    """In an empty project no API is on."""
    created = {name for name in graph if name.startswith("google_")}
    created -= {"google_project_service.this"}

    assert created
    assert {
        name for name in created if "google_project_service.this" not in requirements(graph, name)
    } == set()
