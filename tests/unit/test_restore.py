"""`restore`: the event of a rejected message or of a dead letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.event_messages import event, message_of
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import (
    ENTITY_IDS,
    REDRIVE_TO,
    Event,
    attributes,
    entity_lane,
    event_message,
    lane,
    lane_key,
)
from videovector_bridge.messages import claim_message, rejected_messages
from videovector_bridge.restore import (
    HEAD_BYTES,
    as_claim_check,
    is_event,
    is_frame,
    restore_dead_letter,
    restore_frame,
    restore_rejected,
)

LANES = 16
TRACE = {"ce-traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
SOURCE = "//api.example.test/processing/events"
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
EVENTS = st.builds(
    Event,
    id=TEXTS,
    type=TEXTS,
    created_at=st.just("2026-01-01T00:00:00Z"),
    **{name: st.none() | TEXTS for name in reversed(ENTITY_IDS)},
    data=st.binary(min_size=1, max_size=100),
)


def published(one: Event) -> Message:
    """The message of an event, as the ingest publishes it."""
    key = lane_key(lane(one, LANES))
    return event_message(one, source=SOURCE, channel="stream", ordering_key=key, trace=TRACE)


def rejected(original: Message, **more: str) -> Message:
    """The message on `rejected` about an effect of an event, as a subscriber publishes it."""
    names = {name: value for name, value in original.attributes.items() if name[:3] == "ce-"}
    context = {**names, "action": "upsert_marker", "automation": "red", "event-id": "e", **more}
    (message,) = rejected_messages(
        original.data, owner="user", code="no_target", detail="why", context=context
    )
    return message


def dead(original: Message) -> Message:
    """The message on `dead-letters`, with what Pub/Sub adds."""
    added = {
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceSubscription": "upsert-markers",
    }
    return original._replace(attributes={**original.attributes, **added})


@given(EVENTS)
def test_an_event_is_restored_as_it_was(one: Event) -> None:
    """Data, attributes and ordering key, from either topic, and again and again."""
    original = published(one)

    assert restore_rejected(rejected(original), lanes=LANES) == original
    assert restore_dead_letter(dead(original), lanes=LANES) == original
    assert restore_dead_letter(dead(dead(original)), lanes=LANES) == original


@given(EVENTS)
def test_the_lane_follows_from_the_attributes(one: Event) -> None:
    """The same lane as at the first publish, also when the message has lost its ordering key."""
    names = attributes(one, source=SOURCE, channel="stream", trace=TRACE)
    without = published(one)._replace(ordering_key="")

    assert entity_lane(names, LANES) == lane(one, LANES)
    assert restore_dead_letter(dead(without), lanes=LANES) == published(one)


@given(EVENTS)
def test_a_later_redrive_to_all_removes_the_address(one: Event) -> None:
    """`ce-redriveto` names one action, or is not there."""
    original = published(one)

    to_one = restore_rejected(rejected(original), lanes=LANES, to="search")
    to_all = restore_rejected(rejected(to_one), lanes=LANES)

    assert to_one.attributes == {**original.attributes, REDRIVE_TO: "search"}
    assert to_all == original
    assert restore_dead_letter(dead(to_one), lanes=LANES) == original


def test_a_claim_check_stays_a_reference() -> None:
    """Also when the function that rejected it has fetched the data."""
    one = Event("e1", "t", None, None, "v1", "r1", None, b"x" * 10)
    key = lane_key(lane(one, LANES))
    check = claim_message(
        one, "gs://b/o", 10, source=SOURCE, channel="stream", ordering_key=key, trace=TRACE
    )
    fetched = rejected(check._replace(data=one.data), dataref="gs://b/o")
    part = fetched._replace(attributes={**fetched.attributes, "part": "2", "parts": "3"})

    assert restore_rejected(rejected(check), lanes=LANES) == check
    assert restore_rejected(fetched, lanes=LANES) == check
    assert restore_rejected(part, lanes=LANES) == check


@pytest.mark.parametrize("missing", ["ce-id", "ce-source", "ce-type"])
def test_a_message_that_is_no_event_is_not_restored(missing: str) -> None:
    """Raw data of the stream, for example."""
    message = rejected(message_of(event("e1")))
    names = {name: value for name, value in message.attributes.items() if name != missing}

    assert not is_event(names)
    with pytest.raises(ValueError, match="is no event"):
        restore_rejected(Message(message.data, names), lanes=LANES)


def test_one_part_of_an_event_is_not_restored() -> None:
    """All parts must be joined first."""
    message = rejected(message_of(event("e1")))
    part = message._replace(attributes={**message.attributes, "parts": "2"})

    with pytest.raises(ValueError, match="only a part"):
        restore_rejected(part, lanes=LANES)


def test_a_dead_letter_is_any_message() -> None:
    """Any bytes and attributes."""
    message = Message(b"\xff\x00", {"ce-id": "2", "any": "b='c' \"d\""}, "lane-03")

    assert restore_dead_letter(dead(message), lanes=LANES) == message


FRAME = {"code": "too_large", "stream": "default", "source": SOURCE, "reason": "user"}


def test_a_frame_that_was_too_large_is_an_event() -> None:
    """With the attributes that the stream would have given it."""
    data = message_of(event("e1", run_id="run_7")).data

    restored = restore_frame(FRAME, data, len(data), lanes=LANES)

    assert is_frame(FRAME)
    assert not is_frame(FRAME | {"code": "bad_json"})
    assert restored.data == data
    assert restored.attributes["ce-id"] == "e1"
    assert restored.attributes["ce-source"] == SOURCE
    assert restored.ordering_key == lane_key(entity_lane({"ce-runid": "run_7"}, LANES))


def test_a_large_frame_is_decoded_from_its_beginning() -> None:
    """It becomes a claim check."""
    head = b'{"event_id": "e1", "event_type": "t", "run_id": "r", "payload": {"x": "' + b"x" * 99
    size = 20_000_000

    restored = restore_frame(FRAME, head.ljust(HEAD_BYTES + 5, b"x"), size, lanes=LANES)
    check = as_claim_check(restored, "gs://b/o", size)

    assert restored.data == check.data == b""
    assert check.attributes["ce-id"] == "e1"
    assert check.attributes["ce-dataref"] == "gs://b/o"
    assert check.attributes["ce-datasize"] == "20000000"


@pytest.mark.parametrize("data", [b"no JSON", b"[]", b'{"event_id": "e1"}'])
def test_a_frame_that_is_no_event_is_not_restored(data: bytes) -> None:
    """It stays on `rejected`."""
    with pytest.raises(ValueError, match="The data is no event"):
        restore_frame(FRAME, data, len(data), lanes=LANES)
