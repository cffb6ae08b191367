"""Messages that fail on every redelivery: they are published to `rejected` with the reason."""

import json
from typing import Any

import pytest

from tests.support.automations import RED
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of, message_of_delivery
from tests.support.markers import PUT
from tests.support.webhooks import delivery


def test_a_delivery_that_is_no_event_is_rejected_byte_for_byte(embedded: DeployedFunction) -> None:
    """Messages of channel webhook are rejected like all others."""
    attributes = message_of_delivery(delivery()).attributes

    assert embedded.post(b"[]", attributes)[0] == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.data, rejected.attributes["code"]) == (b"[]", "not_an_event")


def test_an_event_that_always_fails_is_rejected_byte_for_byte(markers: DeployedFunction) -> None:
    """The rejected message has the bytes, the attributes, the reason and the code."""
    junk = bytes(range(256))
    attributes = message_of(event()).attributes

    status, _ = markers.post(junk, attributes)

    assert status == 200
    (rejected,) = markers.published("rejected")
    assert rejected.data == junk
    assert {
        name: rejected.attributes[name] for name in rejected.attributes if name != "detail"
    } == {
        **{name: value for name, value in attributes.items() if name.startswith("ce-")},
        "reason": "vendor",
        "code": "not_an_event",
        "action": "upsert_marker",
        "event-id": "evt_1",
        "part": "1",
        "parts": "1",
    }


@pytest.mark.parametrize(
    ("fields", "automation", "reason", "code"),
    [
        ({"created_at": "yesterday"}, RED, "vendor", "bad_time"),
        ({"created_at": None}, RED, "vendor", "bad_time"),
        ({"run_id": None}, RED, "user", "expression_failed"),
        ({}, RED.replace("{event.run_id}", "{event.payload.id}"), "user", "expression_failed"),
        ({}, RED.replace("{event.run_id}", "{event.payload.id + 1}"), "user", "expression_failed"),
        ({}, RED.replace('color = "red"', 'color = "{1.0/0.0}"'), "user", "expression_failed"),
        (
            {"payload": {"n": "x"}},
            RED.replace("[automation.", 'when = "event.payload.n > 3"\n[automation.'),
            "user",
            "expression_failed",
        ),
        ({"payload": {"text": "x" * 100_000}}, RED, "user", "marker_too_large"),
        (
            {},
            RED.replace('target_type = "run"', 'target_type = "{event.user_id}"'),
            "user",
            "validation_refused",
        ),
    ],
    ids=[
        "bad time",
        "no time",
        "null in a text",
        "missing field",
        "failing field",
        "infinite color",
        "failing condition",
        "large marker",
        "refused target type",
    ],
)
def test_each_permanent_problem_has_its_reason(
    embedded: DeployedFunction, fields: dict[str, Any], automation: str, reason: str, code: str
) -> None:
    """The reason says who can correct the problem. The event is acknowledged."""
    embedded.automations(automation)
    sent = event(**fields)

    assert embedded.push(sent) == 200

    (rejected,) = embedded.published("rejected")
    assert (reason, code) == (rejected.attributes["reason"], rejected.attributes["code"])
    assert sent == json.loads(rejected.data)


@pytest.mark.parametrize("data", [b"", b"[]", b"5", b"null", b"{", b"\xff\xfe", b'{"a": \xff}'])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_data_that_is_no_event_is_rejected(
    embedded: DeployedFunction, data: bytes, content_type: str
) -> None:
    """For any data but a JSON object, of any content type, the reason is `vendor`."""
    attributes = {**message_of(event()).attributes, "content-type": content_type}

    status, _ = embedded.post(data, attributes)

    assert status == 200
    (rejected,) = embedded.published("rejected")
    assert (data, "not_an_event") == (rejected.data, rejected.attributes["code"])


def test_a_wrapped_push_is_not_lost(embedded: DeployedFunction) -> None:
    """A wrapped message is rejected: the subscription must not wrap its messages."""
    wrapped = {"message": {"data": "e30=", "messageId": "1"}, "subscription": "projects/p/s/s"}
    body = json.dumps(wrapped).encode()

    status, _ = embedded.post(body, {"content-type": "application/json"})

    assert status == 200
    (rejected,) = embedded.published("rejected")
    assert (body, "foreign_type") == (rejected.data, rejected.attributes["code"])
    assert "unwrap" in rejected.attributes["detail"]


def without(*names: str) -> dict[str, str]:
    """The headers of a valid event without some."""
    attributes = dict(message_of(event()).attributes)
    return {name: value for name, value in attributes.items() if name not in names}


@pytest.mark.parametrize(
    "attributes",
    [
        without("ce-id"),
        without("ce-type"),
        without("ce-source"),
        without("ce-specversion"),
        {**without(), "ce-specversion": "9.9"},
    ],
    ids=["id", "type", "source", "specversion", "version 9.9"],
)
def test_a_request_that_is_no_cloud_event_is_rejected(
    embedded: DeployedFunction, attributes: dict[str, str]
) -> None:
    """A message without the attributes of a CloudEvent fails on every redelivery."""
    data = message_of(event()).data
    status, _ = embedded.post(data, attributes)

    assert status == 200
    assert embedded.requests(PUT) == 0
    (rejected,) = embedded.published("rejected")
    assert (rejected.data, rejected.attributes["code"]) == (data, "foreign_type")


def test_one_automation_that_is_rejected_does_not_stop_the_next(embedded: DeployedFunction) -> None:
    """Each automation has its own outcome."""
    wrong = RED.replace("{event.run_id}", "{event.payload.id}").replace('"red"', '"wrong"')
    embedded.automations(wrong, RED)

    assert embedded.push(event()) == 200

    assert embedded.markers() == {"run_1": "red"}
    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["automation"] == "wrong"


def test_an_event_without_a_time_is_rejected(embedded: DeployedFunction) -> None:
    """Without `created_at` the attribute is used; without both the event is rejected."""
    data = json.dumps(event() | {"created_at": None}).encode()
    assert embedded.post(data, {**without("ce-time"), "ce-time": "2026-01-01T00:00:09Z"})[0] == 200
    assert embedded.markers() == {"run_1": "red"}
    stamp = embedded.record("marker:run:run_1").fields["created_at"]
    assert stamp == "2026-01-01T00:00:09.000000+00:00"

    embedded.post(data, without("ce-time"))

    (rejected,) = embedded.published("rejected")
    assert rejected.attributes["code"] == "bad_time"
