"""Webhooks end to end: the stand-in delivers to the real function, and the topic has the events."""

import hashlib
import hmac
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from videovector import VideoVector

from infra.local.processes.functions import ROOT, Function
from infra.standin import WEBHOOK_EVENTS, StandIn, StandInConfig
from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.ports import Message


@dataclass(frozen=True, slots=True)
class Channel:
    """A stand-in, the function that receives its webhooks, and the topics behind it."""

    standin: StandIn
    function: Function
    secrets_file: Path
    log: MessageLog

    def cli(self, *arguments: str) -> str:
        """Run the command line, which must succeed; return its output."""
        environment = os.environ | {
            "PYTHONPATH": "functions",
            "VIDEO_VECTOR_BASE_URL": self.standin.api_url,
            "VIDEO_VECTOR_API_KEY": self.standin.keys["admin"],
        }
        command = [sys.executable, "-m", "videovector_bridge.cli", "webhook", *arguments]
        completed = subprocess.run(
            [*command, "--secret-file", str(self.secrets_file)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout + completed.stderr

    def sdk(self) -> VideoVector:
        """The vendor's SDK with an admin key."""
        key = self.standin.keys["admin"]
        return VideoVector(api_key=key, base_url=self.standin.api_url, max_retries=0)

    def events(self) -> list[Message]:
        """All messages on topic `events`."""
        messages: list[Message] = []
        after = 0
        while batch := self.log.read("events", after):
            messages += [each.message for each in batch]
            after = batch[-1].id
        return messages


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    """The function under functions-framework on the embedded backend, without a secret yet."""
    secrets_file, folder = tmp_path / "secrets", tmp_path / "embedded"
    # Even on a slow machine, no delivery is given up and the webhook is not disabled.
    config = StandInConfig(
        webhook_retry_seconds=0.2,
        webhook_retry_cap_seconds=2.0,
        webhook_attempts=1_000,
        webhook_failures=None,
        webhook_timeout_seconds=300.0,
    )
    with StandIn(config) as standin:
        environment = {
            "BACKEND": "embedded",
            "EMBEDDED_DIR": str(folder),
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "WEBHOOK_SECRETS_FILE": str(secrets_file),
            "THREADS": "32",
        }
        function = Function("receive-webhook", "receive_webhook", environment, tmp_path)
        try:
            function.start()
            function.wait()
            yield Channel(standin, function, secrets_file, MessageLog(folder))
        finally:
            function.close()


def test_events_of_a_webhook_that_the_sdk_created_arrive(channel: Channel) -> None:
    """The SDK creates the webhook, tests it and rotates its secret; every event is on the topic."""
    with channel.sdk() as client:
        made = client.webhooks.create(
            name="x", url=channel.function.url, events=list(WEBHOOK_EVENTS)
        )
        channel.secrets_file.write_text(made.secret + "\n")
        assert client.webhooks.test(made.webhook_id).status_code == 204
        rotated = client.webhooks.rotate_secret(made.webhook_id)
        assert client.webhooks.test(made.webhook_id).status_code == 401
        channel.secrets_file.write_text(f"{rotated.new_secret}\n{made.secret}\n")
        assert client.webhooks.test(made.webhook_id).success is True
        (event_id,) = channel.standin.control.webhook_events(
            event="export.ready", data={"run_id": "r1"}
        )
        channel.standin.control.settled_webhooks()
    first, second, third = channel.events()

    assert {each.attributes["ce-type"] for each in (first, second)} == {"com.vectormethods.test"}
    assert first.attributes["ce-id"] != second.attributes["ce-id"]
    assert third.attributes["ce-id"] == event_id
    assert third.attributes["ce-type"] == "com.vectormethods.export.ready"
    assert third.attributes["ce-channel"] == "webhook"
    assert third.attributes["ce-runid"] == "r1"
    assert third.attributes["ce-source"].endswith(f"/webhooks/{made.webhook_id}")


class Load:
    """Events that a thread sends, as fast as they are delivered: at most `IN_FLIGHT` at once.

    So the number of deliveries depends on the machine's speed, and the result does not.
    """

    IN_FLIGHT = 40

    def __init__(self, channel: Channel) -> None:
        self._control = channel.standin.control
        self._stopped = threading.Event()
        self._sent = threading.Condition()
        self.event_ids: list[str] = []

    def wait_for_more(self, count: int) -> None:
        """Return when so many more events are sent."""
        with self._sent:
            goal = len(self.event_ids) + count
            assert self._sent.wait_for(lambda: len(self.event_ids) >= goal, PATIENCE_SECONDS)

    def _send(self) -> None:
        while not self._stopped.is_set():
            room = self.IN_FLIGHT - self._control.webhooks()["unsettled"]
            if room <= 0:
                self._stopped.wait(0.01)
                continue
            event_ids = self._control.webhook_events(room)
            with self._sent:
                self.event_ids += event_ids
                self._sent.notify_all()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send events until the block ends. Raises what sending raised."""
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(self._send)
            try:
                yield
            finally:
                self._stopped.set()
            sending.result()


def test_a_rotation_under_load_refuses_nothing_valid(channel: Channel) -> None:
    """While the secret rotates twice, every delivery arrives, and none is refused."""
    channel.cli("ensure", "--url", channel.function.url)
    load = Load(channel)
    with load.running():
        for _ in range(2):
            load.wait_for_more(2 * Load.IN_FLIGHT)
            channel.cli("rotate", "--grace", "1h")
        load.wait_for_more(2 * Load.IN_FLIGHT)
    report = channel.standin.control.settled_webhooks()
    attempts = report["attempts"]

    assert {each.attributes["ce-id"] for each in channel.events()} == set(load.event_ids)
    assert report["statuses"] == {"delivered": len(load.event_ids)}
    # 503: signed with a secret that the function did not have yet. None was refused.
    assert {each["status_code"] for each in attempts} <= {204, 503}
    assert {each["generation"] for each in attempts} == {1, 2, 3}


def test_a_dropped_secret_verifies_nothing(channel: Channel) -> None:
    """After the grace period a delivery signed with the old secret gets 401, the new one 204."""
    channel.cli("ensure", "--url", channel.function.url)
    old = channel.secrets_file.read_text()
    channel.cli("rotate", "--grace", "0s")
    channel.standin.control.webhook_events(5)
    new = channel.secrets_file.read_text()

    attempts = channel.standin.control.settled_webhooks()["attempts"]
    assert {each["status_code"] for each in attempts} == {204}
    old_secret = next(line for line in old.splitlines() if not line.startswith("#"))
    assert old_secret not in new
    assert _post_signed(channel, old_secret) == 401
    assert _post_signed(channel, next(_secrets(new))) == 204


def _secrets(text: str) -> Iterator[str]:
    return (line.split()[0] for line in text.splitlines() if line and not line.startswith("#"))


def _post_signed(channel: Channel, secret: str) -> int:
    body = b'{"id":"w1","event":"test","data":{},"created_at":"2026-01-01T00:00:00Z"}'
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Webhook-Signature": signature}
    return httpx.post(channel.function.url, content=body, headers=headers).status_code
