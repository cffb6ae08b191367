"""The command `webhook test`, which reads a topic of the embedded backend."""

from collections.abc import Callable

from tests.support.commands import WebhookCommands
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.backends.ports import Message


def publisher(cli: WebhookCommands, event_id: str) -> Callable[[], None]:
    """Return a function that publishes a test event as `receive_webhook` would."""
    settings = BackendSettings("embedded", "p", str(cli.embedded_folder), "")
    topics = open_backend(settings).topics
    attributes = {
        "ce-type": "com.vectormethods.test",
        "ce-source": "//api.example.test/webhooks/w1",
        "ce-id": event_id,
    }
    return lambda: topics.publish("events", [Message(b"{}", attributes)], timeout=5)


def test_the_published_event_is_found(cli: WebhookCommands) -> None:
    """An event that was published before the test is ignored."""
    cli.add()
    publisher(cli, "old")()
    cli.api.on_test = publisher(cli, "new")
    ran = cli.run("test", "--json", "--timeout", "5s")

    assert ran.status == 0
    assert ran.json["event_id"] == "new"
    assert ran.json["seen_on"] == "projects/embedded/topics/events"


def test_a_refused_delivery_is_explained(cli: WebhookCommands) -> None:
    """Status 3, and the message says what to check."""
    cli.add()
    cli.api.test_response = {"success": False, "status_code": 401, "error": "word"}
    ran = cli.run("test")

    assert ran.status == 3
    assert "secrets are not this webhook's" in ran.err


def test_an_event_that_does_not_arrive_is_explained(cli: WebhookCommands) -> None:
    """Status 3 when the time has passed."""
    cli.add()
    ran = cli.run("test", "--timeout", "1s", "--json")

    assert ran.status == 3
    assert "within 1 s" in ran.err
    assert ran.out == ""
