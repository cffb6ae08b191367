"""`ingest.delivery`: the event of a delivery, and its message."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from tests.support.signed_deliveries import (
    NOW,
    VECTOR_BODY,
    checked,
    decode_signed,
    delivery_of,
    secrets_of,
    verified_vector,
)
from tests.support.traces import SPAN, TRACEPARENT
from tests.support.webhooks import SECRET, delivery, signature
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.events import MAX_ID_BYTES, Event, Rejection
from videovector_bridge.ingest.delivery import (
    MAX_VALUES,
    VerifiedDelivery,
    build_message,
    decode_delivery,
    format_source,
)

HOST = "api.example.test"

WHERE: dict[str, Any] = {"api_host": HOST, "lanes": 16, "trace": SPAN}


def event_of(**fields: Any) -> Event:
    """Return the event of a delivery with these fields; it must be one."""
    decoded = decode_signed(delivery(**fields))
    assert isinstance(decoded, Event), decoded
    return decoded


def test_the_vector_is_an_event() -> None:
    """Its ids are from `data`, and its data is the body byte for byte."""
    verified = verified_vector()
    assert isinstance(verified, VerifiedDelivery)

    assert decode_delivery(verified.body) == Event(
        id="evt_01",
        type="prompt_run.completed",
        created_at="2026-11-24T02:00:00Z",
        segment_id=None,
        video_id=None,
        run_id="run_7",
        index_id=None,
        data=VECTOR_BODY,
    )


def test_ids_in_data_become_ids_of_the_event() -> None:
    """At its top level only."""
    data = {
        **{name: name[0] for name in ("run_id", "video_id", "segment_id", "index_id")},
        "deep": {"run_id": "other"},
    }
    decoded = event_of(data=data)

    assert (decoded.run_id, decoded.video_id, decoded.segment_id, decoded.index_id) == tuple("rvsi")
    assert event_of(data={"deep": data}).run_id is None
    assert event_of(data={}, run_id="outside").run_id is None


def test_numbers_may_be_ids() -> None:
    """A number is accepted as an id, as on the stream."""
    decoded = event_of(id=5, data={"run_id": 7, "video_id": 2**63})

    assert (decoded.id, decoded.run_id, decoded.video_id) == ("5", "7", str(2**63))


@pytest.mark.parametrize(
    "odd", ["é", "", " x", "x\n", "x" * (MAX_ID_BYTES + 1), {}, [], True, 1.5, 10**30]
)
def test_an_odd_id_in_data_does_not_lose_the_event(odd: object) -> None:
    """It is omitted from the attributes, and stays in the body."""
    body = (
        delivery(data={"run_id": odd, "video_id": "vid_1"})
        if odd != 10**30
        else delivery(data={"run_id": 5, "video_id": "vid_1"}).replace(b":5", b":1" + b"0" * 30)
    )
    decoded = decode_signed(body)

    assert isinstance(decoded, Event)
    assert (decoded.run_id, decoded.video_id, decoded.data) == (None, "vid_1", body)


@pytest.mark.parametrize("created_at", [None, 5, "yesterday", {}])
def test_an_odd_time_does_not_lose_the_event(created_at: object) -> None:
    """It is published without a time, as on the stream."""
    decoded = decode_signed(delivery(created_at=created_at))

    assert isinstance(decoded, Event)
    made = build_message(delivery_of(decoded.data), decoded, **WHERE)
    assert "ce-time" not in made.attributes


def test_further_keys_and_no_version_are_fine() -> None:
    """The vendor may add keys, and omit the version."""
    body = orjson.dumps({"id": "e", "event": "new.kind", "data": {}, "more": [{}]})

    assert isinstance(decode_signed(body), Event)


def test_a_test_delivery_is_an_event() -> None:
    """It is published as one; without an id, its id is a hash of its bytes."""
    assert event_of(event="test").type == "test"
    for fields in ({"id": None}, {"id": ""}, {"id": None, "data": None}):
        decoded = event_of(event="test", **fields)
        assert decoded.id.startswith("test-")
        assert decoded == event_of(event="test", **fields)
    assert event_of(event="test", id=None).id != event_of(event="test", id=None, second=1).id


MISTAKES = {
    "bad_json": [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b"\xef\xbb\xbf" + delivery(),
        '{"id": "é"}'.encode("utf-16"),
        b'{"id": NaN}',
        delivery() + b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 100_000,
    ],
    "not_an_object": [b"[]", b"null", b'"text"', b"1" * 300],
    "missing_id": [delivery(id=None)],
    "bad_id": [
        delivery(id=""),
        delivery(id="é"),
        delivery(id="x" * (MAX_ID_BYTES + 1)),
        delivery(id={}),
        delivery(id=7).replace(b":7", b":" + b"7" * 30),
    ],
    "missing_event": [delivery(event=None)],
    "bad_event": [delivery(event=" test"), delivery(event=["test"])],
}


@pytest.mark.parametrize("code", MISTAKES)
def test_what_cannot_be_an_event_is_rejected(code: str) -> None:
    """Each mistake has its code, and is the vendor's."""
    for body in MISTAKES[code]:
        decoded = decode_signed(body)

        assert isinstance(decoded, Rejection), body[:100]
        assert (decoded.owner, decoded.code) == ("vendor", code), body[:100]


@pytest.mark.parametrize("data", [None, [], [{"run_id": "r"}], "{}", "", 5, 1.5, True])
def test_data_of_any_type_does_not_lose_the_event(data: object) -> None:
    """`id` and `event` make it an event; without an object it has no other ids."""
    body = delivery(data=data)

    assert decode_signed(body) == Event(
        "evt_1", "prompt_run.failed", "2026-01-01T00:00:00.000Z", None, None, None, None, body
    )


