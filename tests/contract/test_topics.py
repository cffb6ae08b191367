"""The `Topics` port: order, limits, durability and timeouts of publishing."""

import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from google.pubsub_v1.types import PublishRequest, PubsubMessage
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import dead_server, stalled_server
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.gcp import topics
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.publish_limits import check_request, wire_size
from videovector_bridge.errors import BackendError, TransientError, UnstorableError

EVERY_BYTE = bytes(range(256)) * 4


def numbered(count: int, key: str = "lane-00") -> list[Message]:
    """Return messages whose data is their number."""
    return [Message(b"%d" % n, {"ce-id": f"e{n}"}, key) for n in range(count)]


def test_data_and_attributes_arrive_as_they_were_sent(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """Data, attributes and ordering key arrive unchanged."""
    subscriber = Subscriber(backend_settings, "events")
    sent = [
        Message(EVERY_BYTE, {"ce-id": "1", "ce-subject": "run/\u00e9", "empty": ""}, "lane-03"),
        Message(b"", {"only": "attributes"}, "lane-03"),
        Message(b"only data", {}, "lane-03"),
    ]
    backend.topics.publish("events", sent, timeout=10)

    assert subscriber.receive(3) == sent


def test_publish_keeps_order_within_a_key(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """Requests of one key that follow each other are stored in that order, 1,000 messages each."""
    subscriber = Subscriber(backend_settings, "events")
    sent = numbered(3_000)
    for start in (0, 1_000, 2_000):
        backend.topics.publish("events", sent[start : start + 1_000], timeout=20)
    received: list[Message] = []
    while len(received) < len(sent):
        more = subscriber.receive(3_000)
        assert more
        received += more

    assert received == sent


def test_full_topic_path_is_the_same_topic(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """A topic may be named by its path."""
    subscriber = Subscriber(backend_settings, "events")
    path = f"projects/{backend_settings.project}/topics/events"
    backend.topics.publish(path, numbered(1), timeout=10)

    assert len(subscriber.receive(1)) == 1


def test_threads_publish_at_once(backend: Backend, backend_settings: BackendSettings) -> None:
    """One backend serves several threads; each key keeps its order."""
    subscriber = Subscriber(backend_settings, "events")

    def publish(lane: int) -> None:
        for start in range(0, 100, 20):
            key = f"lane-{lane:02}"
            backend.topics.publish("events", numbered(100, key)[start : start + 20], timeout=20)

    threads = [threading.Thread(target=publish, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    received = subscriber.receive(400)

    for lane in range(4):
        key = f"lane-{lane:02}"
        assert [one for one in received if one.ordering_key == key] == numbered(100, key)


TOO_LARGE, INVALID = "message_too_large", "message_invalid"


@pytest.mark.parametrize(
    ("messages", "rule", "code"),
    [
        ([], "1 to 1,000 messages", INVALID),
        (numbered(1_001), "1 to 1,000 messages", INVALID),
        (numbered(1) + numbered(1, "lane-01"), "same ordering key", INVALID),
        ([Message(b"x" * 5_000_000)] * 2, "at most 10,000,000 bytes", TOO_LARGE),
        ([Message(b"x", {"a": "v" * 1_025})], "at most 1,024 bytes", TOO_LARGE),
        ([Message(b"x", {"a": "\u00e9" * 513})], "at most 1,024 bytes", TOO_LARGE),
        ([Message(b"x", {"k" * 257: "v"})], "at most 256 bytes", TOO_LARGE),
        ([Message(b"x", {"": "v"})], "not empty", INVALID),
        ([Message(b"x", {"googclient": "v"})], "'goog'", INVALID),
        ([Message(b"x", {str(n): "v" for n in range(101)})], "at most 100 attributes", TOO_LARGE),
        ([Message(b"x", {}, "k" * 1_025)], "ordering key", TOO_LARGE),
        ([Message(b"")], "at least one attribute", INVALID),
        ([Message(b"x", {}, "\ud800")], "half a surrogate pair", INVALID),
        ([Message(b"x", {"a": "\ud800"})], "half a surrogate pair", INVALID),
        ([Message(b"x", {"\ud800": "v"})], "half a surrogate pair", INVALID),
    ],
)
def test_what_pubsub_refuses_is_refused_before_it_is_sent(
    backend: Backend, messages: list[Message], rule: str, code: str
) -> None:
    """Both backends check Pub/Sub's limits, also those that the emulator does not check.

    No retry helps, so the error is permanent, with a code, and not one that is tried again.
    """
    with pytest.raises(UnstorableError, match=rule) as caught:
        backend.topics.publish("events", messages, timeout=10)

    assert caught.value.code == code
    assert not isinstance(caught.value, TransientError)


@pytest.mark.emulator
def test_a_refusal_of_pubsub_is_permanent_too(
    gcp_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVALID_ARGUMENT concerns the request, which a retry would repeat."""
    monkeypatch.setattr(topics, "check_request", lambda *_: None)
    with pytest.raises(
        UnstorableError, match="Pub/Sub refuses the request, and a retry cannot help"
    ) as caught:
        gcp_backend.topics.publish("events", [Message(b"")], timeout=10)

    assert caught.value.code == INVALID


def test_largest_request_is_accepted(backend: Backend, backend_settings: BackendSettings) -> None:
    """Ten megabytes fit one request: gRPC's default limit does not apply."""
    subscriber = Subscriber(backend_settings, "events")
    backend.topics.publish("events", [Message(b"x" * 9_999_900)], timeout=20)

    assert len(subscriber.receive(1)[0].data) == 9_999_900


@pytest.mark.emulator
def test_missing_topic_fails_at_once_with_advice(gcp_backend: Backend) -> None:
    """A retry cannot create the topic."""
    started = time.monotonic()
    with pytest.raises(BackendError, match=r"topics/nowhere does not exist: create it"):
        gcp_backend.topics.publish("nowhere", numbered(1), timeout=10 * PATIENCE_SECONDS)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_stored_when_acknowledged_even_if_the_process_is_killed(
    embedded_settings: BackendSettings,
) -> None:
    """After `publish` returns, other processes can read the messages."""

    def publish_and_die() -> None:
        open_backend(embedded_settings).topics.publish("events", numbered(500), timeout=10)
        os.kill(os.getpid(), 9)

    process = multiprocessing.get_context("fork").Process(target=publish_and_die)
    process.start()
    process.join(20)

    stored = MessageLog(Path(embedded_settings.embedded_dir)).read("events")
    assert [one.message for one in stored] == numbered(500)


def test_embedded_messages_are_read_after_an_id(embedded_settings: BackendSettings) -> None:
    """A reader continues after its last id, and reads its own topic only."""
    topics = open_backend(embedded_settings).topics
    before = time.time()
    topics.publish("events", numbered(5), timeout=10)
    topics.publish("rejected", numbered(1), timeout=10)
    topics.publish("events", numbered(7)[5:], timeout=10)
    first = MessageLog(Path(embedded_settings.embedded_dir)).read("events", limit=4)
    rest = MessageLog(Path(embedded_settings.embedded_dir)).read("events", after_id=first[-1].id)

    assert [one.message for one in first + rest] == numbered(7)
    assert before <= rest[-1].published_at <= time.time()


@pytest.mark.parametrize("kind", ["dead", "stalled"])
def test_publish_ends_at_its_timeout(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is down or stalled takes no longer than the timeout."""
    settings = BackendSettings("gcp", "test-project", "", "")
    with stalled_server() as stalled:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", stalled if kind == "stalled" else dead_server())
        topics = open_backend(settings).topics
        started = time.monotonic()
        with pytest.raises(BackendError, match=r"did not succeed within 1 s"):
            topics.publish("events", numbered(1), timeout=1)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_embedded_publish_ends_at_its_timeout(embedded_settings: BackendSettings) -> None:
    """A writer that locks the file takes no longer than the timeout."""
    topics = open_backend(embedded_settings).topics
    topics.publish("events", numbered(1), timeout=5)
    rival = sqlite3.connect(Path(embedded_settings.embedded_dir) / "messages.sqlite3")
    rival.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(BackendError, match="locked"):
        topics.publish("events", numbered(1), timeout=0.5)
    rival.rollback()

    assert time.monotonic() - started < PATIENCE_SECONDS
    topics.publish("events", numbered(1), timeout=5)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.binary(max_size=300), st.dictionaries(TEXT, TEXT, max_size=6), TEXT)
def test_wire_size_is_what_protobuf_makes(
    data: bytes, attributes: dict[str, str], key: str
) -> None:
    """It is the size that Pub/Sub counts."""
    message = PubsubMessage.pb()(data=data, attributes=attributes, ordering_key=key)
    request = PublishRequest.pb()(messages=[message])

    assert wire_size(Message(data, attributes, key)) == request.ByteSize()


def test_limit_is_met_to_the_byte() -> None:
    """A request of exactly the limit passes, one byte more does not."""
    overhead = wire_size(Message(b"x" * 9_000_000, {"k": "v"})) - 9_000_000
    room = 10_000_000 - overhead - len("events") - 6

    check_request("events", [Message(b"x" * room, {"k": "v"})])
    with pytest.raises(UnstorableError):
        check_request("events", [Message(b"x" * (room + 1), {"k": "v"})])
