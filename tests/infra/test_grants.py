"""Least privilege: the exact set of grants."""

import re

import pytest

from tests.infra.conftest import Changes
from tests.support.planned_description import RESOURCE_ATTRIBUTES

# Attributes with the resource of a grant, in the order in which they are tried.
KEY = "secretmanager.secretAccessor on videovector-api-key"
CLAIMS = "test-project-videovector-claims"
PREVIEWS = "test-project-videovector-previews"
STATE = (
    'datastore.user on test-project if resource.name == "projects/test-project/databases/(default)"'
)
SUBSCRIBER = {
    KEY,
    STATE,
    "pubsub.publisher on rejected",
    f"storage.objectViewer on {CLAIMS}",
}
FUNCTIONS = {
    "fn-drain": {
        KEY,
        STATE,
        "pubsub.publisher on events",
        "pubsub.publisher on rejected",
        f"storage.objectCreator on {CLAIMS}",
    },
    "fn-receive-webhook": {
        STATE.replace("datastore.user", "datastore.viewer"),
        "secretmanager.secretAccessor on videovector-webhook-secrets",
        "pubsub.publisher on events",
        "pubsub.publisher on rejected",
    },
    "fn-reconcile": {KEY, STATE, "pubsub.publisher on events", "pubsub.subscriber on reconcile"},
    "fn-canary": {KEY, STATE, "pubsub.publisher on events", "pubsub.subscriber on canary"},
    "fn-upsert-markers": SUBSCRIBER,
    "fn-delete-markers": SUBSCRIBER,
    "fn-issue-signed-urls": SUBSCRIBER
    | {
        "iam.serviceAccountTokenCreator on fn-issue-signed-urls",
        "pubsub.publisher on media-urls",
        f"storage.objectViewer on {PREVIEWS}",
    },
    "fn-store-previews": SUBSCRIBER
    | {"pubsub.publisher on events", f"storage.objectUser on {PREVIEWS}"},
    "fn-snapshot-media": SUBSCRIBER,
    "fn-run-searches": SUBSCRIBER | {"pubsub.publisher on events"},
}
PUSHED = (
    "delete-markers",
    "issue-signed-urls",
    "run-searches",
    "snapshot-media",
    "store-previews",
    "upsert-markers",
)
COPY = '"projects/_/buckets/gcf-v2-sources-123456789012-us-central1"'  # pragma: allowlist secret
OTHERS = {
    "allUsers": {"run.invoker on receive-webhook"},
    "drain-scheduler": {f"run.invoker on {name}" for name in ("canary", "drain", "reconcile")},
    "pubsub-push": {f"run.invoker on {name}" for name in PUSHED},
    "function-build": {
        "artifactregistry.writer on videovector-functions",
        "logging.logWriter on test-project",
        "storage.objectViewer on test-project-videovector-source",
        f"storage.objectViewer on test-project if resource.name.startsWith({COPY})",
    },
}
PUBSUB = "service-123456789012@gcp-sa-pubsub"
DEAD_LETTERS = {"pubsub.publisher on dead-letters"} | {
    f"pubsub.subscriber on {name}" for name in PUSHED
}
COPIES = {
    "bigquery.dataEditor on events",
    "bigquery.metadataViewer on events",
    "storage.legacyBucketReader on test-project-videovector-archive",
    "storage.objectCreator on test-project-videovector-archive",
}
ARCHIVE = "test-project-videovector-archive"
OPERATOR = (
    {f"pubsub.viewer on {topic}" for topic in ("dead-letters", "events", "media-urls", "rejected")}
    | {f"pubsub.viewer on {name}" for name in (*PUSHED, "canary", "reconcile")}
    | {f"pubsub.subscriber on {name}" for name in ("dead-letters", "rejected", "events")}
    | {f"run.viewer on {name}" for name in ("canary", "drain", "receive-webhook", "reconcile")}
    | {f"run.viewer on {name}" for name in PUSHED}
    | {
        KEY,
        STATE,
        "bigquery.dataViewer on events",
        "bigquery.jobUser on test-project",
        "monitoring.viewer on test-project",
        "pubsub.publisher on events",
        "secretmanager.viewer on videovector-api-key",
        "secretmanager.viewer on videovector-webhook-secrets",
        "storage.objectViewer on test-project-videovector-source",
        f"storage.objectCreator on {CLAIMS}",
        f"storage.objectViewer on {ARCHIVE}",
        f"storage.objectViewer on {CLAIMS}",
    }
)
KMS_KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
ENCRYPTS = f"cloudkms.cryptoKeyEncrypterDecrypter on {KMS_KEY}"
ENCRYPTORS = {
    f"service-123456789012@{agent}"
    for agent in (
        "gcf-admin-robot",
        "gcp-sa-artifactregistry",
        "gcp-sa-firestore",
        "gcp-sa-pubsub",
        "gcp-sa-secretmanager",
        "gs-project-accounts",
        "serverless-robot-prod",
    )
} | {"bq-123456789012@bigquery-encryption"}


