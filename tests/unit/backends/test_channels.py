"""`backends.gcp.channels` and its users: the host that a service is called at."""

from typing import Any

import grpc
import pytest
from google.auth import exceptions as auth_errors
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError

EMULATOR = "PUBSUB_EMULATOR_HOST"
REGIONAL = "europe-west1-pubsub.googleapis.com:443"


class Reached(Exception):
    """A channel is opened to this host."""


@pytest.fixture
def _no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a channel raises `Reached`. There is no emulator."""

    def create_channel(host: str, **_options: Any) -> grpc.Channel:
        raise Reached(host)

    monkeypatch.delenv(EMULATOR, raising=False)
    monkeypatch.setattr(PublisherGrpcTransport, "create_channel", create_channel)


@pytest.mark.usefixtures("_no_channel")
@pytest.mark.parametrize(
    ("endpoint", "host"), [("", "pubsub.googleapis.com"), (REGIONAL, REGIONAL)]
)
def test_messages_are_published_through_the_endpoint(endpoint: str, host: str) -> None:
    """Without one, through Pub/Sub's global host."""
    settings = BackendSettings("gcp", "a-project", "", pubsub_endpoint=endpoint)

    with pytest.raises(Reached, match=f"^{host}$"):
        open_backend(settings).topics.publish("events", [Message(b"x")], timeout=1)


@pytest.mark.usefixtures("_no_channel")
def test_an_emulator_wins_over_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an emulator sends nothing to Google."""
    monkeypatch.setenv(EMULATOR, "127.0.0.1:1")
    transport = open_transport(PublisherGrpcTransport, EMULATOR, REGIONAL)

    assert transport._host == "127.0.0.1:1"
    transport.close()


def test_missing_credentials_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to get some."""

    def create_channel(_host: str, **_options: Any) -> grpc.Channel:
        raise auth_errors.GoogleAuthError("none")  # type: ignore[no-untyped-call]

    monkeypatch.delenv(EMULATOR, raising=False)
    monkeypatch.setattr(PublisherGrpcTransport, "create_channel", create_channel)

    with pytest.raises(BackendError, match="gcloud auth application-default login"):
        open_transport(PublisherGrpcTransport, EMULATOR)
