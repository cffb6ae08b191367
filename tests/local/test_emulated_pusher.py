"""Push subscriptions over the Pub/Sub emulator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.local.clouds.emulated_pusher import EmulatedPusher
from infra.local.clouds.emulators import Emulators
from infra.local.topology import Subscription
from tests.support.patience import until
from tests.support.push_endpoint import Request, push_endpoint
from videovector_bridge.settings import BackendSettings

pytestmark = pytest.mark.emulator

ATTRIBUTES = {"ce-id": "a", "content-type": "application/json"}
# The host's own headers, and those that differ between any two HTTP clients.
OF_THE_CLIENT = {"host", "connection", "accept", "accept-encoding", "user-agent", "content-length"}


class Topic:
    """A topic of the emulator, and the clients of its project."""

    def __init__(self, host: str, project: str) -> None:
        self.channel = grpc.insecure_channel(host)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self.channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self.channel))
        self._project = f"projects/{project}"
        self.dead = f"{self._project}/topics/dead"
        self.name = f"{self._project}/topics/events"
        for name in (self.name, self.dead):
            self.publisher.create_topic(name=name)

    def subscribe(self, name: str, **request: Any) -> str:
        """Create a subscription, and return its full name."""
        path = f"{self._project}/subscriptions/{name}"
        topic = {"name": path, "topic": self.name, "ack_deadline_seconds": 600}
        self.subscriber.create_subscription(request={**topic, **request})
        return path

    def publish(self, *bodies: bytes, event_id: str = "a") -> None:
        """Publish messages."""
        attributes = {**ATTRIBUTES, "ce-id": event_id}
        messages = [{"data": body, "attributes": attributes} for body in bodies]
        self.publisher.publish(request={"topic": self.name, "messages": messages})


@pytest.fixture
def topic(emulators: Emulators, gcp_settings: BackendSettings) -> Iterator[Topic]:
    """A topic of a project of its own."""
    topic = Topic(emulators.pubsub_host, f"pushes-{gcp_settings.project}")
    yield topic
    topic.channel.close()


@contextmanager
def pushing(
    topic: Topic, path: str, respond: Callable[[bytes], int], *, passes: str = ""
) -> Iterator[list[Request]]:
    """A pusher of subscription `path` to a function with these statuses; yields its requests."""
    with push_endpoint(respond) as endpoint:
        subscription = Subscription("sub", "events", "f", "", passes, 60, "", 0)
        pusher = EmulatedPusher(topic.subscriber, path, subscription, endpoint.url, at_once=8)
        pusher.start()
        yield endpoint.requests
        pusher.stop()
        topic.channel.close()
        pusher.join()


def comparable(request: Request) -> tuple[dict[str, str], bytes]:
    """A push request without what belongs to the client and the subscription."""
    headers, body = request
    own = {name: value for name, value in headers.items() if name not in OF_THE_CLIENT}
    own.pop("x-goog-pubsub-subscription-name")
    # Documented, but the emulator does not send it.
    own.pop("x-goog-pubsub-delivery-attempt", None)
    return own, body


def test_messages_arrive_as_the_emulator_pushes_them(topic: Topic) -> None:
    """The same headers, with the same values, and the same body."""
    with push_endpoint(lambda _: 204) as emulator:
        push = {"push_endpoint": emulator.url, "no_wrapper": {"write_metadata": True}}
        dead = {"dead_letter_topic": topic.dead, "max_delivery_attempts": 5}
        topic.subscribe("of-emulator", push_config=push, dead_letter_policy=dead)
        path = topic.subscribe("ours", dead_letter_policy=dead)
        topic.publish(b'{"a": 1}')
        with pushing(topic, path, lambda _: 204) as requests:
            assert until(lambda: bool(requests) and bool(emulator.requests))

    assert comparable(requests[0]) == comparable(emulator.requests[0])


def test_only_messages_that_pass_the_filter_are_pushed(topic: Topic) -> None:
    """As Pub/Sub does, and not the emulator: the function is not called for the others."""
    path = topic.subscribe("filtered")
    topic.publish(b"other", event_id="b")
    topic.publish(b"own")
    with pushing(topic, path, lambda _: 204, passes='attributes."ce-id" = "a"') as requests:
        assert until(lambda: bool(requests))
        topic.publish(b"other", event_id="b")
        topic.publish(b"last")
        assert until(lambda: len(requests) >= 2)

    assert [body for _, body in requests] == [b"own", b"last"]


@pytest.mark.filterwarnings("ignore:The return_immediately flag")
def test_a_message_is_redelivered_and_then_dead_lettered(topic: Topic) -> None:
    """The emulator counts the attempts, also of a response that is not 2xx."""
    dead = {"dead_letter_topic": topic.dead, "max_delivery_attempts": 5}
    soon = {"minimum_backoff": timedelta(0), "maximum_backoff": timedelta(seconds=1)}
    path = topic.subscribe("failing", dead_letter_policy=dead, retry_policy=soon)
    letters = topic.subscribe("dead-letters", topic=topic.dead)
    topic.publish(b"bad", b"good")

    dead_bodies: list[bytes] = []

    def letter_arrived() -> bool:
        pulled = topic.subscriber.pull(
            request={"subscription": letters, "max_messages": 1, "return_immediately": True}
        )
        dead_bodies.extend(each.message.data for each in pulled.received_messages)
        return bool(dead_bodies)

    with pushing(topic, path, lambda body: 500 if body == b"bad" else 200) as requests:
        assert until(letter_arrived)

    assert dead_bodies == [b"bad"]
    bodies = [body for _, body in requests]
    assert (bodies.count(b"bad"), bodies.count(b"good")) == (5, 1)
    attempts = [h["x-goog-pubsub-delivery-attempt"] for h, body in requests if body == b"bad"]
    assert attempts == ["1", "2", "3", "4", "5"]
