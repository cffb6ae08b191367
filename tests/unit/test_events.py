"""`events`: any bytes are an event or a rejection, and events become CloudEvents."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.traces import SPAN, TRACEPARENT
from tests.support.vendor_events import event
from videovector_bridge.backends.ports import MAX_ATTRIBUTE_BYTES
from videovector_bridge.events import (
    MAX_ID_BYTES,
    Event,
    Rejection,
    attributes,
    bridge_event,
    decode_event,
    extract_ids,
    id_text,
    lane,
    parse_time,
)

SOURCE = "//api.example.test/processing/events"


def decoded(**fields: Any) -> Event:
    """Return the event with these fields, which must be valid."""
    result = decode_event(event(1, **fields))
    assert isinstance(result, Event)
    return result


def rejected(data: bytes) -> str:
    """Return the code of the rejection of these bytes."""
    result = decode_event(data)
    assert isinstance(result, Rejection)
    return result.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b'{"event_id": NaN}', "bad_json"),
        (b'{"event_id": "\xff"}', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"{}", "missing_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_other_bytes_are_rejected_with_a_code(data: bytes, code: str) -> None:
    """Bad JSON, other JSON and missing ids each have their own code."""
    assert rejected(data) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event_id": None}, "missing_id"),
        ({"event_type": None}, "missing_type"),
        ({"event_id": ""}, "bad_id"),
        ({"event_id": True}, "bad_id"),
        ({"event_id": 1.5}, "bad_id"),
        ({"event_id": {"a": 1}}, "bad_id"),
        ({"event_id": " led"}, "bad_id"),
        ({"event_id": "trailed "}, "bad_id"),
        ({"event_id": "tab\there"}, "bad_id"),
        ({"event_id": "line\nbreak"}, "bad_id"),
        ({"event_id": "nul\0"}, "bad_id"),
        ({"event_id": "é"}, "bad_id"),
        ({"event_id": "x" * (MAX_ID_BYTES + 1)}, "bad_id"),
        ({"event_type": ""}, "bad_id"),
        ({"run_id": ""}, "bad_id"),
        ({"run_id": ["r"]}, "bad_id"),
        ({"segment_id": "a\r\nb"}, "bad_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_unusable_ids_are_rejected_with_a_code(fields: dict[str, Any], code: str) -> None:
    """An id is text (or a whole number) that a header can carry; two of them are required."""
    assert rejected(event(1, **fields)) == code


def test_an_event_keeps_its_bytes() -> None:
    """The data is the vendor's, with its spacing, order of keys and escapes."""
    data = b'{ "payload":{"x":"\\u00e9\\n"},"event_type":"new.type", "event_id" :"e1" }'
    result = decode_event(data)

    assert isinstance(result, Event)
    assert result.data is data
    assert (result.id, result.type, result.run_id, result.created_at) == (
        "e1",
        "new.type",
        None,
        None,
    )


def test_a_number_is_accepted_as_an_id() -> None:
    """A whole number in place of text becomes text."""
    assert decoded(event_id=42, run_id=7).id == "42"
    assert decoded(event_id=42, run_id=7).run_id == "7"


def test_the_limit_is_for_each_id() -> None:
    """Not for all ids together."""
    long = "x" * MAX_ID_BYTES
    decoded_event = decoded(
        event_id=long, event_type=long, run_id=long, video_id="with blank inside"
    )

    assert decoded_event.id == decoded_event.type == decoded_event.run_id == long
    assert all(
        len(value) <= MAX_ATTRIBUTE_BYTES
        for value in attributes(decoded_event, source=SOURCE, channel="stream", trace=SPAN).values()
    )


@given(st.binary())
def test_any_bytes_give_an_event_or_a_rejection(data: bytes) -> None:
    """Decoding never raises."""
    assert isinstance(decode_event(data), Event | Rejection)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("event_id", "event_type", "run_id", "segment_id", "created_at"),
            _values | st.text("ab \t\x7f\x1f\0é", max_size=4) | st.just("2026-01-02T03:04:05Z"),
        ),
    )
)
def test_every_attribute_fits_a_header(fields: dict[str, Any]) -> None:
    """Any accepted event has attributes of printable ASCII within the limits."""
    result = decode_event(orjson.dumps(fields))
    if isinstance(result, Event):
        for value in attributes(result, source=SOURCE, channel="stream", trace=SPAN).values():
            assert 0 < len(value) <= MAX_ATTRIBUTE_BYTES
            assert value.isascii()
            assert value.isprintable()
            assert value == value.strip()


