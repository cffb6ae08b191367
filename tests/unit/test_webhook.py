"""`ingest.webhook` through its real host: statuses, messages, and one log line each."""

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from tests.contract.delivered import Subscriber
from tests.contract.peers import dead_server
from tests.fakes import WatchedTopics
from tests.webhooks import SECRET, delivery, deploy, environment, headers, signature
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.ingest import webhook
from videovector_bridge.webhook_secrets import WebhookSecrets

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


class Receiver:
    """`receive_webhook` over a backend, and what it publishes from now on."""

    def __init__(self, settings: BackendSettings, patch: pytest.MonkeyPatch, **more: str) -> None:
        self._patch = patch
        self._settings = settings
        self._topics = {name: Subscriber(settings, name) for name in ("events", "rejected")}
        self.app: Flask = deploy(patch, environment(settings) | more)

    def set(self, **variables: str) -> None:
        """Deploy anew with these variables."""
        self.app = deploy(self._patch, environment(self._settings) | variables)

    def post(
        self, body: bytes, given: dict[str, str] | None = None, /, **changes: str | None
    ) -> Any:
        """Deliver a body with its headers, or with those given, changed."""
        sent = headers(body, **changes) if given is None else given
        return self.app.test_client().post("/", data=body, headers=sent)

    def published(self, topic: str, count: int = 1) -> list[Message]:
        """The messages on a topic, of which there are so many."""
        return self._topics[topic].receive(count)

    def nothing_published(self) -> bool:
        """Whether all topics are empty. For the embedded backend, which can tell at once."""
        assert self._settings.kind == "embedded"
        return not self.published("events") and not self.published("rejected")

    def watch(self, topics: WatchedTopics) -> None:
        """Have it publish through these."""
        instance = webhook._instance.get()
        changed = replace(instance, backend=replace(instance.backend, topics=topics))
        self._patch.setattr(webhook._instance, "_made", (os.getpid(), changed))


