"""The `Inventory` port on Google's REST APIs, over recorded answers and emulators."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.google_rest import DENIED, GoogleApis, serving_google
from videovector_bridge.backends import BackendSettings, open_inventory
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.inventory import GoogleInventory
from videovector_bridge.backends.gcp.rest import EMULATOR, DeniedError, GoogleRest
from videovector_bridge.backends.inventory_port import (
    NotHereError,
    Resource,
    SecretVersion,
    StoredSubscription,
)
from videovector_bridge.errors import BackendError

PATIENCE = 20.0
SECRET = "projects/p/secrets/key"  # pragma: allowlist secret
PUBSUB = "pubsub.googleapis.com/v1/projects/p"
POLICY = {"bindings": [{"role": "roles/x", "members": ["user:a"]}, {"role": "roles/x"}]}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleApis]:
    """Google's APIs on loopback."""
    with serving_google() as apis:
        monkeypatch.setenv(EMULATOR, apis.address)
        yield apis


@pytest.fixture
def inventory(google: GoogleApis) -> GoogleInventory:
    """The port on them."""
    return GoogleInventory("p", "(default)", GoogleRest())


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (Resource("topic", "events"), f"{PUBSUB}/topics/events"),
        (Resource("bucket", "b"), "storage.googleapis.com/storage/v1/b/b"),
        (Resource("secret", SECRET), f"secretmanager.googleapis.com/v1/{SECRET}"),
    ],
)
def test_existence(
    google: GoogleApis, inventory: GoogleInventory, resource: Resource, path: str
) -> None:
    """404 means that it does not exist; 403 is an error."""
    assert not inventory.exists(resource, timeout=PATIENCE)
    google.add("GET", path, {"name": "it"})
    assert inventory.exists(resource, timeout=PATIENCE)
    google.answers[f"GET {path}"] = DENIED
    with pytest.raises(DeniedError, match=r"Permission denied\."):
        inventory.exists(resource, timeout=PATIENCE)


def test_a_subscription(google: GoogleApis, inventory: GoogleInventory) -> None:
    """https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions."""
    assert inventory.subscription("s", timeout=PATIENCE) is None
    google.add(
        "GET",
        f"{PUBSUB}/subscriptions/s",
        {
            "name": "projects/p/subscriptions/s",
            "topic": "projects/p/topics/events",
            "pushConfig": {"pushEndpoint": "https://f.run.app", "noWrapper": {}},
            "filter": "F",
            "deadLetterPolicy": {
                "deadLetterTopic": "projects/p/topics/dl",
                "maxDeliveryAttempts": 9,
            },
            "state": "ACTIVE",
        },
    )

    assert inventory.subscription("s", timeout=PATIENCE) == StoredSubscription(
        "projects/p/topics/events", "F", "https://f.run.app", "projects/p/topics/dl", 9, "ACTIVE"
    )
    google.add("GET", f"{PUBSUB}/subscriptions/s", {"topic": "t"})
    assert inventory.subscription("s", timeout=PATIENCE) == StoredSubscription(
        "t", "", "", "", 0, ""
    )


def test_a_ttl_policy(google: GoogleApis, inventory: GoogleInventory) -> None:
    """The field has `ttlConfig` only with a policy."""
    path = (
        "firestore.googleapis.com/v1/projects/p/databases/(default)/collectionGroups/effects/"
        "fields/expire_at"
    )
    google.add("GET", path, {"name": "it", "indexConfig": {}})
    assert inventory.ttl_state("effects", "expire_at", timeout=PATIENCE) == ""
    google.add("GET", path, {"name": "it", "ttlConfig": {"state": "ACTIVE"}})
    assert inventory.ttl_state("effects", "expire_at", timeout=PATIENCE) == "ACTIVE"


