"""What an acceptance run adds to the fake Google Cloud."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tests.acceptance.fake_routes import respond

CHANNELS = "v3/projects/fake-project/notificationChannels"


class StubFake:
    """The store of a fake cloud."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.store: dict[str, Any] = {}

    def create(self, key: str, resource: dict[str, Any]) -> dict[str, Any]:
        """Store a resource."""
        self.store[key] = resource
        return resource

    def read(self, key: str) -> Any:
        """Return a resource."""
        return self.store[key]

    def remove(self, key: str) -> dict[str, Any]:
        """Delete a resource."""
        del self.store[key]
        return {}


def call(method: str, service: str, path: str, **body: Any) -> Any:
    """Return a request of a client."""
    return SimpleNamespace(method=method, service=service, path=path, body=body)


def refuse(request: Any) -> Any:
    """Fail: the fake's own handler must not see this request."""
    raise AssertionError(request)


def test_a_notification_channel_is_created_changed_and_deleted() -> None:
    """It has a name of its own."""
    fake = StubFake()

    channel = respond(fake, call("POST", "monitoring", CHANNELS, type="email"), refuse)
    path = f"v3/{channel['name']}"
    changed = respond(fake, call("PATCH", "monitoring", path, displayName="team"), refuse)
    respond(fake, call("DELETE", "monitoring", path), refuse)

    assert channel["name"].startswith("projects/fake-project/notificationChannels/")
    assert (changed["type"], changed["displayName"]) == ("email", "team")
    assert fake.store == {}


def test_a_field_without_a_ttl_is_sent_without_null() -> None:
    """The provider sends null, on which the fake fails."""
    path = "projects/p/databases/(default)/collectionGroups/effects/fields/*"
    request = call("PATCH", "firestore", path, ttlConfig=None, indexConfig={})

    assert respond(StubFake(), request, lambda received: received.body) == {"indexConfig": {}}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", f"{CHANNELS}/1"), ("POST", "v3/projects/p/alertPolicies")]
)
def test_other_requests_are_the_fakes_own(method: str, path: str) -> None:
    """Unchanged."""
    request = call(method, "monitoring", path, name="x")

    assert respond(StubFake(), request, lambda unchanged: unchanged) is request
