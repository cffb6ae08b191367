"""What `doctor` asks for is what Terraform grants."""

from collections.abc import Mapping

import pytest

from tests.infra.conftest import Changes
from tests.support.planned_description import RESOURCE_ATTRIBUTES, planned_deployment
from videovector_bridge.backends.inventory_port import Kind, Resource
from videovector_bridge.watch.doctor.grants import find_account_needs, find_operator_needs

OPERATOR = "group:oncall@example.com"
KINDS: Mapping[str, Kind] = {
    "google_pubsub_topic_iam_member": "topic",
    "google_pubsub_subscription_iam_member": "subscription",
    "google_storage_bucket_iam_member": "bucket",
    "google_secret_manager_secret_iam_member": "secret",  # pragma: allowlist secret
    "google_project_iam_member": "project",
}

Grants = set[tuple[str, str, Resource]]
"""Member, role and resource."""


def planned_grants(changes: Changes) -> Grants:
    """The planned grants on resources that `doctor` knows."""
    grants = set()
    for change in changes:
        if kind := KINDS.get(change["type"]):
            after = change["change"]["after"]
            id_ = next(after[name] for name in RESOURCE_ATTRIBUTES if after.get(name))
            if kind == "secret":
                id_ = f"projects/{after['project']}/secrets/{id_}"
            grants.add((after["member"], after["role"], Resource(kind, id_)))
    return grants


@pytest.mark.parametrize("plan", ["default", "everything", "second_bridge"])
def test_each_account_has_the_roles_that_doctor_looks_for(changes: Changes) -> None:
    """With the names of this deployment."""
    needs = {
        (each.member, each.role, each.resource)
        for each in find_account_needs(planned_deployment(changes))
    }

    assert needs
    assert needs - planned_grants(changes) == set()


@pytest.mark.parametrize("plan", ["everything"])
def test_operators_have_the_roles_that_doctor_looks_for(changes: Changes) -> None:
    """On every resource of the deployment."""
    needs = {
        (OPERATOR, each.role, each.resource)
        for each in find_operator_needs(planned_deployment(changes))
    }

    assert needs
    assert needs - planned_grants(changes) == set()