def test_versions_of_a_secret_are_sorted(google: GoogleApis, inventory: GoogleInventory) -> None:
    """https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions."""
    path = f"secretmanager.googleapis.com/v1/{SECRET}/versions"
    assert inventory.secret_versions(SECRET, timeout=PATIENCE) is None
    google.add(
        "GET",
        path,
        {
            "versions": [
                {
                    "name": f"{SECRET}/versions/1",
                    "createTime": "2025-01-01T00:00:00Z",
                    "state": "DISABLED",
                },
                {
                    "name": f"{SECRET}/versions/2",
                    "createTime": "2026-01-01T00:00:00.5Z",
                    "state": "ENABLED",
                },
                {"name": f"{SECRET}/versions/3", "state": "ENABLED"},
            ]
        },
    )

    assert inventory.secret_versions(SECRET, timeout=PATIENCE) == [
        SecretVersion(datetime(2026, 1, 1, 0, 0, 0, 500_000, UTC), enabled=True),
        SecretVersion(datetime(2025, 1, 1, tzinfo=UTC), enabled=False),
    ]


def test_permissions_of_the_caller(google: GoogleApis, inventory: GoogleInventory) -> None:
    """Storage has another form of the method than the others."""
    answer = {"permissions": ["one"]}
    google.add("POST", f"{PUBSUB}/subscriptions/s:testIamPermissions", answer)
    google.add("GET", "storage.googleapis.com/storage/v1/b/b/iam/testPermissions", answer)
    google.add("POST", "cloudresourcemanager.googleapis.com/v3/projects/p:testIamPermissions", {})
    asked = ["one", "two"]

    granted = [
        inventory.allowed(resource, asked, timeout=PATIENCE)
        for resource in (
            Resource("subscription", "s"),
            Resource("bucket", "b"),
            Resource("project", "p"),
        )
    ]

    assert granted == [{"one"}, {"one"}, frozenset()]
    assert google.requests[0].body == {"permissions": asked}
    assert google.requests[1].query == {"permissions": asked}
    with pytest.raises(BackendError, match=r"There is no topic t\."):
        inventory.allowed(Resource("topic", "t"), asked, timeout=PATIENCE)


@pytest.mark.parametrize(
    ("resource", "method", "path"),
    [
        (Resource("topic", "t"), "GET", f"{PUBSUB}/topics/t:getIamPolicy"),
        (Resource("bucket", "b"), "GET", "storage.googleapis.com/storage/v1/b/b/iam"),
        (
            Resource("project", "p"),
            "POST",
            "cloudresourcemanager.googleapis.com/v3/projects/p:getIamPolicy",
        ),
    ],
)
def test_policies(
    google: GoogleApis, inventory: GoogleInventory, resource: Resource, method: str, path: str
) -> None:
    """Members by role; two bindings of a role (with conditions) are joined."""
    google.add(method, path, POLICY)

    assert inventory.policy(resource, timeout=PATIENCE) == {"roles/x": frozenset({"user:a"})}


def test_the_time_of_the_server(google: GoogleApis, inventory: GoogleInventory) -> None:
    """Any response has it."""
    google.add("GET", f"{PUBSUB}/topics", {})
    time = inventory.server_time(timeout=PATIENCE)

    assert time is not None
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


def test_the_embedded_backend_has_none(embedded_settings: BackendSettings) -> None:
    """Its resources exist when they are used."""
    assert open_inventory(embedded_settings) is None


@pytest.mark.emulator
def test_emulators_answer_for_their_own_services(gcp_settings: BackendSettings) -> None:
    """The others are not here."""
    project = gcp_settings.project
    transport: Any = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
    with SubscriberClient(transport=transport) as subscriber:
        subscriber.create_subscription(
            name=f"projects/{project}/subscriptions/sub", topic=f"projects/{project}/topics/events"
        )
    inventory = open_inventory(gcp_settings)
    assert inventory is not None

    assert inventory.exists(Resource("topic", "events"), timeout=PATIENCE)
    assert not inventory.exists(Resource("topic", "nothing"), timeout=PATIENCE)
    assert inventory.exists(Resource("bucket", gcp_settings.claim_bucket), timeout=PATIENCE)
    assert not inventory.exists(Resource("bucket", "nothing"), timeout=PATIENCE)
    stored = inventory.subscription("sub", timeout=PATIENCE)
    assert stored is not None
    assert stored.topic == f"projects/{project}/topics/events"
    assert inventory.subscription("nothing", timeout=PATIENCE) is None
    with pytest.raises(NotHereError):
        inventory.ttl_state("effects", "expire_at", timeout=PATIENCE)
    with pytest.raises(NotHereError):
        inventory.secret_versions(SECRET, timeout=PATIENCE)
