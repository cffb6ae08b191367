"""`videovector-bridge tail`: live messages, and a subscription that does not remain."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.commands import run_command
from tests.support.event_messages import event, message_of
from tests.support.local_stack import LocalStack
from tests.support.patience import PATIENCE_SECONDS
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.embedded.database import Database
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError

FAILED = message_of(event("evt_failed"))
STARTED = message_of(event("evt_started", event_type="prompt_run.started", run_id="run_2"))


@pytest.fixture
def stack(
    tmp_path: Path, backend_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> LocalStack:
    """A local stack on each backend in turn."""
    return LocalStack(tmp_path, backend_settings, monkeypatch)


@pytest.fixture
def embedded(
    tmp_path: Path, embedded_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> LocalStack:
    """A local stack on the embedded backend."""
    return LocalStack(tmp_path, embedded_settings, monkeypatch)


def list_subscriptions(settings: BackendSettings) -> list[str]:
    """Return the names of the temporary subscriptions."""
    if settings.kind == "embedded":
        database = Database(Path(settings.embedded_dir) / "messages.sqlite3", "")
        with database.transaction("Reading", 5, write=False) as connection:
            rows = connection.execute("SELECT name FROM subscriptions").fetchall()
        names = [name for (name,) in rows]
    else:
        transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
        with SubscriberClient(transport=transport) as client:
            request = {"project": f"projects/{settings.project}"}
            names = [each.name for each in client.list_subscriptions(request=request)]
    return [name for name in names if "temporary" in name]


class Tail:
    """A running `tail` that has begun to listen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        assert "from now on" in process.stderr.readline()

    def line(self) -> str:
        """Return the next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait(self) -> int:
        """Return its exit status."""
        return self.process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def tailing(stack: LocalStack, *arguments: str) -> Iterator[Tail]:
    """Run `tail` in a process of its own; kill it at the end."""
    process = stack.start("tail", *arguments)
    try:
        yield Tail(process)
    finally:
        process.kill()
        process.communicate()


def test_messages_are_shown_as_they_are_published(stack: LocalStack) -> None:
    """Those that pass filter and type, until the count; other subscriptions get all of them."""
    other = Subscriber(stack.settings, "events")
    stack.publish(message_of(event("evt_before")))
    options = ("--type", "prompt_run.*", "--filter", 'attributes."ce-runid" = "run_2"')
    with tailing(stack, *options, "--count", "1", "--json") as tail:
        stack.publish(FAILED, STARTED)
        shown = json.loads(tail.line())
        assert tail.wait() == 0

    assert (shown["id"], shown["type"]) == ("evt_started", "prompt_run.started")
    assert shown["attributes"] == dict(STARTED.attributes)
    assert len(other.receive(3)) == 3
    assert list_subscriptions(stack.settings) == []


def interrupt(process: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)


def close_pipe(process: subprocess.Popen[str]) -> None:
    """The reader of a pipe ends, as `head` does."""
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None


@pytest.mark.parametrize("end", [interrupt, subprocess.Popen.terminate, close_pipe])
def test_the_subscription_is_deleted_however_it_ends(
    stack: LocalStack, end: Callable[[subprocess.Popen[str]], None]
) -> None:
    """By Ctrl-C, by SIGTERM, and when nobody reads the output, which needs no further message."""
    with tailing(stack) as tail:
        stack.publish(FAILED)
        assert "id=evt_failed" in tail.line()
        assert len(list_subscriptions(stack.settings)) == 1
        end(tail.process)
        assert tail.wait() == 0
        assert tail.process.stderr is not None
        # Between the line and its count, an interrupt leaves the message uncounted.
        assert re.search(r"[01] messages? shown", tail.process.stderr.read())

    assert list_subscriptions(stack.settings) == []


def test_the_subscription_is_deleted_after_an_error(
    embedded: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any error, such as a bug."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("videovector_bridge.cli.operate.tail.command.follow", fail)
    with pytest.raises(ZeroDivisionError):
        embedded.run("tail")

    assert list_subscriptions(embedded.settings) == []


@pytest.mark.emulator
def test_the_subscription_expires_after_a_kill(
    tmp_path: Path, gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day after its last use, by its own setting."""
    stack = LocalStack(tmp_path, gcp_settings, monkeypatch)
    with tailing(stack) as tail:
        tail.process.kill()
        tail.wait()
    (name,) = list_subscriptions(gcp_settings)

    transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
    with SubscriberClient(transport=transport) as client:
        subscription = client.get_subscription(subscription=name)
    assert subscription.expiration_policy.ttl.total_seconds() == 86_400


def test_a_subscription_that_cannot_be_deleted_is_named(
    embedded: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It expires; the command does not fail for it."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise BackendError("no answer")

    monkeypatch.setattr(SqliteSubscriptions, "delete", fail)
    result = embedded.run("tail", "--seconds", "0.1")

    assert result.status == 0
    assert "is not deleted; it expires in a day. no answer" in result.err


def test_signed_urls_are_not_shown(embedded: LocalStack) -> None:
    """Neither with the data nor as JSON."""
    data = json.dumps({"gcs_uri": "gs://b/o", "signed_url": "https://h/o?X-Goog-Signature=0a1b2c"})
    message = Message(
        data.encode(), {"ce-id": "1", "ce-type": "com.vectormethods.media.url_issued"}
    )
    for options in (("--data",), ("--data", "--json")):
        with tailing(embedded, "--topic", "media-urls", "--count", "1", *options) as tail:
            embedded.publish(message, topic="media-urls")
            out, _ = tail.process.communicate(timeout=PATIENCE_SECONDS)
        assert "gs://b/o" in out
        assert "0a1b2c" not in out
        assert "[hidden]" in out


def test_rejected_messages_are_shown_with_their_code(embedded: LocalStack) -> None:
    """They may have no type."""
    with tailing(embedded, "--topic", "rejected", "--count", "1") as tail:
        embedded.publish(Message(b"not JSON", {"code": "bad_json"}), topic="rejected")
        assert "code=bad_json" in tail.line()
        assert tail.wait() == 0


def test_it_ends_after_its_seconds(embedded: LocalStack) -> None:
    """Also without a message."""
    result = embedded.run("tail", "--seconds", "0.3")

    assert (result.status, result.out) == (0, "")
    assert "Ended: 0 messages shown." in result.err


def test_every_wrong_option_is_named(embedded: LocalStack) -> None:
    """And nothing is created."""
    result = embedded.run(
        "tail", "--topic", "nope", "--count", "0", "--seconds", "-1", "--filter", "a = b"
    )

    assert result.status == 2
    for option in ("--topic", "--count", "--seconds", "--filter"):
        assert f"{option} " in result.err
    assert not Path(embedded.settings.embedded_dir, "messages.sqlite3").exists()


def test_a_wrong_target_is_named_with_the_other_options() -> None:
    """All at once."""
    result = run_command("tail", "--count", "0")

    assert result.status == 2
    assert "--count" in result.err
    assert "--project PROJECT" in result.err


@pytest.mark.emulator
def test_a_missing_topic_is_named(
    tmp_path: Path, gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests' project has no topic `dead-letters`."""
    stack = LocalStack(tmp_path, gcp_settings, monkeypatch)
    result = stack.run("tail", "--topic", "dead-letters", "--seconds", "1")

    assert result.status == 1
    assert f"There is no topic projects/{gcp_settings.project}/topics/dead-letters" in result.err
