"""`automate.received`: one shape of events for automations, whichever way they came."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.support.event_messages import event
from tests.support.webhooks import delivery
from videovector_bridge.automate.received import ReceivedEvent, parse_event
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import TYPE_PREFIX

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS: dict[str, Any] = {"run_id": "r", "video_id": "v", "segment_id": "s", "index_id": "i"}


def received(
    raw: bytes,
    channel: str = "webhook",
    event_type: str = "a.b",
    *,
    source: str = "//x",
    stated: str | None = None,
    now: datetime = NOW,
) -> ReceivedEvent:
    """The event of a message."""
    return parse_event(
        raw,
        event_id="evt_1",
        source=source,
        event_type=TYPE_PREFIX + event_type,
        channel=channel,
        stated_time=stated,
        now=now,
    )


def code(raw: bytes, **others: Any) -> str:
    """The code of a rejection."""
    with pytest.raises(PermanentError) as caught:
        received(raw, **others)
    return caught.value.code


def test_both_channels_have_one_shape() -> None:
    """A webhook's delivery has the same fields as the event of the stream."""
    data = {"user_id": "u1", **IDS, "n": 5}
    made_at = "2026-01-01T00:00:00.000Z"
    stream = orjson.dumps(event(**IDS, payload=data, created_at=made_at))
    one = received(stream, "stream", "prompt_run.failed")
    two = received(delivery(data=data), "webhook", "prompt_run.failed")

    assert dict(one.fields) | {"channel": "webhook"} == two.fields
    assert one.version == two.version
    assert (one.raw, two.raw) == (stream, delivery(data=data))


def test_what_a_delivery_lacks_is_null() -> None:
    """So expressions may use every documented field."""
    fields = received(delivery(data={})).fields

    assert fields == {
        **dict.fromkeys(["user_id", *IDS]),
        "event_id": "evt_1",
        "event_type": "a.b",
        "created_at": "2026-01-01T00:00:00.000Z",
        "payload": {},
        "channel": "webhook",
    }


def test_only_the_top_of_data_is_lifted() -> None:
    """Ids elsewhere are the payload's own."""
    body = delivery(data={"deep": IDS}, **IDS, payload={"other": 1})
    fields = received(body).fields

    assert [fields[name] for name in IDS] == [None] * 4
    assert fields["payload"] == {"deep": IDS}


@pytest.mark.parametrize(
    ("value", "expected"), [(7, 7), ("x", "x"), ("é", None), ({}, None), ("", None)]
)
def test_ids_are_such_as_the_attributes_have(value: object, expected: object) -> None:
    """An id that is invalid in an attribute is null. A number stays a number."""
    assert received(delivery(data={"run_id": value})).fields["run_id"] == expected


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_a_delivery_without_data_has_an_empty_payload(data: object) -> None:
    """As test deliveries may."""
    assert received(delivery(data=data)).fields["payload"] == {}


@pytest.mark.parametrize("channel", ["stream", "webhook"])
def test_the_newest_is_found_by_time(channel: str) -> None:
    """In UTC, of the event itself, or else as the message states it."""
    made_at = "2026-01-01T02:00:00+02:00"
    expected = "2026-01-01T00:00:00.000000+00:00"
    body = {"created_at": made_at, "data": {}}
    decoded = received(orjson.dumps(body), channel, stated="2020-01-01")
    assert decoded.version.created_at == expected
    assert received(b"{}", channel, stated=made_at).version.created_at == expected

    assert code(b"{}", channel=channel) == "bad_time"
    assert code(b'{"created_at": 5}', channel=channel, stated="soon") == "bad_time"


@pytest.mark.parametrize("channel", ["stream", "webhook"])
@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_object_is_no_event(channel: str, raw: bytes) -> None:
    """The reason is `vendor`."""
    assert code(raw, channel=channel) == "not_an_event"


def test_messages_of_others_are_refused() -> None:
    """For a type that is not VideoVector's the reason is `user`."""
    with pytest.raises(PermanentError) as caught:
        parse_event(
            b"{}",
            event_id="1",
            source="//x",
            event_type="other",
            channel="stream",
            stated_time=None,
            now=NOW,
        )

    assert (caught.value.owner, caught.value.code) == ("user", "foreign_type")


@pytest.mark.parametrize("channel", ["stream", "webhook"])
@pytest.mark.parametrize("stated", [True, False], ids=["as an attribute", "in the data"])
def test_an_event_from_the_future_is_refused(channel: str, *, stated: bool) -> None:
    """An event more than ten minutes in the future is rejected, an earlier one is used."""

    def dated(ahead: timedelta) -> tuple[bytes, str | None]:
        text = (NOW + ahead).isoformat()
        return (b"{}", text) if stated else (orjson.dumps({"created_at": text}), None)

    for ahead in (timedelta(minutes=9), timedelta(minutes=10)):
        raw, time = dated(ahead)
        assert received(raw, channel, stated=time).version.created_at.startswith("2026-01-01T00:")
    raw, time = dated(timedelta(minutes=10, seconds=1))
    with pytest.raises(PermanentError, match="10 minutes in the future") as caught:
        received(raw, channel, stated=time)

    assert (caught.value.owner, caught.value.code) == ("vendor", "future_time")
    later = received(raw, channel, stated=time, now=NOW + timedelta(minutes=1))
    assert later.version.created_at == "2026-01-01T00:10:01.000000+00:00"


def test_an_event_is_what_its_source_and_id_say() -> None:
    """As in CloudEvents, the same id from another source is another event."""
    raw = orjson.dumps({"created_at": "2026-01-01T00:00:00Z"})
    one, other = (received(raw, source=source).version for source in ("//a", "//b"))

    assert one != other
    assert one.key != other.key
    assert one == received(raw, source="//a").version
