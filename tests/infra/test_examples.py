"""Two bridges in one project share nothing that one of them could take away."""

from collections import Counter

import pytest

from tests.infra.conftest import Changes

# What has a name of its own in a project, and the attribute with that name.
NAMED = {
    "google_artifact_registry_repository": "repository_id",
    "google_bigquery_dataset": "dataset_id",
    "google_cloud_scheduler_job": "name",
    "google_cloudfunctions2_function": "name",
    "google_firestore_database": "name",
    "google_logging_metric": "name",
    "google_monitoring_alert_policy": "display_name",
    "google_pubsub_subscription": "name",
    "google_pubsub_topic": "name",
    "google_secret_manager_secret": "secret_id",  # pragma: allowlist secret
    "google_service_account": "account_id",
    "google_storage_bucket": "name",
}


@pytest.mark.parametrize("plan", ["two_environments"])
def test_two_environments_have_no_name_in_common(changes: Changes) -> None:
    """Each has its own database, dataset, topics, buckets, functions and accounts."""
    names = Counter(
        (each["type"], each["change"]["after"][NAMED[each["type"]]])
        for each in changes
        if each["type"] in NAMED
    )

    assert {kind for kind, _ in names} == set(NAMED)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("plan", ["two_environments"])
def test_two_environments_have_the_same_resources(changes: Changes) -> None:
    """Only their settings differ."""
    production, staging = (
        {
            each["address"].removeprefix(start)
            for each in changes
            if each["address"].startswith(start)
        }
        for start in ('module.bridge["production"].', 'module.bridge["staging"].')
    )

    assert production
    assert production == staging
