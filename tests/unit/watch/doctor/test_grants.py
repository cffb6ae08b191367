"""`watch.doctor.grants`: what operators and accounts need, as Terraform grants it."""

import re

import pytest

from tests.support import ROOT
from tests.support.status_facts import DEPLOYMENT
from videovector_bridge.backends.inventory_port import Resource
from videovector_bridge.watch.doctor.grants import (
    BUCKET_ROLES,
    AccountNeed,
    find_account_needs,
    find_operator_needs,
    judge_account,
    judge_operator,
)

MODULE = ROOT / "infra" / "modules" / "bridge"


def test_the_operator_needs_what_the_commands_use() -> None:
    """One permission on each resource, with the role that has it."""
    needs = {(str(need.resource), need.permission) for need in find_operator_needs(DEPLOYMENT)}

    assert needs == {
        ("subscription blue-um", "pubsub.subscriptions.get"),
        ("subscription blue-rec", "pubsub.subscriptions.get"),
        ("subscription blue-rejected", "pubsub.subscriptions.consume"),
        ("subscription blue-dl", "pubsub.subscriptions.consume"),
        ("topic blue-events", "pubsub.topics.publish"),
        ("topic blue-events", "pubsub.topics.attachSubscription"),
        ("bucket p-blue-videovector-source", "storage.objects.get"),
        ("secret projects/p/secrets/videovector-api-key", "secretmanager.versions.access"),
        (
            "secret projects/p/secrets/blue-videovector-webhooks",
            "secretmanager.versions.list",
        ),
        ("project p", "monitoring.timeSeries.list"),
    }


def test_a_missing_permission_is_named_with_its_role() -> None:
    """And the command that grants it."""
    need = next(need for need in find_operator_needs(DEPLOYMENT) if "consume" in need.permission)

    assert judge_operator(need, frozenset({need.permission}), "p").state == "ok"
    finding = judge_operator(need, frozenset(), "p")
    assert finding.state == "wrong"
    assert finding.fix == (
        "gcloud pubsub subscriptions add-iam-policy-binding blue-rejected --member=user:YOU "
        "--role=roles/pubsub.subscriber --project=p"
    )


def test_accounts_need_what_terraform_grants() -> None:
    """From the description of the deployment."""
    needs = {
        (need.function, str(need.resource), need.role) for need in find_account_needs(DEPLOYMENT)
    }

    assert {each for each in needs if each[0] in ("upsert-markers", "receive-webhook")} == {
        ("upsert-markers", "topic blue-events", "roles/pubsub.publisher"),
        (
            "upsert-markers",
            "secret projects/p/secrets/videovector-api-key",
            "roles/secretmanager.secretAccessor",
        ),
        ("upsert-markers", "bucket p-claims", "roles/storage.objectViewer"),
        ("upsert-markers", "project p", "roles/datastore.user"),
        ("receive-webhook", "topic blue-events", "roles/pubsub.publisher"),
        (
            "receive-webhook",
            "secret projects/p/secrets/blue-videovector-webhooks",
            "roles/secretmanager.secretAccessor",
        ),
        ("receive-webhook", "project p", "roles/datastore.viewer"),
    }
    assert ("reconcile", "subscription blue-rec", "roles/pubsub.subscriber") in needs


@pytest.mark.parametrize("kind", ["topic", "subscription", "bucket", "secret", "project"])
def test_a_missing_role_is_a_finding_with_its_command(kind: str) -> None:
    """Only on the resource itself."""
    resource = Resource(kind, "it")  # type: ignore[arg-type]
    need = AccountNeed("drain", "serviceAccount:a", resource, "roles/x")

    assert judge_account(need, {"roles/x": frozenset({"serviceAccount:a"})}, "p") is None
    finding = judge_account(need, {"roles/x": frozenset({"user:b"})}, "p")
    assert finding is not None
    assert f"has no roles/x on {kind} it" in finding.text
    assert "add-iam-policy-binding" in finding.fix
    assert "--member=serviceAccount:a --role=roles/x" in finding.fix


def test_roles_of_buckets_are_those_of_terraform() -> None:
    """A role that changes there must change here."""
    text = (MODULE / "storage.tf").read_text(encoding="utf-8")
    table = re.search(r"_bucket_roles = \{(.*?)\}", text, re.DOTALL)

    assert table is not None
    assert dict(re.findall(r'"(\S+)"\s*=\s*"(\S+)"', table[1])) == BUCKET_ROLES
