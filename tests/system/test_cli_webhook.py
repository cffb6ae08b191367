"""`videovector-bridge webhook` as a process, with the stand-in and a running receiver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from videovector import VideoVector

from infra.local.processes.functions import Function
from infra.standin import StandIn, StandInConfig
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.topic_subscriber import Subscriber
from tests.support.webhooks import environment
from videovector_bridge.backends import BackendSettings

SCRIPT = Path(sys.executable).parent / "videovector-bridge"


class Bridge:
    """A stand-in, a receiver that reads a file of secrets, and the command line."""

    def __init__(self, standin: StandIn, folder: Path) -> None:
        self.standin = standin
        self.file = folder / "secrets"
        self.settings = BackendSettings("embedded", "", str(folder / "embedded"), "")
        variables = environment(self.settings) | {
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "WEBHOOK_SECRETS": "",
            "WEBHOOK_SECRETS_FILE": str(self.file),
        }
        self.receiver = Function("receive-webhook", "receive_webhook", variables, folder / "logs")
        self._environment = {
            "PATH": os.environ["PATH"],
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": standin.keys["admin"],
            "BACKEND": "embedded",
            "EMBEDDED_DIR": self.settings.embedded_dir,
        }

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        completed = subprocess.run(
            [str(SCRIPT), "webhook", *arguments],
            env=self._environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        output = completed.stdout + completed.stderr

        assert "whsec_" not in output
        assert self.standin.keys["admin"] not in output
        assert "Traceback" not in output
        return completed

    def run_json(self, *arguments: str) -> Any:
        """Run a command that must succeed and return its JSON."""
        completed = self.run(*arguments, "--json")
        assert completed.returncode == 0, completed.stderr
        return json.loads(completed.stdout)

    def ensure(self, *more: str) -> Any:
        """Run `ensure`."""
        return self.run_json(
            "ensure", "--url", self.receiver.url, "--secret-file", str(self.file), *more
        )

    def sdk(self) -> VideoVector:
        """Return the vendor's client."""
        return VideoVector(api_key=self.standin.keys["admin"], base_url=self.standin.api_url)

    def published(self) -> list[str]:
        """Return the ids of all events so far."""
        messages = Subscriber(self.settings, "events").receive(10_000)
        return [message.attributes["ce-id"] for message in messages]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """A bridge with a running receiver."""
    with StandIn(StandInConfig(webhook_attempts=2, webhook_retry_seconds=0.05)) as standin:
        running = Bridge(standin, tmp_path)
        running.receiver.start()
        try:
            running.receiver.wait()
            yield running
        finally:
            running.receiver.close()


def test_a_webhook_is_created_tested_and_rotated(bridge: Bridge) -> None:
    """The receiver reads the new secret from the file; webhooks of others stay."""
    with bridge.sdk() as sdk:
        theirs = sdk.webhooks.create(name="theirs", url="https://x.test", events=["media.created"])
        made = bridge.ensure()

        assert made["created"]
        assert bridge.run_json("test")["status_code"] == 204
        assert bridge.run_json("rotate", "--secret-file", str(bridge.file))["webhook_id"]
        arrival = bridge.run_json("test")
        assert arrival["event_id"] in bridge.published()
        again = bridge.ensure()
        assert (again["created"], again["secret_learned"], again["changed"]) == (False, False, [])
        remaining = {webhook.webhook_id for webhook in sdk.webhooks.list()}
        assert remaining == {theirs.webhook_id, made["webhook"]["webhook_id"]}


def test_drift_and_surplus_webhooks_are_repaired(bridge: Bridge) -> None:
    """Afterwards events are delivered again."""
    webhook_id = bridge.ensure("--index", "idx_1")["webhook"]["webhook_id"]
    with bridge.sdk() as sdk:
        mark = sdk.webhooks.retrieve(webhook_id).metadata
        double = sdk.webhooks.create(
            name="double", url="https://x.test", events=["media.created"], metadata=mark
        )
        sdk.webhooks.update(webhook_id, status="paused", url="https://gone.test", name="x")
    result = bridge.ensure()

    assert set(result["changed"]) == {"status", "url", "name", "index_ids"}
    assert result["removed"] == [double.webhook_id]
    ids = bridge.standin.control.webhook_events(5)
    assert until(lambda: set(ids) <= set(bridge.published()))


def test_failed_deliveries_are_sent_again(bridge: Bridge) -> None:
    """They failed because the receiver had the wrong secret."""
    bridge.ensure()
    secrets = bridge.file.read_text()
    bridge.file.write_text("another-word\n")
    ids = bridge.standin.control.webhook_events(3)
    control = bridge.standin.control
    assert until(lambda: control.webhooks()["statuses"] == {"failed": 3})
    refused = bridge.run("test")
    assert refused.returncode == 3
    assert "secrets are not this webhook's" in refused.stderr
    bridge.file.write_text(secrets)

    retried = bridge.run_json("deliveries", "--failed", "--retry")["retried"]

    assert len(retried) == 3
    assert until(lambda: set(ids) <= set(bridge.published()))
    assert bridge.run_json("deliveries", "--failed")["deliveries"] == []


def test_refusals_are_explained(bridge: Bridge, tmp_path: Path) -> None:
    """A key without the scope, a missing folder, an address without a server, wrong settings."""
    read = bridge.standin.keys["read"]
    url, file = bridge.receiver.url, str(bridge.file)
    ensure = ("ensure", "--url", url, "--secret-file", file)
    scope = bridge.run(*ensure, VIDEO_VECTOR_API_KEY=read)
    folder = bridge.run("ensure", "--url", url, "--secret-file", str(tmp_path / "none" / "x"))
    unreachable = bridge.run("list", VIDEO_VECTOR_BASE_URL="http://127.0.0.1:9/api/v2")
    settings = bridge.run("list", VIDEO_VECTOR_API_KEY="", VIDEO_VECTOR_BASE_URL="ftp://x")

    assert (scope.returncode, folder.returncode) == (1, 2)
    assert "scope `write`" in scope.stderr
    assert "folder must exist" in folder.stderr
    assert (unreachable.returncode, settings.returncode) == (1, 2)
    assert "Run the command again" in unreachable.stderr
    assert "VIDEO_VECTOR_API_KEY is not set" in settings.stderr
    assert "VIDEO_VECTOR_BASE_URL must be" in settings.stderr
