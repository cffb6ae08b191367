"""Errors of gcloud, as gcloud 528.0.0 writes them: what does not exist, and others."""

import re

import pytest

from infra.deploy import gcloud
from infra.deploy.settings import Deployment

DEPLOYMENT = Deployment(project="test-project", region="europe-west1")

NO_BUCKET = "ERROR: (gcloud.storage.buckets.describe) gs://missing not found: 404."
NO_SECRET = (
    "ERROR: (gcloud.secrets.describe) NOT_FOUND: Secret [projects/1/secrets/missing] not found. "
    "This command is authenticated as me@example.com which is the active account."
)
NO_OBJECT = "ERROR: (gcloud.storage.ls) One or more URLs matched no objects."
NO_PERMISSION = (
    "ERROR: (gcloud.storage.buckets.describe) [me@example.com] does not have permission to access "
    "b instance [denied] (or it may not exist): me@example.com does not have storage.buckets.get "
    "access to the Google Cloud Storage bucket. Permission 'storage.buckets.get' denied on "
    "resource (or it may not exist)."
)
NO_PERMISSION_FOR_SECRET = (
    "ERROR: (gcloud.secrets.describe) PERMISSION_DENIED: Permission 'secretmanager.secrets.get' "
    "denied for resource 'projects/p/secrets/denied' (or it may not exist)."
)
NO_NETWORK = (
    "ERROR: gcloud crashed (ConnectionError): HTTPConnectionPool(host='storage.googleapis.com', "
    "port=80): Max retries exceeded with url: /storage/v1/b/x?alt=json&projection=full (Caused by "
    "NewConnectionError('<urllib3.connection.HTTPConnection object>: Failed to establish a new "
    "connection: [Errno 111] Connection refused'))"
)
OTHERS = (NO_PERMISSION, NO_PERMISSION_FOR_SECRET, NO_NETWORK)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        (gcloud.NO_BUCKET, NO_BUCKET),
        (gcloud.NOT_FOUND, NO_SECRET),
        (gcloud.NO_OBJECT, NO_OBJECT),
    ],
)
def test_an_error_for_what_does_not_exist_is_recognized(pattern: str, error: str) -> None:
    """Then it is created, or there is none."""
    assert re.search(pattern, error)


@pytest.mark.parametrize("pattern", [gcloud.NO_BUCKET, gcloud.NOT_FOUND, gcloud.NO_OBJECT])
@pytest.mark.parametrize("error", OTHERS)
def test_a_missing_permission_is_no_missing_resource(pattern: str, error: str) -> None:
    """Nor is a broken network; both say what is wrong."""
    assert not re.search(pattern, error)


def test_agents_are_created_after_their_apis_are_enabled() -> None:
    """BigQuery's only if events are copied there."""
    commands = gcloud.create_agents(DEPLOYMENT, bigquery=False)

    assert commands[0][:3] == ("gcloud", "services", "enable")
    assert "bigquery.googleapis.com" not in commands[0]
    assert len(commands) == 8
    assert all(command[0] == "gcloud" for command in commands)
