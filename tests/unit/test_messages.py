"""`messages`: claim checks and rejected messages, within Pub/Sub's limits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.traces import SPAN
from tests.support.vendor_events import event
from videovector_bridge import messages
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.events import MAX_DATA_BYTES, Event, decode_event, event_message
from videovector_bridge.messages import (
    claim_message,
    claim_name,
    rejected_messages,
)

FORM: dict[str, Any] = {
    "source": "//host/processing/events",
    "channel": "stream",
    "ordering_key": "lane-01",
    "trace": SPAN,
}


def one(**fields: object) -> Event:
    """An event."""
    decoded = decode_event(event(1, **fields))
    assert isinstance(decoded, Event)
    return decoded


def test_an_event_is_published_byte_for_byte() -> None:
    """The message has the vendor's bytes, the attributes and the lane's key."""
    made = event_message(one(), **FORM)

    assert made.data == event(1)
    assert made.attributes["ce-id"] == "evt-0001"
    assert made.ordering_key == "lane-01"


def test_a_claim_has_a_reference_in_place_of_data() -> None:
    """A claim check is the event's message without data, with its address and size."""
    claim, plain = claim_message(one(), "gs://b/o", 7, **FORM), event_message(one(), **FORM)

    assert claim.data == b""
    assert claim.attributes == {
        **plain.attributes,
        "ce-dataref": "gs://b/o",
        "ce-datasize": "7",
    }
    assert claim.ordering_key == plain.ordering_key


def test_the_name_of_a_claim_depends_on_the_event_only() -> None:
    """A retry stores under the same name; other data or another id has another name."""
    names = {claim_name(one()), claim_name(one(payload={})), claim_name(one(event_id="x"))}

    assert claim_name(one()) == claim_name(one())
    assert len(names) == 3


@given(raw=st.binary(max_size=40), size=st.integers(1, 9))
def test_parts_join_to_the_original(raw: bytes, size: int) -> None:
    """The parts of a rejected message, joined in order, are the original."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "MAX_DATA_BYTES", size)
        made = rejected_messages(raw, owner="vendor", code="c", detail="d", context={})

    assert b"".join(m.data for m in made) == raw
    assert [int(m.attributes["part"]) for m in made] == list(range(1, len(made) + 1))
    assert {m.attributes["parts"] for m in made} == {str(len(made))}
    assert all(len(m.data) <= size for m in made)


def test_each_part_of_twelve_megabytes_can_be_sent() -> None:
    """A rejected event of 12 MB is two messages, each within a request's limits."""
    made = rejected_messages(
        b"x" * 12_000_000, owner="user", code="too_large", detail="d", context={"stream": "s"}
    )

    assert len(made) == 2
    assert len(made[0].data) == MAX_DATA_BYTES
    for message in made:
        check_request("projects/p/topics/rejected", [message])


def test_a_rejection_has_its_reason_and_context() -> None:
    """Reason, code, detail and context are attributes; empty ones are omitted."""
    (made,) = rejected_messages(
        b"{",
        owner="vendor",
        code="bad_json",
        detail="it\nbroke é",
        context={"stream": "default", "event-id": ""},
    )

    assert made.attributes == {
        "reason": "vendor",
        "code": "bad_json",
        "detail": "it?broke ?",
        "stream": "default",
        "part": "1",
        "parts": "1",
    }


@given(st.text(max_size=2_000))
def test_any_detail_fits_an_attribute(detail: str) -> None:
    """Pub/Sub accepts the message for any detail."""
    for message in rejected_messages(
        b"", owner="system", code="c", detail=detail, context={"last-event-id": detail}
    ):
        check_request("t", [message])
        assert all(v.isascii() and v.isprintable() for v in message.attributes.values())


def test_a_detail_has_no_credential() -> None:
    """A key or a signed URL in a detail is hidden before it is published."""
    (made,) = rejected_messages(
        b"",
        owner="system",
        code="c",
        detail="sk_live_12345 at https://host/o?X-Goog-Signature=abc",
        context={},
    )

    assert made.attributes["detail"] == "sk_[hidden] at https://host/o?[hidden]"
