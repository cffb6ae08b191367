"""Least privilege: who may do what, to the last grant."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.conftest import Runs

# What names the thing that a grant is on, in the resources that grant.
THINGS = (
    "topic",
    "subscription",
    "bucket",
    "secret_id",
    "repository",
    "service_account_id",
    "crypto_key_id",
    "table_id",
    "name",
    "project",
)
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
        "secretmanager.secretAccessor on videovector-webhook-secrets",
        "pubsub.publisher on events",
        "pubsub.publisher on rejected",
    },
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
    "drain-scheduler": {"run.invoker on drain"},
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


def test_by_default(runs: Runs) -> None:
    """Each account has what it needs, on the very thing, and nothing else."""
    granted = grants(runs("grants.tftest.hcl")["default"].changes)

    assert granted == FUNCTIONS | OTHERS | {PUBSUB: DEAD_LETTERS}


def test_with_every_option(runs: Runs) -> None:
    """Copies are Pub/Sub's to write, and who encrypts may use the key; the rest is as it was."""
    granted = grants(runs("grants.tftest.hcl")["everything"].changes)
    agents = {agent: {ENCRYPTS} for agent in ENCRYPTORS}

    assert granted == FUNCTIONS | OTHERS | agents | {PUBSUB: DEAD_LETTERS | COPIES | {ENCRYPTS}}


@pytest.mark.parametrize("run", ["default", "everything"])
def test_nobody_has_a_key(runs: Runs, run: str) -> None:
    """No service account has a key, and no policy or binding replaces what others granted."""
    types = {each["type"] for each in runs("grants.tftest.hcl")[run].changes}

    assert "google_service_account_key" not in types
    assert not [name for name in types if name.endswith(("_iam_policy", "_iam_binding"))]


def grants(changes: list[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Who -> role and thing, of every grant that is planned."""
    found: dict[str, set[str]] = {}
    for change in changes:
        if "_iam_" not in change["type"]:
            continue
        after = change["change"]["after"]
        who, what = _account(after["member"]), f"{after['role'].removeprefix('roles/')} on "
        what += _thing(next(after[name] for name in THINGS if after.get(name)))
        for condition in after.get("condition") or ():
            what += f" if {condition['expression']}"
        found.setdefault(who, set()).add(what)
    return found


def _account(member: str) -> str:
    """A member without what all have in common."""
    name = member.removeprefix("serviceAccount:").removesuffix(".iam.gserviceaccount.com")
    return name.removesuffix("@test-project")


def _thing(name: str) -> str:
    """A service account by its short name; a subscription without its filter's hash."""
    return re.sub(r"-[0-9a-f]{8}$", "", _account(name.rpartition("/serviceAccounts/")[2]))
