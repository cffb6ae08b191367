"""`letters.plan` and `letters.redriver`: what is published, at which rate, and what is left."""

import hashlib

import pytest

from tests.support.letter_runs import (
    MemoryBlobs,
    MemorySubscription,
    MemoryTopic,
    Time,
    ids_of,
    redrive,
)
from tests.support.letters import event_copy, raw_rejection, rejection, rejections
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.operate.letters.plan import REASONS
from videovector_bridge.errors import BackendError
from videovector_bridge.events import MAX_DATA_BYTES

ONE = event_copy("e1")
LARGE = b'{"event_id": "e1", "event_type": "t", "run_id": "r", "payload": "' + b"x" * 10_000_000
LARGE += b'"}'


def frame_parts(data: bytes, size: int = 1_048_576) -> list[Message]:
    """The messages on `rejected` about a frame that was too large, without a bucket."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    messages = []
    for number, piece in enumerate(pieces, 1):
        (message,) = [raw_rejection(piece, "too_large", frame="f")]
        names = {**message.attributes, "part": str(number)}
        del names["parts"]
        if number == len(pieces):
            names |= {"parts": str(number), "sha256": hashlib.sha256(data).hexdigest()}
        messages.append(Message(piece, names))
    return messages


def test_an_event_is_published_once_for_all_its_rejections() -> None:
    """All of them are acknowledged."""
    messages = [rejection(ONE, automation=name) for name in ("red", "blue", "red")]
    subscription, topic = MemorySubscription(messages, time := Time()), MemoryTopic()

    result = redrive(subscription, topic, time)

    assert topic.messages == [ONE]
    assert subscription.messages == {}
    assert (result.selected, result.published, result.acknowledged) == (3, 1, 3)
    assert result.left_by_reason == {}


def test_events_of_two_sources_are_two_events() -> None:
    """An id is unique for its source only."""
    other = ONE._replace(attributes={**ONE.attributes, "ce-source": "//api/webhooks/w1"})
    topic = MemoryTopic()

    redrive(MemorySubscription([rejection(ONE), rejection(other)], time := Time()), topic, time)

    assert topic.messages == [ONE, other]


def test_parts_are_joined_and_stored_as_a_claim_check() -> None:
    """In whatever order they arrive, repeated or not; verified first."""
    parts = rejections(ONE, data=LARGE)
    assert len(parts) == 2
    blobs, topic = MemoryBlobs(), MemoryTopic()
    subscription = MemorySubscription([parts[1], *parts], time := Time())

    result = redrive(subscription, topic, time, blobs=blobs)

    (message,) = topic.messages
    assert blobs.stored[message.attributes["ce-dataref"]] == LARGE
    assert (message.data, message.attributes["ce-datasize"]) == (b"", str(len(LARGE)))
    assert message.ordering_key == ONE.ordering_key
    assert (result.published, result.acknowledged) == (1, 3)
    assert subscription.messages == {}


@pytest.mark.parametrize("data", [LARGE, LARGE[:66] + b'"}'])
def test_a_frame_is_joined_and_published_as_an_event(data: bytes) -> None:
    """As a claim check if it is too large for a message."""
    blobs, topic = MemoryBlobs(), MemoryTopic()
    parts = frame_parts(data, 1_048_576 if len(data) > MAX_DATA_BYTES else 16)
    subscription = MemorySubscription(parts[::-1], time := Time())

    result = redrive(subscription, topic, time, blobs=blobs)

    (message,) = topic.messages
    uri = message.attributes.get("ce-dataref", "")
    assert (blobs.stored[uri] if len(data) > MAX_DATA_BYTES else message.data) == data
    assert message.attributes["ce-id"] == "e1"
    assert message.attributes["ce-source"] == "//127.0.0.1/processing/events"
    assert result.acknowledged == len(parts)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([raw_rejection()], "no_event"),
        ([Message(b"x", {})], "no_event"),
        (rejections(ONE, data=LARGE)[:1], "parts_missing"),
        (frame_parts(LARGE)[:-1], "parts_missing"),
        (
            [one._replace(data=b"y" + one.data[1:]) for one in rejections(ONE, data=LARGE)],
            "parts_differ",
        ),
        (frame_parts(b"[" + b"1," * 20 + b"1]", 8), "no_event"),
        ([rejection(ONE._replace(attributes={**ONE.attributes, "ce-x": "é" * 900}))], ""),
    ],
)
def test_what_cannot_be_published_is_left_with_a_reason(
    messages: list[Message], reason: str
) -> None:
    """The others are published."""
    other = rejection(event_copy("e2"))
    subscription, topic = MemorySubscription([*messages, other], time := Time()), MemoryTopic()

    result = redrive(subscription, topic, time, blobs=MemoryBlobs())

    assert "e2" in ids_of(topic.messages)
    assert result.left_by_reason == ({reason: len(messages)} if reason else {})
    assert len(subscription.messages) == (len(messages) if reason else 0)
    assert set(result.left_by_reason) <= set(REASONS)


def test_a_large_event_without_a_bucket_is_left() -> None:
    """The sentence names the setting."""
    subscription = MemorySubscription(rejections(ONE, data=LARGE), time := Time())

    result = redrive(subscription, MemoryTopic(), time)

    assert result.left_by_reason == {"no_claim_bucket": 2}
    assert len(subscription.messages) == 2


def test_a_message_that_becomes_too_large_is_left() -> None:
    """An address adds to the attributes."""
    full = Message(b"x" * 9_999_900, {"ce-id": "e1"})
    subscription, topic = MemorySubscription([full], time := Time()), MemoryTopic()

    result = redrive(subscription, topic, time, kind="dead-letters", to="a_function" * 20)

    assert result.left_by_reason == {"unpublishable": 1}
    assert topic.messages == []


def test_the_rate_is_bounded() -> None:
    """Requests of a second at a time; the first at once."""
    messages = [rejection(event_copy(f"e{number:03}")) for number in range(250)]
    time, topic = Time(), MemoryTopic()

    redrive(MemorySubscription(messages, time), topic, time, rate=100)

    assert sum(time.slept) == pytest.approx(2.0)
    assert len(topic.messages) == 250


def test_events_of_a_lane_keep_the_order_of_publishing() -> None:
    """A request has one ordering key."""
    messages = [
        rejection(event_copy(f"e{number:03}", run_id=f"r{number % 3}")) for number in range(60)
    ]
    topic = MemoryTopic()

    redrive(MemorySubscription(messages, time := Time()), topic, time)

    lanes: dict[str, list[str]] = {}
    for each in topic.messages:
        lanes.setdefault(each.ordering_key, []).append(each.attributes["ce-id"])
    assert all(ids == sorted(ids) for ids in lanes.values())
    assert len(topic.requests) == len(lanes) > 1


def test_after_a_failure_nothing_more_is_published() -> None:
    """What is published is acknowledged, the rest is left."""
    messages = [rejection(event_copy(f"e{number}")) for number in range(30)]
    time = Time()
    subscription = MemorySubscription(messages, time)

    def fail(_name: str) -> None:
        if len(topic.messages) >= 20:
            raise BackendError("Permission denied.")

    topic = MemoryTopic()
    topic.step = fail
    result = redrive(subscription, topic, time, rate=10)

    assert result.error == "Permission denied."
    assert result.acknowledged == 10
    assert result.left_by_reason == {"not_published": 20}
    assert len(subscription.messages) == 20


def test_an_interrupt_leaves_the_rest() -> None:
    """Ctrl-C between two requests."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    messages = [rejection(event_copy(f"e{number}")) for number in range(30)]
    time = Time()
    time.sleep = interrupt  # type: ignore[method-assign,assignment]
    subscription, topic = MemorySubscription(messages, time), MemoryTopic()

    result = redrive(subscription, topic, time, rate=10)

    assert result.error == "Interrupted."
    assert (result.acknowledged, result.left_by_reason) == (10, {"not_published": 20})
    assert len(subscription.messages) == 20