def test_attributes_are_a_cloud_event() -> None:
    """An event is a CloudEvent in binary mode, its subject the narrowest entity."""
    decoded_event = decoded(index_id="i", run_id="r", video_id="v", segment_id="s")

    assert attributes(decoded_event, source=SOURCE, channel="stream", trace=SPAN) == {
        "ce-id": "evt-0001",
        "ce-source": SOURCE,
        "ce-specversion": "1.0",
        "ce-type": "com.vectormethods.processing.segment_completed",
        "ce-channel": "stream",
        "ce-time": "2026-01-02T03:04:05Z",
        "ce-subject": "segments/s",
        "ce-indexid": "i",
        "ce-runid": "r",
        "ce-videoid": "v",
        "ce-segmentid": "s",
        "ce-traceparent": TRACEPARENT,
        "content-type": "application/json",
    }


@pytest.mark.parametrize(
    ("ids", "subject"),
    [
        ({"video_id": "v"}, "videos/v"),
        ({"video_id": None}, "runs/r"),
        ({"run_id": None, "index_id": "i"}, "indexes/i"),
        ({"run_id": None}, None),
    ],
)
def test_the_subject_is_the_narrowest_entity(ids: dict[str, Any], subject: str | None) -> None:
    """Segment, else video, else run, else index, else none."""
    fields = {"run_id": "r"} | ids
    names = attributes(decoded(**fields), source=SOURCE, channel="stream", trace=SPAN)

    assert names.get("ce-subject") == subject


@pytest.mark.parametrize(
    ("created_at", "time"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-31T03:04:05.123456789+02:00", "2026-01-31T03:04:05.123456789+02:00"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
        ("2026-02-30T03:04:05Z", None),
        ("2026-13-01T03:04:05Z", None),
        ("٢٠٢٦-01-02T03:04:05Z", None),
        ("yesterday", None),
        ("", None),
        (1767323045, None),
        (None, None),
    ],
)
def test_the_time_is_rfc_3339_or_omitted(created_at: object, time: str | None) -> None:
    """A time that CloudEvents does not allow is not an attribute; the data still has it."""
    names = attributes(decoded(created_at=created_at), source=SOURCE, channel="stream", trace=SPAN)

    assert names.get("ce-time") == time


def test_a_long_fraction_does_not_exceed_the_attribute() -> None:
    """A time with thousands of digits must not give a message that Pub/Sub refuses."""
    made_at = "2026-01-02T03:04:05." + "1" * 3_000 + "Z"
    names = attributes(decoded(created_at=made_at), source=SOURCE, channel="stream", trace=SPAN)

    assert len(names.get("ce-time", "")) <= MAX_ATTRIBUTE_BYTES


def test_a_lane_belongs_to_the_entity() -> None:
    """Events of one run share a lane; without a run the video decides, else index, else id."""
    of_run = {lane(decoded(event_id=f"e{n}", video_id=f"v{n}"), 16) for n in range(50)}
    of_video = {
        lane(decoded(event_id=f"e{n}", run_id=None, video_id="v", index_id=f"i{n}"), 16)
        for n in range(50)
    }
    of_none = {lane(decoded(event_id=f"e{n}", run_id=None), 16) for n in range(50)}

    assert len(of_run) == len(of_video) == 1
    assert len(of_none) > 8
    assert of_none <= set(range(16))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", None),
        ("no", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_parsed_leniently(text: object, time: datetime | None) -> None:
    """A time without zone is UTC; other text is None."""
    assert parse_time(text) == time


def test_an_event_of_the_bridge_has_the_vendors_form() -> None:
    """It is decoded like any other event."""
    made = bridge_event("bridge.stream.gap", "gap:1", datetime(2026, 1, 2, tzinfo=UTC), {"a": 1})

    assert decode_event(made.data) == made
    assert orjson.loads(made.data)["payload"] == {"a": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        ("x y", "x y"),
        ("x" * MAX_ID_BYTES, "x" * MAX_ID_BYTES),
        (0, "0"),
        (-5, "-5"),
        ("", None),
        (" x", None),
        ("x ", None),
        ("x\n", None),
        ("é", None),
        ("y" * (MAX_ID_BYTES + 1), None),
        (None, None),
        (True, None),
        (1.0, None),
        ([], None),
        (b"x", None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_id_is_text_that_a_header_can_carry(value: object, expected: str | None) -> None:
    """A whole number is accepted; anything else is None."""
    assert id_text(value) == expected


def test_ids_are_extracted_where_a_header_can_carry_them() -> None:
    """Each on its own: an unusable id does not affect the others."""
    assert extract_ids({"run_id": "r", "video_id": 5, "index_id": "é", "other": "x"}) == {
        "run_id": "r",
        "video_id": "5",
        "index_id": None,
        "segment_id": None,
    }
