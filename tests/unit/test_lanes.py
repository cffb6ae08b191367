"""`ingest.lanes`: lanes side by side, each in order, and nothing more after a failure."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import Kill, WatchedTopics, event, watched
from videovector_bridge.api.frames import Frame
from videovector_bridge.backends import Backend
from videovector_bridge.backends.limits import check_request
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError
from videovector_bridge.events import Event, bridge_event, decode_event, instant
from videovector_bridge.ingest import lanes
from videovector_bridge.ingest.lanes import Publisher, requests
from videovector_bridge.ingest.pages import Page
from videovector_bridge.ingest.position import Position
from videovector_bridge.messages import event_message
from videovector_bridge.settings import TopicNames

TOPICS = TopicNames("events", "rejected", "media-urls")


def publisher(backend: Backend, *, seconds: float = 30.0, **changed: Any) -> Publisher:
    """A publisher of four lanes whose window ends in so many seconds."""
    ends_at = time.monotonic() + seconds
    given_settings: dict[str, Any] = {
        "source": "//host/processing/events",
        "stream": "default",
        "lanes": 4,
        "deadline": lambda: ends_at,
    }
    return Publisher(backend, TOPICS, **(given_settings | changed))


def page(backend: Backend, *frames: bytes) -> Page:
    """A page of these frames."""
    made, position = Page(4, backend.blobs is not None), Position(None)
    for number, data in enumerate(frames):
        made.add(Frame(data, f"id-{number}"), position)
    return made


def publish(under_test: Publisher, *pages_: Page) -> list[BaseException | None]:
    """Publish pages as a window does; what each raised."""

    async def run() -> list[BaseException | None]:
        tasks = [asyncio.create_task(under_test.publish(one)) for one in pages_]
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    try:
        return asyncio.run(run())
    finally:
        under_test.close()


def test_every_event_and_every_rejection_is_published(backend: Backend) -> None:
    """Events go to their topic under their lane's key; what is rejected to the other."""
    topics = WatchedTopics(backend.topics)
    under_test = publisher(watched(backend, topics))
    frames = [*(event(n) for n in range(1, 40)), b"{", b"[]"]

    assert publish(under_test, page(backend, *frames)) == [None]
    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 40)]
    assert sorted(m.data for t, m in topics.stored if t == "rejected") == [b"[]", b"{"]
    assert (under_test.published, under_test.rejected) == (39, 2)
    keys = {(m.attributes["ce-runid"], m.ordering_key) for t, m in topics.stored if t == "events"}
    assert len(keys) == 7  # one key for each run
    assert all(key.startswith("lane-0") for _, key in keys)


def test_after_a_failure_no_lane_goes_on(backend: Backend) -> None:
    """Once a request failed nothing later leaves, in its lane or another; the error is kept."""
    topics = WatchedTopics(backend.topics, before=Kill(1))
    under_test = publisher(watched(backend, topics))
    first, second = (
        page(backend, *map(event, range(1, 9))),
        page(backend, *map(event, range(9, 99))),
    )
    outcomes = publish(under_test, first, second)

    assert all(isinstance(outcome, BackendError) for outcome in outcomes)
    assert topics.stored == []
    assert isinstance(under_test.failure, BackendError)


def test_a_bug_counts_as_a_failure(backend: Backend) -> None:
    """An error that nobody foresaw stops the lanes like any other."""

    def bug(_number: int) -> None:
        raise ZeroDivisionError("a bug")

    topics = WatchedTopics(backend.topics, before=bug)
    under_test = publisher(watched(backend, topics))
    (outcome,) = publish(under_test, page(backend, event(1)))

    assert isinstance(outcome, BackendError)
    assert "ZeroDivisionError: a bug" in str(under_test.failure)


def test_after_the_deadline_nothing_is_sent(embedded_backend: Backend) -> None:
    """A request that could not end in time is not begun."""
    topics = WatchedTopics(embedded_backend.topics)
    under_test = publisher(watched(embedded_backend, topics), seconds=-1)
    (outcome,) = publish(under_test, page(embedded_backend, event(1)))

    assert isinstance(outcome, BackendError)
    assert topics.stored == []


def test_each_request_gets_the_time_that_is_left(embedded_backend: Backend) -> None:
    """The timeout of a request never reaches past the deadline."""
    seen: list[float] = []

    class Timed(WatchedTopics):
        def publish(self, topic: str, messages: Sequence[Message], *, timeout: float) -> None:
            seen.append(timeout)
            super().publish(topic, messages, timeout=timeout)

    topics = Timed(embedded_backend.topics)
    publish(
        publisher(watched(embedded_backend, topics), seconds=9), page(embedded_backend, event(1))
    )

    assert 0 < seen[0] <= 9


