"""Deliveries to `receive_webhook`: statuses, messages, and one log line each."""

import gzip

import pytest

from tests.support.log_lines import only_log_line
from tests.support.traces import without_trace
from tests.support.webhooks import Deployment, delivery, headers
from videovector_bridge.events import TYPE_PREFIX

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_delivery_is_an_event_on_the_topic(
    receiver: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """204 without a body, the delivery byte for byte on the topic, and one log line."""
    body = delivery()
    sent = headers(body, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    response = receiver.post(body, sent)
    line = only_log_line(capsys)
    (message,) = receiver.published("events")

    assert (response.status_code, response.data) == (204, b"")
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


def test_signed_bytes_that_are_no_event_are_rejected(
    receiver: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """204, so that VideoVector does not retry; the raw bytes are on `rejected`."""
    body = b'{"id": 5, \xff'
    response = receiver.post(body)
    line = only_log_line(capsys)
    (message,) = receiver.published("rejected")

    assert (response.status_code, response.data) == (204, b"")
    assert message.data == body
    assert without_trace(message.attributes) | {"detail": ""} == {
        "reason": "vendor",
        "code": "bad_json",
        "detail": "",
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


def test_a_repeated_delivery_is_accepted_again(embedded: Deployment) -> None:
    """It is the same event, by the same id: effects are not repeated."""
    assert [embedded.post(delivery()).status_code for _ in range(2)] == [204, 204]

    one, two = embedded.published("events", 2)
    assert one.data == two.data
    assert without_trace(one.attributes) == without_trace(two.attributes)


def test_a_test_delivery_is_published(embedded: Deployment) -> None:
    """Without a delivery id, as the vendor sends it."""
    body = delivery(event="test", id=None)
    assert embedded.post(body, X_Delivery_ID=None).status_code == 204

    (message,) = embedded.published("events")
    assert message.attributes["ce-type"] == TYPE_PREFIX + "test"
    assert message.attributes["ce-id"].startswith("test-")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_only_post_delivers(
    embedded: Deployment, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """405 with `Allow` for any other method, even with wrong settings."""
    embedded.set(WEBHOOK_SECRETS="")
    response = embedded.app.test_client().open("/", method=method, headers=headers(b""))

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert only_log_line(capsys)["event"] == "webhook.refused"


@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"),
        *("\xff", ";", "application/json; charset=utf-8", "multipart/form-data; boundary=x"),
    ],
)
def test_any_content_type_is_accepted(embedded: Deployment, content_type: str | None) -> None:
    """The vendor documents none. The signature decides, not the content type."""
    assert embedded.post(delivery(), Content_Type=content_type).status_code == 204

    assert len(embedded.published("events")) == 1


def test_a_content_encoding_is_not_undone(embedded: Deployment) -> None:
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
def test_no_form_loses_an_event(embedded: Deployment, body: bytes) -> None:
    """Readable `id` and `event` are enough: published byte for byte, without other ids."""
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
def test_a_body_without_an_event_is_rejected_with_204(
    embedded: Deployment, body: bytes, code: str
) -> None:
    """The raw bytes with a reason code; VideoVector does not retry."""
    assert embedded.post(body).status_code == 204

    (message,) = embedded.published("rejected")
    assert (message.data, message.attributes["code"]) == (body, code)
    assert not embedded.published("events")