def test_unknown_keys_and_missing_data_do_not_lose_the_event() -> None:
    """The smallest event is an id and a type."""
    body = b'{"event":"new.kind","id":"e","payload":{"run_id":"r"}}'

    assert decode_signed(body) == Event("e", "new.kind", None, None, None, None, None, body)


@pytest.mark.parametrize(
    ("body", "event_id"),
    [
        (delivery().replace(b"{", b'{"id":"other",', 1), "evt_1"),
        (delivery()[:-1] + b',"id":"last"}', "last"),
        (delivery().replace(b"{", b'{"\\u0069d":"other",', 1), "evt_1"),
        (delivery().replace(b"{", b'{"data":{"run_id":"other"},', 1), "evt_1"),
        (delivery().replace(b'"run_id"', b'"run_id":"other","run_id"'), "evt_1"),
        (delivery().replace(b'"user_id"', b'"a":1,"a":1,"user_id"'), "evt_1"),
    ],
)
def test_with_repeated_keys_the_event_has_no_other_ids(body: bytes, event_id: str) -> None:
    """Parsers choose different values of two: the event is published without the ids."""
    decoded = decode_signed(body)

    assert isinstance(decoded, Event)
    assert (decoded.id, decoded.run_id, decoded.data) == (event_id, None, body)


def test_repeated_keys_deeper_do_not_matter() -> None:
    """They are no ids of the event."""
    body = delivery(data={"run_id": "run_1", "n": {"a": 1}}).replace(b'"a":1', b'"a":1,"a":2')
    decoded = decode_signed(body)

    assert isinstance(decoded, Event)
    assert decoded.run_id == "run_1"


TOO_MANY = b'"n":[' + b"[]," * (MAX_VALUES // 2) + b"1],"


def test_too_many_values_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded values need 80 bytes each, so only the text before them is decoded."""
    body = delivery().replace(b'"run_id"', TOO_MANY + b'"run_id"')
    monkeypatch.setattr(orjson, "loads", only_small(orjson.loads))

    assert decode_signed(body) == Event(
        "evt_1", "prompt_run.failed", None, None, None, None, None, body
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{" + TOO_MANY + delivery()[1:],
        delivery().replace(b'"event"', TOO_MANY + b'"event"'),
        b"[" * (MAX_VALUES + 1),
    ],
)
def test_too_many_values_before_id_and_event_are_rejected(body: bytes) -> None:
    """They are not decoded to find the two."""
    decoded = decode_signed(body)

    assert isinstance(decoded, Rejection)
    assert (decoded.owner, decoded.code) == ("vendor", "too_complex")


def only_small(real: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return `orjson.loads` that fails for large bodies."""

    def loads(text: bytes) -> Any:
        assert len(text) < 5_000
        return real(text)

    return loads


@pytest.mark.parametrize("depth", [100, 900, 1_000, 1_020, 1_100, 50_000])
def test_deep_nesting_is_an_event_or_a_rejection(depth: int) -> None:
    """No depth is a crash."""
    deep = b"[" * depth + b"]" * depth
    decoded = decode_signed(delivery(data={"deep": 5}).replace(b'"deep":5', b'"deep":' + deep))

    assert isinstance(decoded, Event if depth == 100 else Event | Rejection)


def test_huge_numbers_beside_the_ids_do_no_harm() -> None:
    """They are published byte for byte."""
    body = delivery(data={"n": 5}).replace(b'"n":5', b'"n":' + b"9" * 300)
    decoded = decode_signed(body)

    assert isinstance(decoded, Event)
    assert decoded.data == body


def test_the_message_is_a_cloud_event_of_the_webhook() -> None:
    """The attributes of the stream's events, with the webhook as source and channel."""
    body = delivery(data={"run_id": "run_1", "index_id": "idx_1"})
    made = build_message(delivery_of(body), event_of(data=orjson.loads(body)["data"]), **WHERE)

    assert made.data == body
    assert made.attributes == {
        "ce-id": "evt_1",
        "ce-source": "//api.example.test/webhooks/wh_1",
        "ce-specversion": "1.0",
        "ce-type": "com.vectormethods.prompt_run.failed",
        "ce-time": "2026-01-01T00:00:00.000Z",
        "ce-channel": "webhook",
        "ce-subject": "runs/run_1",
        "ce-runid": "run_1",
        "ce-indexid": "idx_1",
        "ce-traceparent": TRACEPARENT,
        "content-type": "application/json",
    }
    assert made.ordering_key == "lane-07"


def test_the_largest_message_fits_a_request() -> None:
    """Long ids and the largest body that may be allowed are within Pub/Sub's limits."""
    long = "x" * MAX_ID_BYTES
    ids = dict.fromkeys(("run_id", "video_id", "segment_id", "index_id"), long)
    start = delivery(id=long, event=long, data={**ids, "pad": ""})
    body = start.replace(b'"pad":"', b'"pad":"' + b"x" * (9_500_000 - len(start)))
    secrets = secrets_of(SECRET)
    verified = checked(body, signature(body), "%" * 200, secrets=secrets, now=NOW)
    assert isinstance(verified, VerifiedDelivery)
    event = decode_delivery(verified.body)
    assert isinstance(event, Event)

    check_request("events", [build_message(verified, event, **WHERE)])


def test_a_source_is_an_address() -> None:
    """Characters that a path may not contain are escaped."""
    verified = verified_vector(webhook_id="a/b?c#d%e<f>")
    assert isinstance(verified, VerifiedDelivery)

    assert format_source(verified, HOST) == "//api.example.test/webhooks/a%2Fb%3Fc%23d%25e%3Cf%3E"
