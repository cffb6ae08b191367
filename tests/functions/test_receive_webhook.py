"""`ingest.webhook` in functions-framework: statuses, messages, and one log line each."""

import gzip
import logging
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from tests.support.delivered import Subscriber
from tests.support.peers import dead_server
from tests.support.watched_ports import WatchedTopics
from tests.support.webhooks import SECRET, delivery, deploy, environment, headers, signature
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import BackendError, UnstorableError
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.ingest import webhook
from videovector_bridge.ingest.body import (
    IN_FLIGHT_BYTES,
    SMALL_SHARE_BYTES,
    BodyReader,
)
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
        """Whether all topics are empty. For the embedded backend, which answers at once."""
        assert self._settings.kind == "embedded"
        return not self.published("events") and not self.published("rejected")

    def watch(self, topics: WatchedTopics) -> None:
        """Have it publish through these."""
        self.change(backend=replace(webhook._instance.get().backend, topics=topics))

    def change(self, **parts: Any) -> None:
        """Have it use other parts."""
        changed = replace(webhook._instance.get(), **parts)
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
    """204 with nothing in it, the body byte for byte on the topic, and one log line."""
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


def test_what_vendor_signed_and_is_no_event_is_rejected(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """204, so that VideoVector does not send it again; the raw bytes are on `rejected`."""
    body = b'{"id": 5, \xff'
    answer = receiver.post(body)
    line = the_line(capsys)
    (message,) = receiver.published("rejected")

    assert (answer.status_code, answer.data) == (204, b"")
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
    """It is the same event, by the same id: effects are not repeated."""
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
    [
        *(None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"),
        *("\xff", ";", "application/json; charset=utf-8", "multipart/form-data; boundary=x"),
    ],
)
def test_any_content_type_is_accepted(embedded: Receiver, content_type: str | None) -> None:
    """The vendor documents none. A delivery is what was signed, whatever its headers call it."""
    assert embedded.post(delivery(), Content_Type=content_type).status_code == 204

    assert len(embedded.published("events")) == 1


def test_a_content_encoding_is_not_undone(embedded: Receiver) -> None:
    """The raw bytes are signed: compressed ones are rejected as they are, and never inflated."""
    bomb = gzip.compress(delivery(pad="x" * 1_000_000))
    assert embedded.post(delivery("evt_1"), Content_Encoding="gzip").status_code == 204
    assert embedded.post(bomb, Content_Encoding="gzip").status_code == 204

    assert embedded.published("events")[0].data == delivery("evt_1")
    assert embedded.published("rejected")[0].data == bomb


@pytest.mark.parametrize(
    "body",
    [
        delivery(data=None),
        delivery(data=[{"run_id": "run_1"}]),
        delivery(data="text"),
        b'{"event":"new.kind","id":"evt_1"}',
        delivery().replace(b'"run_id"', b'"run_id":"other","run_id"'),
        delivery().replace(b"{", b'{"id":"other",', 1),
    ],
    ids=["null", "list", "text", "bare", "repeated id in data", "repeated id"],
)
def test_no_form_loses_an_event(embedded: Receiver, body: bytes) -> None:
    """Readable `id` and `event` are enough: published byte for byte, without lifted ids."""
    assert embedded.post(body).status_code == 204

    (message,) = embedded.published("events")
    assert (message.data, message.attributes["ce-id"]) == (body, "evt_1")
    assert "ce-runid" not in message.attributes
    assert not embedded.published("rejected")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe", "bad_json"),
        (delivery(data=5).replace(b":5", b":NaN"), "bad_json"),
        (delivery(data={"text": "\xff"}).replace("\xff".encode(), b"\xff"), "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b"[]", "not_an_object"),
        (delivery(id=None), "missing_id"),
        (delivery(event={}), "bad_event"),
    ],
)
def test_what_names_no_event_is_rejected_with_204(
    embedded: Receiver, body: bytes, code: str
) -> None:
    """The raw bytes with a reason code; VideoVector has nothing to send again."""
    assert embedded.post(body).status_code == 204

    (message,) = embedded.published("rejected")
    assert (message.data, message.attributes["code"]) == (body, code)
    assert not embedded.published("events")


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
def test_unauthenticated_callers_learn_nothing(
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


class Unread:
    """A body that notes how often it was read."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, _size: int = -1) -> bytes:
        """Nothing."""
        self.asked += 1
        return b""


@pytest.mark.parametrize(
    ("changes", "length", "status"),
    [
        ({}, None, 411),
        ({}, "", 411),
        ({"Transfer_Encoding": "chunked"}, None, 411),
        ({"Transfer_Encoding": "chunked"}, "10", 411),
        ({"Transfer_Encoding": "gzip, chunked"}, "10", 411),
        ({}, "5000001", 413),
        ({}, str(10**12), 413),
        ({}, "9" * 100_000, 413),
        *(({}, length, 400) for length in ("-1", "+5", "5,6", "ten", "0x10", "\u0665", "5 ")),
        ({"X_Webhook_Signature": None}, "10", 401),
        ({"X_Webhook_Signature": ""}, "10", 401),
        ({"X_Webhook_Signature": "sha256=" + "0" * 63}, "10", 401),
        ({"X_Webhook_Signature": "sha256=" + "\xe9" * 64}, "10", 401),
        ({"X_Webhook_Signature": f"{signature(b'')},{signature(b'')}"}, "10", 401),
        ({"X_Webhook_Signature": "x" * 1_000_000}, "10", 401),
        ({"X_Webhook_ID": "wh_2"}, "10", 401),
        ({"X_Webhook_ID": None}, "10", 401),
        ({"X_Webhook_ID": "\xff"}, "10", 401),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_a_request_that_is_not_admitted_is_not_read(
    embedded: Receiver, changes: dict[str, str | None], length: str | None, status: int
) -> None:
    """Length, then signature header, then webhook: whatever fails, not one byte is read."""
    embedded.set(WEBHOOK_IDS="wh_1")
    body = Unread()
    environ: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": True}
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    answer = embedded.app.test_client().post(
        "/", headers=headers(b"", **changes), environ_overrides=environ
    )

    assert (answer.status_code, body.asked) == (status, 0)


def test_the_order_of_admission(embedded: Receiver) -> None:
    """Each check comes before those that cost more: method, length, signature, webhook, budget."""
    embedded.set(WEBHOOK_IDS="wh_1", MAX_WEBHOOK_BYTES="2000")
    embedded.change(budget=ByteBudget(0))
    body = Unread()
    faults: list[tuple[int, dict[str, Any]]] = [
        (405, {"method": "GET"}),
        (413, {"length": "2001"}),
        (401, {"X_Webhook_Signature": "none"}),
        (401, {"X_Webhook_ID": "wh_2"}),
        (503, {}),
    ]
    for at, (status, _) in enumerate(faults):
        changes = {name: value for _, each in faults[at:] for name, value in each.items()}
        method, length = changes.pop("method", "POST"), changes.pop("length", "10")
        answer = embedded.app.test_client().open(
            "/",
            method=method,
            headers=headers(b"", **changes),
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": length},
        )
        assert (answer.status_code, body.asked) == (status, 0)


class Endless:
    """A body without end; it notes how much of it was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        """As many bytes as wanted."""
        assert size >= 0, "everything was asked for"
        self.given += size
        return b"x" * size


def test_no_more_is_read_than_the_stated_length(embedded: Receiver) -> None:
    """Whatever else the connection holds belongs to another request."""
    body = Endless()
    answer = embedded.app.test_client().post(
        "/",
        headers=headers(b"x" * 3_000_000),
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "3000000"},
    )

    assert (answer.status_code, body.given) == (204, 3_000_000)
    assert embedded.published("rejected")[0].data == b"x" * 3_000_000


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


