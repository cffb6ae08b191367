"""The secrets of `receive_webhook`: missing, wrong, rotated, and never shown."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.log_lines import log_lines, only_log_line
from tests.support.secret_manager import serving_secrets
from tests.support.webhooks import SECRET, Deployment, delivery, headers, signature
from videovector_bridge.backends import refreshed_secret
from videovector_bridge.ingest.webhook import open_receiver
from videovector_bridge.webhook_secrets import WebhookSecrets

NAME = "projects/p/secrets/webhook"


def test_until_a_secret_is_there_deliveries_are_503(
    embedded: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 while the file is missing or empty; written, the same delivery is accepted."""
    file = tmp_path / "secrets"
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    for content in (None, "", "# soon\n"):
        if content is not None:
            file.write_text(content)
        response = embedded.post(delivery())
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        line = only_log_line(capsys)
        assert (line["severity"], line["event"]) == ("ERROR", "webhook.no_secret")
    file.write_text(f"{SECRET}\n")

    assert embedded.post(delivery()).status_code == 204


def test_a_file_with_a_wrong_line_is_503(
    embedded: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL with the number of the line; no delivery is lost."""
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    assert embedded.post(delivery()).status_code == 204
    capsys.readouterr()
    file.write_text(f"{SECRET} # until tomorrow\n")
    response = embedded.post(delivery())
    line = only_log_line(capsys)

    assert (response.status_code, line["event"]) == (503, "webhook.settings_wrong")
    assert "line 1" in line["message"]
    assert SECRET not in str(line) + response.text


def test_a_lost_permission_stops_new_instances_only(
    embedded: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 without secrets; with secrets from before, 204 and a warning. Both lines say why."""
    monkeypatch.setattr(refreshed_secret, "TRUSTED_SECONDS", 0.0)
    with serving_secrets() as manager:
        monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", manager.address)
        manager.secrets[NAME] = [SECRET.encode()]

        def post_after_a_refusal() -> tuple[int, list[dict[str, Any]]]:
            manager.failures = [grpc.StatusCode.PERMISSION_DENIED]
            return embedded.post(delivery()).status_code, log_lines(capsys)

        embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_NAME=NAME)
        new, (refused,) = post_after_a_refusal()
        embedded.set()
        assert embedded.post(delivery()).status_code == 204
        capsys.readouterr()
        old, (stale, accepted) = post_after_a_refusal()

    assert (new, refused["severity"], refused["event"]) == (
        503,
        "ERROR",
        "webhook.secrets_unreadable",
    )
    assert (old, stale["severity"], stale["event"]) == (204, "WARNING", "webhook.secrets_stale")
    assert accepted["event"] == "webhook.accepted"
    for line in (refused, stale):
        assert f"Grant roles/secretmanager.secretAccessor on {NAME}" in line["message"]
        assert SECRET not in str(line)


def test_a_rotation_refuses_nothing_valid(
    embedded: Deployment, tmp_path: Path, now: list[datetime]
) -> None:
    """A new secret is announced, added, and the old one ends, without a restart."""
    file = tmp_path / "secrets"
    secrets = WebhookSecrets.parse("old-word")
    file.write_text(secrets.render())
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))

    def statuses() -> list[int]:
        body = delivery()
        words = ("old-word", "new-word", "forged-word")
        return [embedded.post(body, headers(body, word)).status_code for word in words]

    assert statuses() == [204, 401, 401]
    secrets = secrets.announce(now[0], 30)
    file.write_text(secrets.render())
    assert statuses() == [204, 503, 503]
    secrets = secrets.rotated("new-word", now[0], 3600)
    file.write_text(secrets.render())
    assert statuses() == [204, 204, 401]
    now[0] += timedelta(seconds=3599)
    assert statuses() == [204, 204, 401]
    now[0] += timedelta(seconds=1)
    assert statuses() == [401, 204, 401]


def test_an_announcement_without_a_rotation_ends(
    embedded: Deployment, tmp_path: Path, now: list[datetime]
) -> None:
    """If the rotation fails, forged deliveries get 401 again after its time."""
    file = tmp_path / "secrets"
    file.write_text(WebhookSecrets.parse("old-word").announce(now[0], 30).render())
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    response = embedded.post(delivery())
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    now[0] += timedelta(seconds=30)

    assert embedded.post(delivery()).status_code == 401


def test_secrets_are_parsed_once_per_change(
    embedded: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once per request; a changed file is parsed once more."""
    parsed: list[str] = []
    real = WebhookSecrets.parse

    def count(text: str) -> WebhookSecrets:
        parsed.append(text)
        return real(text)

    monkeypatch.setattr(WebhookSecrets, "parse", count)
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    first = [embedded.post(delivery()).status_code for _ in range(5)]
    file.write_text("another-secret")
    second = [embedded.post(delivery()).status_code for _ in range(5)]

    assert (first, second) == ([204] * 5, [401] * 5)
    assert parsed == [SECRET, "another-secret"]


def test_nothing_shows_a_secret_a_signature_or_a_body(
    embedded: Deployment, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In every outcome, with all log levels of the libraries enabled."""
    caplog.set_level(logging.DEBUG)
    text = "text-of-a-body"
    body, broken = delivery(data={"text": text}), b'{"text": "%s"' % text.encode()
    forged = signature(body, "other")
    responses = [
        embedded.post(body),
        embedded.post(broken),
        embedded.post(body, X_Webhook_Signature=forged),
        embedded.post(body, X_Webhook_Signature=forged[:-1]),
        embedded.post(body, Content_Type="text/plain"),
    ]
    shown = capsys.readouterr()
    everything = shown.out + shown.err + caplog.text + "".join(each.text for each in responses)

    assert [each.status_code for each in responses] == [204, 204, 401, 401, 204]
    for hidden in (SECRET, text, signature(body)[7:], signature(broken)[7:], forged[7:-1]):
        assert hidden not in everything
    assert SECRET not in repr(open_receiver(embedded.environ))
