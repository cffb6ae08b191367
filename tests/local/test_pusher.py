"""Push subscriptions over the embedded backend."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.local.clouds.pusher import Pusher
from infra.local.topology import Subscription
from tests.support.patience import until
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.ports import Message
from videovector_bridge.settings import BackendSettings

Request = tuple[dict[str, str], bytes]


@contextmanager
def pushing(
    folder: Path, respond: Callable[[bytes], int], *, attempts: int = 5
) -> Iterator[list[Request]]:
    """A pusher from topic `events` to a function with these statuses; yields its requests."""
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(respond(body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        subscription = Subscription("sub", "events", "f", "", "", 60, "dead", attempts)
        pusher = Pusher(folder, subscription, f"http://127.0.0.1:{server.server_port}")
        pusher.start()
        yield requests
        pusher.stop()
        pusher.join()
        server.shutdown()


def publish(folder: Path, *bodies: bytes) -> None:
    """Publish messages to topic `events`."""
    backend = open_backend(BackendSettings("embedded", "embedded", str(folder), ""))
    attributes = {"ce-id": "a", "content-type": "application/json"}
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