class Blocking:
    """Bodies that give one byte less than asked, and block before the last; all count together."""

    def __init__(self) -> None:
        self.finish = threading.Event()
        self.blocked = 0
        self.given = 0
        self._changed = threading.Condition()

    def body(self) -> "BlockingBody":
        """A new body."""
        return BlockingBody(self)

    def give(self, size: int) -> bytes:
        """So many bytes."""
        with self._changed:
            self.given += size
        return b"x" * size

    def block(self) -> None:
        """Wait until `finish` is set."""
        with self._changed:
            self.blocked += 1
            self._changed.notify_all()
        assert self.finish.wait(60)

    def wait_for(self, blocked: int) -> None:
        """Return once so many bodies are blocked."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.blocked >= blocked, 60)


class BlockingBody:
    """One body of `Blocking`."""

    def __init__(self, all_: Blocking) -> None:
        self._all = all_
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        """All that is asked for but the last byte, which comes when `finish` is set."""
        if size == 1:
            self._all.block()
            return self._all.give(1)
        return self._all.give(size - 1)


def test_bytes_in_flight_are_bounded(
    embedded: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """80 callers with 5 MB each, signed by nobody: what does not fit is 503 and never read."""
    bodies = Blocking()
    size = 5_000_000
    monkeypatch.setattr(webhook, "_bodies", BodyReader(3_600))

    def send(_: int) -> Any:
        return embedded.app.test_client().post(
            "/",
            headers=headers(b"", X_Webhook_Signature=signature(b"something else")),
            environ_overrides={"wsgi.input": bodies.body(), "CONTENT_LENGTH": str(size)},
        )

    fits = (IN_FLIGHT_BYTES - SMALL_SHARE_BYTES) // size
    with ThreadPoolExecutor(80) as pool:
        answers = [pool.submit(send, number) for number in range(80)]
        bodies.wait_for(fits)
        refused = [each.result() for each in islice(as_completed(answers, 60), 80 - fits)]
        small = embedded.post(delivery())
        held_bytes = bodies.given
        bodies.finish.set()
        statuses = [each.result().status_code for each in answers]

    assert [each.status_code for each in refused] == [503] * (80 - fits)
    assert all(each.headers["Retry-After"] == "1" for each in refused)
    assert held_bytes <= IN_FLIGHT_BYTES
    assert small.status_code == 204
    assert statuses.count(401) == fits
    assert [line["event"] for line in lines(capsys)].count("webhook.overloaded") == 80 - fits
    assert send(0).status_code == 401


def test_wrong_settings_are_503(embedded: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    """503 and CRITICAL with every problem; corrected, the next delivery is accepted."""
    embedded.set(LANES="0", WEBHOOK_SECRETS="")
    answer = embedded.post(delivery())
    line = the_line(capsys)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert answer.data == b'{"error":"unavailable"}'
    assert (line["severity"], line["event"]) == ("CRITICAL", "webhook.settings_wrong")
    assert len(line["problems"]) == 2
    os.environ.update(LANES="4", WEBHOOK_SECRETS=SECRET)
    assert embedded.post(delivery()).status_code == 204


def test_until_a_secret_is_there_deliveries_are_503(
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


def test_a_file_with_a_wrong_line_is_503(
    embedded: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL with the number of the line; nothing is refused for good."""
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