@pytest.mark.parametrize("plan", ["default"])
def test_by_default(changes: Changes) -> None:
    """Each account has exactly its grants, on single resources."""
    assert grants(changes) == FUNCTIONS | OTHERS | {PUBSUB: DEAD_LETTERS}


@pytest.mark.parametrize("plan", ["everything"])
def test_with_every_option(changes: Changes) -> None:
    """Pub/Sub may also write copies, service agents use the key, and operators the commands."""
    agents = {agent: {ENCRYPTS} for agent in ENCRYPTORS}

    assert grants(changes) == (
        FUNCTIONS
        | OTHERS
        | agents
        | {PUBSUB: DEAD_LETTERS | COPIES | {ENCRYPTS}}
        | {"group:oncall@example.com": OPERATOR}
    )


@pytest.mark.parametrize("plan", ["second_bridge"])
def test_behind_a_load_balancer(changes: Changes) -> None:
    """Nobody but Google Cloud may call a function, and no grant is on a resource without prefix."""
    granted = grants(changes)
    project_wide = {grant for each in granted.values() for grant in each if " if " in grant}

    assert "allUsers" not in granted
    assert {
        grant
        for each in granted.values()
        for grant in each - project_wide
        if "two-" not in grant and not grant.startswith(("logging.", "iam.", "secretmanager."))
    } == set()


@pytest.mark.parametrize("plan", ["default", "everything"])
def test_no_service_account_has_a_key(changes: Changes) -> None:
    """Nor does a policy or binding replace grants of others."""
    types = {each["type"] for each in changes}

    assert "google_service_account_key" not in types
    assert not [name for name in types if name.endswith(("_iam_policy", "_iam_binding"))]


def grants(changes: Changes) -> dict[str, set[str]]:
    """Member -> roles and resources of every planned grant."""
    granted: dict[str, set[str]] = {}
    for change in changes:
        if "_iam_" not in change["type"]:
            continue
        after = change["change"]["after"]
        role = after["role"].removeprefix("roles/")
        resource = next(after[name] for name in RESOURCE_ATTRIBUTES if after.get(name))
        grant = f"{role} on {_short_name(resource)}"
        for condition in after.get("condition") or ():
            grant += f" if {condition['expression']}"
        granted.setdefault(_account(after["member"]), set()).add(grant)
    return granted


def _account(member: str) -> str:
    """A member without the prefix and suffix of all accounts."""
    name = member.removeprefix("serviceAccount:").removesuffix(".iam.gserviceaccount.com")
    return name.removesuffix("@test-project")


def _short_name(name: str) -> str:
    """The short name of a service account; a subscription without its filter's hash."""
    return re.sub(r"-[0-9a-f]{8}$", "", _account(name.rpartition("/serviceAccounts/")[2]))
