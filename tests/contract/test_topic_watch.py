"""`cli.topic_watch`: what is published from now on is seen, and nothing is left behind."""

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.delivered import Subscriber
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.webhook.topic_watch import open_watch
from videovector_bridge.errors import BackendError
from videovector_bridge.settings.cli import Watched

TYPE = "com.vectormethods.test"
OTHER = Message(b"{}", {"ce-type": "com.vectormethods.media.created", "ce-id": "other"})


def example(name: str) -> Message:
    """A test event."""
    return Message(b"{}", {"ce-type": TYPE, "ce-id": name})


def subscriptions(project: str) -> list[str]:
    """The subscriptions of a project."""
    client = SubscriberClient(
        transport=open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
    )
    found = client.list_subscriptions(request={"project": f"projects/{project}"})
    return [each.name.rpartition("/")[2] for each in found]


def test_what_comes_is_seen_once(backend: Backend, backend_settings: BackendSettings) -> None:
    """Not what came before, and nothing twice."""
    backend.topics.publish("events", [example("before")], timeout=10)
    with open_watch(Watched(backend_settings, "events", "")) as watch:
        assert list(watch.poll(0.5)) == []
        backend.topics.publish("events", [example("one")], timeout=10)
        backend.topics.publish("events", [OTHER], timeout=10)
        seen = [*watch.poll(5), *watch.poll(1), *watch.poll(1)]
    ids = [each["ce-id"] for each in seen if each["ce-type"] == TYPE]

    assert ids == ["one"]


@pytest.mark.emulator
def test_nothing_is_left_behind(gcp_settings: BackendSettings) -> None:
    """The subscription of the while is deleted, also when looking ends in an error."""

    def look() -> None:
        with open_watch(Watched(gcp_settings, "events", "")):
            (name,) = subscriptions(gcp_settings.project)
            assert name.startswith("videovector-bridge-test-")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()

    assert subscriptions(gcp_settings.project) == []


@pytest.mark.emulator
def test_of_a_named_subscription_only_test_events_are_taken(gcp_settings: BackendSettings) -> None:
    """All else is delivered again, to whom it is meant for."""
    topics = open_backend(gcp_settings).topics
    subscriber = Subscriber(gcp_settings, "events")
    topics.publish("events", [OTHER], timeout=10)
    with open_watch(Watched(gcp_settings, "events", subscriber._name)) as watch:
        topics.publish("events", [example("one")], timeout=10)
        seen = [*watch.poll(5)]
        while not seen:
            seen += watch.poll(5)

    assert [each["ce-id"] for each in seen] == ["one"]
    assert [message.attributes["ce-id"] for message in subscriber.receive(1)] == ["other"]


@pytest.mark.emulator
def test_a_topic_that_is_not_there(gcp_settings: BackendSettings) -> None:
    """A sentence names it."""
    with (
        pytest.raises(BackendError, match=r"There is no topic projects/.*/topics/none"),
        open_watch(Watched(gcp_settings, "none", "")),
    ):
        pass