def test_pubsub_down_is_503(receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_what_is_too_much_at_once_is_503(
    embedded: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond MAX_DELIVERIES: 503 at once. Unsigned requests take no place; places become free."""
    embedded.set(MAX_DELIVERIES="2")
    resume, publishing = threading.Event(), threading.Semaphore(0)

    def block(_number: int) -> None:
        publishing.release()
        assert resume.wait(60)

    topics = WatchedTopics(webhook._instance.get().backend.topics, before=block)
    embedded.watch(topics)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(embedded.post, delivery(f"evt_{n}")) for n in range(2)]
        for _ in waiting:
            assert publishing.acquire(timeout=60)
        for body in (delivery("evt_3"), b"junk"):
            answer = embedded.post(body)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert embedded.post(delivery(), X_Webhook_Signature=None).status_code == 401
        resume.set()
        assert [each.result().status_code for each in waiting] == [204, 204]

    assert embedded.post(delivery("evt_3")).status_code == 204
    assert sorted(topics.ids()) == ["evt_0", "evt_1", "evt_3"]
    assert [line["event"] for line in lines(capsys)].count("webhook.overloaded") == 2


def test_a_body_counts_until_it_is_published(embedded: Receiver) -> None:
    """The budget is for bytes that are handled, too; every outcome gives them back."""
    resume, publishing = threading.Event(), threading.Event()

    def block(number: int) -> None:
        if number == 1:
            publishing.set()
            assert resume.wait(60)
        raise BackendError("not now")

    embedded.watch(WatchedTopics(webhook._instance.get().backend.topics, before=block))
    body = delivery()
    embedded.change(budget=ByteBudget(len(body)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(embedded.post, body)
        assert publishing.wait(60)
        second = embedded.post(body)
        resume.set()
        statuses = [first.result().status_code, second.status_code]
    after = embedded.post(body, X_Webhook_Signature=signature(b""))

    assert statuses == [503, 503]
    assert (second.headers["Retry-After"], after.status_code) == ("1", 401)


def test_a_delivery_that_pubsub_can_never_take_is_asked_for_again(embedded: Receiver) -> None:
    """It is not lost: 503, as for a topic that is down, until a person has looked at it."""

    def refuse(_number: int) -> None:
        raise UnstorableError("too large", owner="system", code="message_too_large")

    embedded.watch(WatchedTopics(webhook._instance.get().backend.topics, before=refuse))

    assert embedded.post(delivery()).status_code == 503


def test_a_body_that_never_arrives_gives_its_bytes_back(
    embedded: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 after a while, though the read blocks: the connection is closed for reading."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(webhook, "_bodies", BodyReader(0.05))
    embedded.change(budget=ByteBudget(200))
    with ours, theirs, ours.makefile("rb") as stream:
        theirs.send(b"x")
        answer = embedded.app.test_client().post(
            "/",
            headers=headers(b""),
            environ_overrides={
                "wsgi.input": stream,
                "CONTENT_LENGTH": "200",
                "gunicorn.socket": ours,
            },
        )

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert the_line(capsys)["event"] == "webhook.slow_body"
    assert embedded.post(delivery()[:100], X_Webhook_Signature=signature(b"")).status_code == 401


def test_secrets_are_parsed_once_per_change(
    embedded: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_first_requests_share_one_instance(embedded: Receiver) -> None:
    """However many come first: the places are counted together."""
    together = threading.Barrier(8)

    def first(_: int) -> int:
        together.wait()
        return id(webhook._instance.get())

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(first, range(8)))) == 1


def test_a_bug_is_503_and_leaks_nothing(
    embedded: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 and CRITICAL with a stack trace, cleaned; the bytes are given back."""

    def crash(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError("at https://host/o?X-Goog-Signature=hidden-word sk_hidden-word")

    monkeypatch.setattr(webhook, "decode_delivery", crash)
    embedded.change(budget=ByteBudget(len(delivery())))
    embedded.post(delivery())
    capsys.readouterr()
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

    assert [each.status_code for each in answers] == [204, 204, 401, 401, 204]
    for hidden in (SECRET, text, signature(body)[7:], signature(broken)[7:], forged[7:-1]):
        assert hidden not in everything
    assert SECRET not in repr(webhook._instance.get())


@pytest.mark.parametrize("text", ["a\x1b[31mb", "x" * 5_000, "sk_live_hidden-word", "\xff\xfe"])
def test_headers_are_logged_clean(
    embedded: Receiver, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What unauthenticated callers write into a header is short, printable and holds no key."""
    embedded.post(delivery(), X_Delivery_ID=text, X_Webhook_ID=text, X_Webhook_Signature=None)
    line = the_line(capsys)

    for name in ("delivery_id", "webhook_id"):
        assert len(line[name]) <= 200
        assert line[name].isprintable()
        assert "hidden-word" not in line[name]