def test_a_message_that_cannot_be_acknowledged_is_reported() -> None:
    """Its event is published; the next redrive publishes it again."""
    time, topic = Time(), MemoryTopic()
    subscription = MemorySubscription([rejection(ONE)], time)

    def fail(name: str) -> None:
        if name == "before acknowledge":
            raise BackendError("Permission denied.")

    subscription.step = fail
    result = redrive(subscription, topic, time)

    assert topic.messages == [ONE]
    assert (result.published, result.acknowledged) == (1, 0)
    assert result.left_by_reason == {"not_acknowledged": 1}


def test_a_dry_run_has_the_result_of_the_run() -> None:
    """Nothing is published, stored, acknowledged, or waited for."""
    messages = [*rejections(ONE, data=LARGE), raw_rejection(), rejection(event_copy("e2"))]
    time, topic, blobs = Time(), MemoryTopic(), MemoryBlobs()
    subscription = MemorySubscription(messages, time)

    planned = redrive(subscription, topic, time, blobs=blobs, rate=1, dry_run=True)

    assert (topic.messages, blobs.stored, len(subscription.messages)) == ([], {}, 4)
    assert time.slept == []
    assert planned == redrive(subscription, topic, time, blobs=blobs)


def test_the_reports_of_a_long_redrive_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    """A line every few seconds."""
    messages = [rejection(event_copy(f"e{number}")) for number in range(200)]
    time, topic = Time(), MemoryTopic()

    redrive(MemorySubscription(messages, time), topic, time, rate=10)

    reports = [line for line in capsys.readouterr().out.splitlines() if "Published" in line]
    assert reports == [f"Published {count} of 200 events." for count in (50, 100, 150)]