@pytest.fixture
def receiver(backend_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """Over each backend in turn."""
    return Receiver(backend_settings, monkeypatch)


@pytest.fixture
def embedded(embedded_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """Where the backend makes no difference."""
    return Receiver(embedded_settings, monkeypatch)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, as the first of this list."""
    clock = [NOW]
    monkeypatch.setattr(webhook, "_now", lambda: clock[0])
    return clock


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged."""
    return [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]


def the_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was logged."""
    (line,) = lines(capsys)
    return line


def test_a_delivery_is_an_event_on_the_topic(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """204 with nothing in it, the body byte for byte on the topic, and one line that tells."""
    body = delivery()
    sent = headers(body, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    answer = receiver.post(body, sent)
    line = the_line(capsys)
    (message,) = receiver.published("events")

    assert (answer.status_code, answer.data) == (204, b"")
    assert message.data == body
    assert message.attributes["ce-id"] == "evt_1"
    assert message.attributes["ce-type"] == "com.vectormethods.prompt_run.failed"
    assert message.attributes["ce-source"] == "//api.example.test/webhooks/wh_1"
    assert message.attributes["ce-channel"] == "webhook"
    assert message.attributes["ce-runid"] == "run_1"
    assert message.ordering_key == "lane-07"
    assert line["logging.googleapis.com/trace"].endswith(TRACE)
    assert {name: line[name] for name in line if not name.startswith("logging.")} == {
        "severity": "INFO",
        "event": "webhook.accepted",
        "message": "Accepted prompt_run.failed evt_1",
        "status": 204,
        "webhook_id": "wh_1",
        "delivery_id": "del_1",
        "event_id": "evt_1",
        "event_type": "prompt_run.failed",
        "bytes": len(body),
    }


def test_what_vendor_signed_and_is_no_event_is_kept(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """400, and the raw bytes are on topic `rejected` with who can mend them."""
    body = b'{"id": 5, \xff'
    answer = receiver.post(body)
    line = the_line(capsys)
    (message,) = receiver.published("rejected")

    assert answer.status_code == 400
    assert (answer.get_json()["error"], answer.get_json()["code"]) == ("malformed", "bad_json")
    assert message.data == body
    assert {name: message.attributes[name] for name in message.attributes if name != "detail"} == {
        "reason": "vendor",
        "code": "bad_json",
        "source": "//api.example.test/webhooks/wh_1",
        "webhook-id": "wh_1",
        "delivery-id": "del_1",
        "part": "1",
        "parts": "1",
    }
    assert (line["severity"], line["event"], line["code"]) == (
        "ERROR",
        "webhook.rejected",
        "bad_json",
    )


def test_a_repeated_delivery_is_accepted_again(embedded: Receiver) -> None:
    """It is the same event, by the same id: telling them apart is for whoever has effects."""
    assert [embedded.post(delivery()).status_code for _ in range(2)] == [204, 204]

    one, two = embedded.published("events", 2)
    assert one == two


def test_a_test_delivery_is_published(embedded: Receiver) -> None:
    """Without a delivery id, as the vendor sends it."""
    body = delivery(event="test", id=None)
    assert embedded.post(body, X_Delivery_ID=None).status_code == 204

    (message,) = embedded.published("events")
    assert message.attributes["ce-type"] == TYPE_PREFIX + "test"
    assert message.attributes["ce-id"].startswith("test-")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_only_post_delivers(
    embedded: Receiver, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """405 for everything else, and what is allowed; no settings are needed to say so."""
    embedded.set(WEBHOOK_SECRETS="")
    answer = embedded.app.test_client().open("/", method=method, headers=headers(b""))

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert the_line(capsys)["event"] == "webhook.refused"


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "\xff", ";"],
)
def test_only_json_is_taken(embedded: Receiver, content_type: str | None) -> None:
    """415 for what says to be something else."""
    assert embedded.post(delivery(), Content_Type=content_type).status_code == 415
    assert embedded.nothing_published()


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_has_several_names(embedded: Receiver, content_type: str) -> None:
    """Parameters and case make no difference."""
    assert embedded.post(delivery(), Content_Type=content_type).status_code == 204


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"X_Webhook_Signature": None}, "missing_signature"),
        ({"X_Webhook_Signature": "sha256=00"}, "malformed_signature"),
        ({"X_Webhook_Signature": signature(delivery(), "other")}, "wrong_signature"),
        ({"X_Webhook_ID": "wh_2"}, "unknown_webhook"),
        ({"X_Webhook_ID": None}, "unknown_webhook"),
        ({"X_Webhook_ID": "two words"}, "malformed_webhook_id"),
    ],
    ids=str,
)
def test_strangers_learn_nothing(
    embedded: Receiver,
    changes: dict[str, str | None],
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """401 whose every byte is the same for all of them; the reason is in the log."""
    embedded.set(WEBHOOK_IDS="wh_1")
    answer = embedded.post(delivery(), **changes)
    line = the_line(capsys)

    assert (answer.status_code, answer.data) == (401, b'{"error":"unauthorized"}')
    assert (line["severity"], line["event"], line["code"]) == ("WARNING", "webhook.refused", code)
    assert embedded.nothing_published()
    assert embedded.post(delivery()).status_code == 204


def test_the_largest_body_is_taken_and_no_larger(embedded: Receiver) -> None:
    """413 from the first byte beyond the limit, signed or not."""
    embedded.set(MAX_WEBHOOK_BYTES="2000")
    start = len(delivery(pad=""))
    fits, too_large = (delivery(pad="x" * (size - start)) for size in (2_000, 2_001))

    assert embedded.post(fits).status_code == 204
    assert embedded.post(too_large).status_code == 413
    assert len(embedded.published("events", 2)) == 1


class Endless:
    """A chunked body without end; it notes how much of it was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        """As many bytes as wanted."""
        assert size >= 0, "everything was asked for"
        self.given += size
        return b"x" * size


def test_no_more_is_read_than_the_limit_and_one(embedded: Receiver) -> None:
    """A body without end, of no stated length, costs no more memory than the limit."""
    embedded.set(MAX_WEBHOOK_BYTES="100000")
    body = Endless()
    answer = embedded.app.test_client().post(
        "/",
        headers=headers(b"", Transfer_Encoding="chunked"),
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )

    assert (answer.status_code, body.given) == (413, 100_001)


def test_a_stated_length_is_believed_when_too_large(embedded: Receiver) -> None:
    """Nothing is read of a body that says to be too large; nor of one of the wrong type."""
    for type_, status in (("application/json", 413), ("text/plain", 415)):
        body = Endless()
        answer = embedded.app.test_client().post(
            "/",
            headers=headers(b"", Content_Type=type_),
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(10**12)},
        )
        assert (answer.status_code, body.given) == (status, 0)


def test_a_body_that_ends_early_is_malformed(
    embedded: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """400: fewer bytes came than were stated."""
    body = delivery()
    stated = {"CONTENT_LENGTH": str(len(body) + 1)}
    answer = embedded.app.test_client().post(
        "/", data=body, headers=headers(body), environ_overrides=stated
    )

    assert (answer.status_code, answer.data) == (400, b'{"error":"malformed"}')
    assert the_line(capsys)["code"] == "unreadable_body"


def test_wrong_settings_come_again(embedded: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """503 and CRITICAL with every problem; mended, the next delivery is accepted."""
    embedded.set(LANES="0", WEBHOOK_SECRETS="")
    answer = embedded.post(delivery())
    line = the_line(capsys)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.data == b'{"error":"unavailable"}'
    assert (line["severity"], line["event"]) == ("CRITICAL", "webhook.settings_wrong")
    assert len(line["problems"]) == 2
    os.environ.update(LANES="4", WEBHOOK_SECRETS=SECRET)
    assert embedded.post(delivery()).status_code == 204


def test_until_a_secret_is_there_deliveries_come_again(
    embedded: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 while the file is missing or empty; written, the same delivery is accepted."""
    file = tmp_path / "secrets"
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    for content in (None, "", "# soon\n"):
        if content is not None:
            file.write_text(content)
        answer = embedded.post(delivery())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        line = the_line(capsys)
        assert (line["severity"], line["event"]) == ("ERROR", "webhook.no_secret")
    file.write_text(f"{SECRET}\n")

    assert embedded.post(delivery()).status_code == 204


def test_a_file_that_is_spoilt_comes_again(
    embedded: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL naming the line, unseen; nobody is let in and nobody sent away for good."""
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    assert embedded.post(delivery()).status_code == 204
    capsys.readouterr()
    file.write_text(f"{SECRET} # until tomorrow\n")
    answer = embedded.post(delivery())
    line = the_line(capsys)

    assert (answer.status_code, line["event"]) == (503, "webhook.settings_wrong")
    assert "line 1" in line["message"]
    assert SECRET not in str(line) + answer.text


def test_a_rotation_refuses_nothing_that_was_signed_well(
    embedded: Receiver, tmp_path: Path, now: list[datetime]
) -> None:
    """Announced, learned, and the old one ended, with no restart and nobody waiting."""
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


def test_an_announcement_that_came_to_nothing_ends(
    embedded: Receiver, tmp_path: Path, now: list[datetime]
) -> None:
    """Should the rotation fail, forgers are refused again by themselves."""
    file = tmp_path / "secrets"
    file.write_text(WebhookSecrets.parse("old-word").announce(now[0], 30).render())
    embedded.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    answer = embedded.post(delivery())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    now[0] += timedelta(seconds=30)

    assert embedded.post(delivery()).status_code == 401


def test_pubsub_down_comes_again(receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """503: nothing is accepted, and nothing rejected, that was not acknowledged."""
    if receiver._settings.kind == "embedded":
        blocked = Path(receiver._settings.embedded_dir) / "messages.sqlite3"
        blocked.parent.mkdir(parents=True, exist_ok=True)
        blocked.mkdir()
        receiver.set(PUBLISH_SECONDS="0.5")
    else:
        receiver.set(PUBLISH_SECONDS="0.5", PUBSUB_EMULATOR_HOST=dead_server())
    for body in (delivery(), b"junk"):
        answer = receiver.post(body)
        line = the_line(capsys)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.data == b'{"error":"unavailable"}'
        assert (line["severity"], line["event"]) == ("ERROR", "webhook.publish_failed")


def test_accepted_means_acknowledged(embedded: Receiver) -> None:
    """A lost answer of Pub/Sub is 503: the event may be there twice, and never not at all."""

    def lose(number: int) -> None:
        if number == 1:
            raise BackendError("the answer was lost")

    topics = WatchedTopics(webhook._instance.get().backend.topics, after=lose)
    embedded.watch(topics)

    assert [embedded.post(delivery()).status_code for _ in range(2)] == [503, 204]
    assert topics.ids() == ["evt_1", "evt_1"]


def test_what_is_too_much_at_once_comes_again(
    embedded: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond MAX_DELIVERIES: 503 at once. Strangers take no place, and places become free."""
    embedded.set(MAX_DELIVERIES="2")
    topics = WatchedTopics(webhook._instance.get().backend.topics)
    embedded.watch(topics)
    topics.resume.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(embedded.post, delivery(f"evt_{n}")) for n in range(2)]
        full = threading.Event()
        while webhook._instance.get().places._value:
            assert not full.wait(0.01)
        for body in (delivery("evt_3"), b"junk"):
            answer = embedded.post(body)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert embedded.post(delivery(), X_Webhook_Signature=None).status_code == 401
        topics.resume.set()
        assert [each.result().status_code for each in waiting] == [204, 204]

    assert embedded.post(delivery("evt_3")).status_code == 204
    assert sorted(topics.ids()) == ["evt_0", "evt_1", "evt_3"]
    assert [line["event"] for line in lines(capsys)].count("webhook.overloaded") == 2


def test_first_requests_share_one_instance(embedded: Receiver) -> None:
    """However many come first: the places are counted together."""
    together = threading.Barrier(8)

    def first(_: int) -> int:
        together.wait()
        return id(webhook._instance.get())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(first, range(8)))) == 1


def test_a_bug_comes_again_and_leaks_nothing(
    embedded: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL with a stack trace, cleaned; the place is free again."""

    def crash(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError("at https://host/o?X-Goog-Signature=hidden-word sk_hidden-word")

    monkeypatch.setattr(webhook, "to_event", crash)
    answer = embedded.post(delivery())
    line = the_line(capsys)

    assert (answer.status_code, answer.data) == (503, b'{"error":"unavailable"}')
    assert (line["severity"], line["event"]) == ("CRITICAL", "webhook.crashed")
    assert "in crash" in line["stack_trace"]
    assert "hidden-word" not in str(line)


def test_nothing_shows_a_secret_a_signature_or_a_body(
    embedded: Receiver, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, at the libraries' most talkative."""
    caplog.set_level(logging.DEBUG)
    text = "what-nobody-should-see"
    body, broken = delivery(data={"text": text}), b'{"text": "%s"' % text.encode()
    forged = signature(body, "other")
    answers = [
        embedded.post(body),
        embedded.post(broken),
        embedded.post(body, X_Webhook_Signature=forged),
        embedded.post(body, X_Webhook_Signature=forged[:-1]),
        embedded.post(body, Content_Type="text/plain"),
    ]
    shown = capsys.readouterr()
    everything = shown.out + shown.err + caplog.text + "".join(each.text for each in answers)

    assert [each.status_code for each in answers] == [204, 400, 401, 401, 415]
    for hidden in (SECRET, text, signature(body)[7:], signature(broken)[7:], forged[7:-1]):
        assert hidden not in everything
    assert SECRET not in repr(webhook._instance.get())


@pytest.mark.parametrize("text", ["a\x1b[31mb", "x" * 5_000, "sk_live_hidden-word", "\xff\xfe"])
def test_headers_are_logged_clean(
    embedded: Receiver, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What strangers write into a header is short, printable and holds no key."""
    embedded.post(delivery(), X_Delivery_ID=text, X_Webhook_ID=text, X_Webhook_Signature=None)
    line = the_line(capsys)

    for name in ("delivery_id", "webhook_id"):
        assert len(line[name]) <= 200
        assert line[name].isprintable()
        assert "hidden-word" not in line[name]
