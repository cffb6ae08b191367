"""`cli.webhook.topic_watch` on both backends: only new messages, and nothing remains."""

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.webhook.topic_watch import open_watch
from videovector_bridge.errors import BackendError
from videovector_bridge.settings.cli import WatchedTopic

TYPE = "com.vectormethods.test"
OTHER = Message(b"{}", {"ce-type": "com.vectormethods.media.created", "ce-id": "other"})


def make_test_event(name: str) -> Message:
    """Return a test event."""
    return Message(b"{}", {"ce-type": TYPE, "ce-id": name})


def subscriptions(project: str) -> list[str]:
    """Return the names of the subscriptions of a project."""
    client = SubscriberClient(
        transport=open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
    )
    subscriptions_ = client.list_subscriptions(request={"project": f"projects/{project}"})
    return [each.name.rpartition("/")[2] for each in subscriptions_]


def test_each_new_message_is_returned_once(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """Messages from before the watch are not returned."""
    backend.topics.publish("events", [make_test_event("before")], timeout=10)
    with open_watch(WatchedTopic(backend_settings, "events", "")) as watch:
        assert list(watch.poll(0.5)) == []
        backend.topics.publish("events", [make_test_event("one")], timeout=10)
        backend.topics.publish("events", [OTHER], timeout=10)
        polled = [*watch.poll(5), *watch.poll(1), *watch.poll(1)]
    ids = [each["ce-id"] for each in polled if each["ce-type"] == TYPE]

    assert ids == ["one"]


@pytest.mark.emulator
def test_the_temporary_subscription_is_deleted(gcp_settings: BackendSettings) -> None:
    """Also when an error ends the watch."""

    def watch_and_fail() -> None:
        with open_watch(WatchedTopic(gcp_settings, "events", "")):
            (name,) = subscriptions(gcp_settings.project)
            assert name.startswith("videovector-bridge-temporary-")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        watch_and_fail()

    assert subscriptions(gcp_settings.project) == []


@pytest.mark.emulator
def test_only_test_events_of_an_existing_subscription_are_acknowledged(
    gcp_settings: BackendSettings,
) -> None:
    """Other messages are redelivered to its own subscriber."""
    topics = open_backend(gcp_settings).topics
    subscriber = Subscriber(gcp_settings, "events")
    topics.publish("events", [OTHER], timeout=10)
    with open_watch(WatchedTopic(gcp_settings, "events", subscriber._name)) as watch:
        topics.publish("events", [make_test_event("one")], timeout=10)
        polled = [*watch.poll(5)]
        while not polled:
            polled += watch.poll(5)

    assert [each["ce-id"] for each in polled] == ["one"]
    assert [message.attributes["ce-id"] for message in subscriber.receive(1)] == ["other"]


@pytest.mark.emulator
def test_a_missing_topic_is_named(gcp_settings: BackendSettings) -> None:
    """In the message."""
    with (
        pytest.raises(BackendError, match=r"There is no topic projects/.*/topics/none"),
        open_watch(WatchedTopic(gcp_settings, "none", "")),
    ):
        pass