def test_a_large_event_travels_as_a_claim(backend: Backend) -> None:
    """An event over the limit is stored, and its message says where."""
    assert backend.blobs is not None
    large = event(1, payload={"pad": "x" * 12_000_000})
    topics = WatchedTopics(backend.topics)
    outcome = publish(publisher(watched(backend, topics)), page(backend, large, event(8)))
    claim, plain = (message for _, message in topics.stored)

    assert outcome == [None]
    assert claim.data == b""
    assert backend.blobs.get(claim.attributes["ce-dataref"], timeout=30) == large
    assert claim.attributes["ce-id"] == "evt-0001"
    assert plain.data == event(8)


def test_a_large_event_that_cannot_be_stored_is_not_passed_by(backend: Backend) -> None:
    """With the bucket down neither its message nor one behind it in its lane leaves."""

    class Down:
        def put(self, *_args: object, **_named: object) -> str:
            raise BackendError("The bucket is down.")

        def get(self, *_args: object, **_named: object) -> bytes:
            raise AssertionError("nothing is to be read")

    topics = WatchedTopics(backend.topics)
    down = replace(watched(backend, topics), blobs=Down())
    large, later = event(1, payload={"pad": "x" * 12_000_000}), event(8)  # of one run
    under_test = publisher(down)
    outcomes = publish(under_test, page(down, large), page(down, later))

    assert all(isinstance(outcome, BackendError) for outcome in outcomes)
    assert topics.stored == []
    assert "The bucket is down." in str(under_test.failure)


def test_a_large_event_without_bucket_is_rejected_in_parts(backend: Backend) -> None:
    """Without blobs its bytes go to `rejected`, whole when joined."""
    backend = Backend(backend.topics, backend.documents, None)
    large = event(1, payload={"pad": "x" * 12_000_000})
    topics = WatchedTopics(backend.topics)
    outcome = publish(publisher(watched(backend, topics)), page(backend, large, event(2)))
    rejected = [message for topic, message in topics.stored if topic == "rejected"]

    assert outcome == [None]
    assert topics.ids() == ["evt-0002"]
    assert b"".join(m.data for m in rejected) == large
    assert [(m.attributes["part"], m.attributes["parts"]) for m in rejected] == [
        ("1", "2"),
        ("2", "2"),
    ]
    assert dict(rejected[0].attributes) | {"detail": ""} == {
        "reason": "user",
        "code": "too_large",
        "detail": "",
        "stream": "default",
        "source": "//host/processing/events",
        "last-event-id": "id-0",
        "event-id": "evt-0001",
        "part": "1",
        "parts": "2",
    }


def test_the_bridges_own_word_goes_beside_the_stream(backend: Backend) -> None:
    """`announce` publishes an event of the bridge under the first lane."""
    moment = instant("2026-01-02T03:04:05Z")
    assert moment is not None
    topics = WatchedTopics(backend.topics)
    under_test = publisher(watched(backend, topics))
    asyncio.run(under_test.announce(bridge_event("bridge.stream.gap", "gap", moment, {})))
    under_test.close()

    assert topics.ids() == ["gap"]


@pytest.mark.parametrize("pad", [0, 400, 9_000])
def test_requests_fit_and_keep_the_order(pad: int) -> None:
    """Any number of events is cut into requests that Pub/Sub takes, in order."""
    given_events = [one(n, pad) for n in range(2_500)]
    cut = list(requests(given_events))

    assert [e for run in cut for e in run] == given_events
    for run in cut:
        check_request("projects/p/topics/events", [message(e) for e in run])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=30), st.integers(1, 900))
def test_any_ids_and_sizes_fit(pads: list[int], length: int) -> None:
    """Whatever the ids and sizes, the estimate is never below the truth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "MAX_DATA_BYTES", 5_000)
        patch.setattr("videovector_bridge.backends.limits.MAX_REQUEST_BYTES", 18_000)
        ids = dict.fromkeys(("run_id", "video_id", "segment_id", "index_id"), "x" * length)
        cut = list(requests([one(n, pad, **ids) for n, pad in enumerate(pads)]))
        for run in cut:
            check_request("projects/p/topics/events", [message(e) for e in run])

    assert sum(map(len, cut)) == len(pads)


def one(number: int, pad: int, **fields: Any) -> Event:
    """An event of some size."""
    found = decode_event(event(number, payload={"pad": "x" * pad}, **fields))
    assert isinstance(found, Event)
    return found


def message(of: Event) -> Message:
    """The event's message."""
    return event_message(
        of, source="//api.vectormethods.com/x", channel="stream", ordering_key="lane-255"
    )
