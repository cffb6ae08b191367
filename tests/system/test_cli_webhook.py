"""`videovector-bridge webhook` as people run it: a process, the stand-in, and a real receiver."""

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
from tests.support.delivered import Subscriber
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.webhooks import environment
from videovector_bridge.backends import BackendSettings

SCRIPT = Path(sys.executable).parent / "videovector-bridge"


class Bridge:
    """A stand-in, a receiver that reads a file of secrets, and the command line beside them."""

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
        done = subprocess.run(
            [str(SCRIPT), "webhook", *arguments],
            env=self._environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr

        assert "whsec_" not in said
        assert self.standin.keys["admin"] not in said
        assert "Traceback" not in said
        return done

    def ask(self, *arguments: str) -> Any:
        """Run it for its JSON."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ensure(self, *more: str) -> Any:
        """Run `ensure`."""
        return self.ask(
            "ensure", "--url", self.receiver.url, "--secret-file", str(self.file), *more
        )

    def sdk(self) -> VideoVector:
        """The vendor's own client."""
        return VideoVector(api_key=self.standin.keys["admin"], base_url=self.standin.api_url)

    def published(self) -> list[str]:
        """The ids of all events so far."""
        found = Subscriber(self.settings, "events").receive(10_000)
        return [message.attributes["ce-id"] for message in found]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    """A bridge whose receiver runs."""
    with StandIn(StandInConfig(webhook_attempts=2, webhook_retry_seconds=0.05)) as standin:
        running = Bridge(standin, tmp_path)
        running.receiver.start()
        try:
            running.receiver.wait()
            yield running
        finally:
            running.receiver.close()


def test_from_nothing_to_a_rotated_secret(bridge: Bridge) -> None:
    """Created, tested, rotated, tested: the receiver follows the file, and others' are left."""
    with bridge.sdk() as sdk:
        theirs = sdk.webhooks.create(name="theirs", url="https://x.test", events=["media.created"])
        made = bridge.ensure()

        assert made["created"]
        assert bridge.ask("test")["status_code"] == 204
        assert bridge.ask("rotate", "--secret-file", str(bridge.file))["webhook_id"]
        seen = bridge.ask("test")
        assert seen["event_id"] in bridge.published()
        again = bridge.ensure()
        assert (again["created"], again["secret_learned"], again["changed"]) == (False, False, [])
        kept = {webhook.webhook_id for webhook in sdk.webhooks.list()}
        assert kept == {theirs.webhook_id, made["webhook"]["webhook_id"]}


def test_drift_and_doubles_are_repaired(bridge: Bridge) -> None:
    """What others did to ours is undone; events arrive again."""
    webhook_id = bridge.ensure("--index", "idx_1")["webhook"]["webhook_id"]
    with bridge.sdk() as sdk:
        mark = sdk.webhooks.retrieve(webhook_id).metadata
        double = sdk.webhooks.create(
            name="double", url="https://x.test", events=["media.created"], metadata=mark
        )
        sdk.webhooks.update(webhook_id, status="paused", url="https://gone.test", name="x")
    done = bridge.ensure()

    assert set(done["changed"]) == {"status", "url", "name", "index_ids"}
    assert done["removed"] == [double.webhook_id]
    ids = bridge.standin.control.webhook_events(5)
    assert until(lambda: set(ids) <= set(bridge.published()))


def test_failed_deliveries_are_sent_again(bridge: Bridge) -> None:
    """While the receiver had lost its secrets deliveries failed; then they are sent again."""
    bridge.ensure()
    kept = bridge.file.read_text()
    bridge.file.write_text("another-word\n")
    ids = bridge.standin.control.webhook_events(3)
    control = bridge.standin.control
    assert until(lambda: control.webhooks()["statuses"] == {"failed": 3})
    refused = bridge.run("test")
    assert refused.returncode == 3
    assert "secrets are not this webhook's" in refused.stderr
    bridge.file.write_text(kept)

    retried = bridge.ask("deliveries", "--failed", "--retry")["retried"]

    assert len(retried) == 3
    assert until(lambda: set(ids) <= set(bridge.published()))
    assert bridge.ask("deliveries", "--failed")["deliveries"] == []


def test_refusals_are_sentences(bridge: Bridge, tmp_path: Path) -> None:
    """A key that may not, a place that is not there, an address where nobody answers."""
    read = bridge.standin.keys["read"]
    url, file = bridge.receiver.url, str(bridge.file)
    ensure = ("ensure", "--url", url, "--secret-file", file)
    scope = bridge.run(*ensure, VIDEO_VECTOR_API_KEY=read)
    place = bridge.run("ensure", "--url", url, "--secret-file", str(tmp_path / "none" / "x"))
    nobody = bridge.run("list", VIDEO_VECTOR_BASE_URL="http://127.0.0.1:9/api/v2")
    settings = bridge.run("list", VIDEO_VECTOR_API_KEY="", VIDEO_VECTOR_BASE_URL="ftp://x")

    assert (scope.returncode, place.returncode) == (1, 2)
    assert "scope `write`" in scope.stderr
    assert "folder must exist" in place.stderr
    assert (nobody.returncode, settings.returncode) == (1, 2)
    assert "did not answer" in nobody.stderr
    assert "VIDEO_VECTOR_API_KEY is not set" in settings.stderr
    assert "VIDEO_VECTOR_BASE_URL must be" in settings.stderr
