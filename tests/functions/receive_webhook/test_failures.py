"""Failures of `receive_webhook` itself and of Pub/Sub: 503, and nothing is lost."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.log_lines import only_log_line
from tests.support.peers import dead_server
from tests.support.webhooks import SECRET, Deployment, delivery, deploy, headers
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import BackendError, UnstorableError
from videovector_bridge.ingest.webhook import Receiver, open_receiver


def test_wrong_settings_are_503(embedded: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """503 and CRITICAL with every problem; once they are fixed, a delivery is accepted."""
    embedded.set(LANES="0", WEBHOOK_SECRETS="")
    response = embedded.post(delivery())
    line = only_log_line(capsys)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert response.data == b'{"error":"unavailable"}'
    assert (line["severity"], line["event"]) == ("CRITICAL", "webhook.settings_wrong")
    assert len(line["problems"]) == 2
    embedded.environ.update(LANES="4", WEBHOOK_SECRETS=SECRET)
    assert embedded.post(delivery()).status_code == 204


def test_pubsub_down_is_503(
    receiver: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503: without an acknowledgement nothing is accepted, and nothing rejected."""
    if receiver.settings.kind == "embedded":
        blocked = Path(receiver.settings.embedded_dir) / "messages.sqlite3"
        blocked.parent.mkdir(parents=True, exist_ok=True)
        blocked.mkdir()
        receiver.set(PUBLISH_SECONDS="0.5")
    else:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", dead_server())  # Google's library reads it
        receiver.set(PUBLISH_SECONDS="0.5")
    for body in (delivery(), b"junk"):
        response = receiver.post(body)
        line = only_log_line(capsys)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.data == b'{"error":"unavailable"}'
        assert (line["severity"], line["event"]) == ("ERROR", "webhook.publish_failed")


def test_accepted_means_acknowledged(embedded: Deployment) -> None:
    """A lost response of Pub/Sub is 503: the event may be published twice, but is never lost."""

    def lose(number: int) -> None:
        if number == 1:
            raise BackendError("the response was lost")

    topics = embedded.watch(after=lose)

    assert [embedded.post(delivery()).status_code for _ in range(2)] == [503, 204]
    assert topics.ids() == ["evt_1", "evt_1"]


def test_a_delivery_that_pubsub_can_never_accept_is_503(embedded: Deployment) -> None:
    """It is not lost: 503, as for a topic that is down, until a person acts."""

    def refuse(_number: int) -> None:
        raise UnstorableError("too large", owner="system", code="message_too_large")

    embedded.watch(before=refuse)

    assert embedded.post(delivery()).status_code == 503


def test_first_requests_share_one_receiver(embedded: Deployment) -> None:
    """However many arrive first, the settings are read once, and the slots are counted together."""
    opened: list[Receiver] = []
    together = threading.Barrier(8)

    def open_once(environ: Mapping[str, str]) -> Receiver:
        opened.append(open_receiver(environ))
        return opened[-1]

    app = deploy(embedded.environ, open_=open_once)

    def post(_: int) -> int:
        together.wait()
        body = delivery()
        return app.test_client().post("/", data=body, headers=headers(body)).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, range(8))) == [204] * 8
    assert len(opened) == 1


def test_a_bug_is_503_and_leaks_nothing(
    embedded: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL with a redacted stack trace; the bytes of the budget are released."""

    def crash(_number: int) -> None:
        raise ZeroDivisionError("at https://host/o?X-Goog-Signature=hidden-word sk_hidden-word")

    embedded.watch(before=crash)
    embedded.change(budget=ByteBudget(len(delivery())))
    embedded.post(delivery())
    capsys.readouterr()
    response = embedded.post(delivery())
    line = only_log_line(capsys)

    assert (response.status_code, response.data) == (503, b'{"error":"unavailable"}')
    assert (line["severity"], line["event"]) == ("CRITICAL", "webhook.crashed")
    assert "in crash" in line["stack_trace"]
    assert "hidden-word" not in str(line)
