"""`receive_webhook` with its secrets in Secret Manager, as a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.processes import functions
from tests.support import ROOT
from tests.support.patience import until
from tests.support.secret_manager import FakeSecretManager, serving_secrets
from tests.support.webhooks import SECRET, delivery, environment, headers
from videovector_bridge.backends import BackendSettings

NAME = "projects/a-project/secrets/webhook"
OTHER = "another-webhook-word"  # pragma: allowlist secret


class Receiver:
    """A running receiver whose secrets are in a fake Secret Manager."""

    def __init__(self, manager: FakeSecretManager, folder: Path) -> None:
        self.manager = manager
        settings = BackendSettings("embedded", "", str(folder / "embedded"))
        variables = environment(settings) | {
            "WEBHOOK_SECRETS": "",
            "WEBHOOK_SECRETS_NAME": NAME,
            "SECRET_MANAGER_EMULATOR_HOST": manager.address,
        }
        self.function = functions.Function("receive-webhook", "receive_webhook", variables, folder)

    def post(self, secret: str = SECRET) -> int:
        """Deliver an event, signed with this secret; return the status."""
        body = delivery()
        sent = headers(body, secret)
        return httpx.post(self.function.url, content=body, headers=sent, timeout=60).status_code

    def log(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of its log with this event."""
        lines = self.function.log.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if entry["event"] == event]

    @property
    def versions(self) -> list[bytes]:
        """The versions of the secret."""
        return self.manager.secrets[NAME]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver of a new deployment: the secret exists and has no version."""
    source = ROOT / "tests" / "support" / "impatient_main.py"
    monkeypatch.setattr(functions, "_SOURCE", source)
    with serving_secrets() as manager:
        manager.secrets[NAME] = []
        running = Receiver(manager, tmp_path)
        running.function.start()
        try:
            running.function.wait()
            yield running
        finally:
            running.function.close()


def test_the_life_of_a_secret_needs_no_restart(receiver: Receiver) -> None:
    """First version, rotation, destroyed old versions, an outage: all in one process."""
    assert [receiver.post(), receiver.post()] == [503, 503]
    assert NAME in receiver.log("webhook.no_secret")[0]["message"]

    receiver.versions.append(f"{SECRET}\n".encode())
    assert until(lambda: receiver.post() == 204)

    receiver.versions.append(f"{OTHER}\n{SECRET} # until 2099-01-01T00:00:00Z\n".encode())
    assert until(lambda: receiver.post(OTHER) == 204)
    assert receiver.post() == 204

    receiver.manager.states[f"{NAME}/versions/1"] = "DESTROYED"
    reads = len(receiver.manager.calls)
    assert until(lambda: receiver.post(OTHER) == 204 and len(receiver.manager.calls) > reads + 1)
    assert not receiver.log("webhook.secrets_stale")

    receiver.manager.stop()
    assert until(
        lambda: receiver.post(OTHER) == 204 and bool(receiver.log("webhook.secrets_stale"))
    )
    assert [receiver.post(OTHER), receiver.post(), receiver.post("forged-word")] == [204, 204, 401]
    (line,) = receiver.log("webhook.secrets_stale")
    assert line["severity"] == "WARNING"
    assert NAME in line["message"]
    log = receiver.function.log.read_text(encoding="utf-8")
    assert SECRET not in log
    assert OTHER not in log


def test_a_version_with_a_wrong_line_is_503_until_the_next_one(receiver: Receiver) -> None:
    """As with a file: the log names the line, and no delivery is lost."""
    receiver.versions.append(f"{SECRET} # until tomorrow\n".encode())
    assert receiver.post() == 503
    message = receiver.log("webhook.settings_wrong")[-1]["message"]
    assert f"WEBHOOK_SECRETS_NAME '{NAME}': line 1 has no time" in message
    assert SECRET not in message

    receiver.versions.append(f"{SECRET}\n".encode())
    assert until(lambda: receiver.post() == 204)


def test_a_new_instance_that_cannot_read_its_secrets_responds_503(receiver: Receiver) -> None:
    """A disabled latest version is not replaced by an older one; once enabled, it is read."""
    receiver.versions.extend([b"old-webhook-word\n", f"{SECRET}\n".encode()])
    receiver.manager.states[f"{NAME}/versions/2"] = "DISABLED"
    assert [receiver.post(), receiver.post("old-webhook-word")] == [503, 503]
    line = receiver.log("webhook.secrets_unreadable")[0]
    assert line["severity"] == "ERROR"
    assert "gcloud secrets versions enable" in line["message"]

    receiver.manager.states.clear()
    assert until(lambda: receiver.post() == 204)
