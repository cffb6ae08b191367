"""`automate.received`: one shape of events for automations, whichever way they came."""

from typing import Any

import orjson
import pytest

from tests.unit.subscribing import event
from tests.webhooks import delivery
from videovector_bridge.automate.received import Received, receive
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import TYPE_PREFIX

IDS: dict[str, Any] = {"run_id": "r", "video_id": "v", "segment_id": "s", "index_id": "i"}


def received(
    raw: bytes, channel: str = "webhook", event_type: str = "a.b", stated: str | None = None
) -> Received:
    """The event of a message."""
    return receive(
        raw,
        event_id="evt_1",
        event_type=TYPE_PREFIX + event_type,
        channel=channel,
        stated_time=stated,
    )


def code(raw: bytes, **others: Any) -> str:
    """The code that a message is rejected with."""
    with pytest.raises(PermanentError) as caught:
        received(raw, **others)
    return caught.value.code


def test_both_channels_have_one_shape() -> None:
    """What the stream says of an event is what a webhook's delivery of it says."""
    data = {"user_id": "u1", **IDS, "n": 5}
    made_at = "2026-01-01T00:00:00.000Z"
    stream = orjson.dumps(event(**IDS, payload=data, created_at=made_at))
    one = received(stream, "stream", "prompt_run.failed")
    two = received(delivery(data=data), "webhook", "prompt_run.failed")

    assert dict(one.fields) | {"channel": "webhook"} == two.fields
    assert one.version == two.version
    assert (one.raw, two.raw) == (stream, delivery(data=data))


def test_what_a_delivery_lacks_is_null() -> None:
    """So that expressions may ask for everything that is documented."""
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
    ("given", "seen"), [(7, 7), ("x", "x"), ("é", None), ({}, None), ("", None)]
)
def test_ids_are_such_as_the_attributes_have(given: object, seen: object) -> None:
    """What no attribute carries is no id for an automation either; a number stays one."""
    assert received(delivery(data={"run_id": given})).fields["run_id"] == seen


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_a_delivery_without_data_has_an_empty_payload(data: object) -> None:
    """As test deliveries may."""
    assert received(delivery(data=data)).fields["payload"] == {}


@pytest.mark.parametrize("channel", ["stream", "webhook"])
def test_time_tells_the_newest(channel: str) -> None:
    """In UTC, of the event itself, or else as the message states it."""
    made_at = "2026-01-01T02:00:00+02:00"
    expected = "2026-01-01T00:00:00.000000+00:00"
    body = {"created_at": made_at, "data": {}}
    found = received(orjson.dumps(body), channel, stated="2020-01-01")
    assert found.version.created_at == expected
    assert received(b"{}", channel, stated=made_at).version.created_at == expected

    assert code(b"{}", channel=channel) == "bad_time"
    assert code(b'{"created_at": 5}', channel=channel, stated="soon") == "bad_time"


@pytest.mark.parametrize("channel", ["stream", "webhook"])
@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_object_is_no_event(channel: str, raw: bytes) -> None:
    """The vendor is to mend it."""
    assert code(raw, channel=channel) == "not_an_event"


def test_messages_of_others_are_told_apart() -> None:
    """A type that is not VideoVector's is a mistake of the setup."""
    with pytest.raises(PermanentError) as caught:
        receive(b"{}", event_id="1", event_type="other", channel="stream", stated_time=None)

    assert (caught.value.owner, caught.value.code) == ("user", "foreign_type")
