"""Push subscriptions over the embedded backend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.clouds.pusher import Pusher
from infra.local.topology import Subscription
from tests.support.patience import until
from tests.support.push_endpoint import Request, push_endpoint
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.ports import Message
from videovector_bridge.settings import BackendSettings


@contextmanager
def pushing(
    folder: Path, respond: Callable[[bytes], int], *, attempts: int = 5, passes: str = ""
) -> Iterator[list[Request]]:
    """A pusher from topic `events` to a function with these statuses; yields its requests."""
    with push_endpoint(respond) as endpoint:
        subscription = Subscription("sub", "events", "f", "", passes, 60, "dead", attempts)
        pusher = Pusher(folder, subscription, endpoint.url, at_once=8)
        pusher.start()
        yield endpoint.requests
        pusher.stop()
        pusher.join()


def publish(folder: Path, *bodies: bytes, event_id: str = "a") -> None:
    """Publish messages to topic `events`."""
    backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
    attributes = {"ce-id": event_id, "content-type": "application/json"}
    backend.topics.publish("events", [Message(each, attributes) for each in bodies], timeout=5)


def test_messages_arrive_unwrapped(tmp_path: Path) -> None:
    """The body is the data; the headers are the attributes and Pub/Sub's own."""
    publish(tmp_path, b"{}")
    with pushing(tmp_path, lambda _: 204) as requests:
        assert until(lambda: bool(requests))

    headers, body = requests[0]
    assert body == b"{}"
    assert (headers["ce-id"], headers["content-type"]) == ("a", "application/json")
    assert headers["x-goog-pubsub-subscription-name"] == "sub"
    assert headers["x-goog-pubsub-delivery-attempt"] == "1"


def test_only_messages_that_pass_the_filter_are_pushed(tmp_path: Path) -> None:
    """As Pub/Sub does: the function is not called for the others."""
    publish(tmp_path, b"other", event_id="b")
    publish(tmp_path, b"own")
    with pushing(tmp_path, lambda _: 204, passes='attributes."ce-id" = "a"') as requests:
        assert until(lambda: bool(requests))
        publish(tmp_path, b"other", event_id="b")
        publish(tmp_path, b"last")
        assert until(lambda: len(requests) >= 2)

    assert [body for _, body in requests] == [b"own", b"last"]


def test_a_message_is_redelivered_until_success(tmp_path: Path) -> None:
    """A response other than 2xx leads to a redelivery, with the attempt in a header."""
    statuses = iter([503, 404, 200])
    publish(tmp_path, b"{}")
    with pushing(tmp_path, lambda _: next(statuses, 200)) as requests:
        assert until(lambda: len(requests) >= 3)

    attempts = [headers["x-goog-pubsub-delivery-attempt"] for headers, _ in requests]
    assert attempts == ["1", "2", "3"]


def test_a_message_is_dead_lettered_after_its_last_attempt(tmp_path: Path) -> None:
    """The dead-letter topic has its data and attributes, and the subscription that it is from."""
    publish(tmp_path, b"bad")
    with pushing(tmp_path, lambda _: 500, attempts=2) as requests:
        assert until(lambda: bool(MessageLog(tmp_path).read("dead")))
        dead = MessageLog(tmp_path).read("dead")[0].message

    assert (dead.data, dead.attributes["ce-id"]) == (b"bad", "a")
    assert dead.attributes["CloudPubSubDeadLetterSourceSubscription"] == "sub"
    assert dead.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "2"
    assert len(requests) == 2


def test_failing_messages_do_not_delay_others(tmp_path: Path) -> None:
    """A good message is delivered while many others wait for their next attempt."""
    publish(tmp_path, *[b"bad"] * 30)
    with pushing(tmp_path, lambda body: 500 if body == b"bad" else 200) as requests:
        assert until(lambda: len(requests) >= 30)
        publish(tmp_path, b"good")
        assert until(lambda: any(body == b"good" for _, body in requests))
        position = [body for _, body in requests].index(b"good")

    # A delayed message would follow all five attempts of each failing message.
    assert position < 30 * 5
