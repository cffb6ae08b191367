"""Invariants 3 and 8: a frame of any size is passed on in parts, and the stream continues."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from tests.support.upstream import NO_CONTENT, Response, Upstream, cut, event_stream, heartbeats
from tests.support.vendor_events import event, sse
from tests.support.watched_ports import Kill, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.ingest.outcome import WindowReport

LIMIT = 200_000
PIECE = 65_536
PARTS = 3
LARGE = event(2, payload={"pad": "é" * 1_400_000})  # 2.8 MB
GARBAGE = b'{"payload": "' + b"x" * 2_500_000


def pieces(body: bytes) -> Iterator[bytes]:
    """Return the body in pieces, as from a socket."""
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def stream(large: bytes = LARGE) -> bytes:
    """An event, a large frame, and another event."""
    return sse(event(1), "evt-0001") + sse(large, "evt-0002") + sse(event(3), "evt-0003")


def drained(backend: Backend, *script: Response) -> WindowReport:
    """Drain one window over these responses."""
    return run_window(backend, Upstream(*script), max_frame_bytes=LIMIT)


def of_topic(topics: WatchedTopics, name: str) -> list[Message]:
    """Return the messages on a topic."""
    return [message for topic, message in topics.stored if topic == name]


def test_with_a_bucket_it_is_an_event_like_any_other(backend: Backend) -> None:
    """Its data is one object, byte for byte; its message refers to it and can be routed."""
    assert backend.blobs is not None
    topics = WatchedTopics(backend.topics)
    report = drained(watched(backend, topics), event_stream(pieces(stream())), NO_CONTENT)
    first, claim, last = of_topic(topics, "events")

    assert (report.outcome, report.stop_reason) == ("drained", "server_closed")
    assert (report.events, report.published, report.rejected) == (3, 3, 0)
    assert report.cursor_after == "evt-0003"
    assert [m.attributes["ce-id"] for m in (first, claim, last)] == [
        "evt-0001",
        "evt-0002",
        "evt-0003",
    ]
    assert claim.data == b""
    assert claim.attributes["ce-type"] == "com.vectormethods.processing.segment_completed"
    assert claim.attributes["ce-runid"] == "run-2"
    assert claim.attributes["ce-datasize"] == str(len(LARGE))
    assert backend.blobs.get(claim.attributes["ce-dataref"], timeout=30) == LARGE


def test_without_a_bucket_its_parts_are_rejected(backend: Backend) -> None:
    """Each part as it arrives, numbered; the last one with their number and the whole's hash."""
    topics = WatchedTopics(backend.topics)
    report = drained(
        replace(watched(backend, topics), blobs=None), event_stream(pieces(stream())), NO_CONTENT
    )
    parts = of_topic(topics, "rejected")

    assert (report.events, report.published, report.rejected) == (3, 2, 1)
    assert (report.outcome, report.cursor_after) == ("drained", "evt-0003")
    assert b"".join(part.data for part in parts) == LARGE
    assert [part.attributes["part"] for part in parts] == ["1", "2", "3"]
    assert {part.attributes["code"] for part in parts} == {"too_large"}
    assert {part.attributes["reason"] for part in parts} == {"user"}
    assert len({part.attributes["frame"] for part in parts}) == 1
    assert ["parts" in part.attributes for part in parts] == [False, False, True]
    assert parts[-1].attributes["parts"] == "3"
    assert parts[-1].attributes["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert parts[-1].attributes["event-id"] == "evt-0002"
    assert "CLAIM_BUCKET" in parts[0].attributes["detail"]


def test_what_is_no_event_is_rejected_by_reference(backend: Backend) -> None:
    """With a bucket its bytes are there, and `rejected` says where and why."""
    assert backend.blobs is not None
    topics = WatchedTopics(backend.topics)
    report = drained(watched(backend, topics), event_stream(pieces(stream(GARBAGE))), NO_CONTENT)
    (message,) = of_topic(topics, "rejected")

    assert (report.published, report.rejected, report.cursor_after) == (2, 1, "evt-0003")
    assert message.attributes["code"] == "missing_id"
    assert message.attributes["reason"] == "vendor"
    assert message.attributes["last-event-id"] == "evt-0002"
    assert message.attributes["sha256"] == hashlib.sha256(GARBAGE).hexdigest()
    assert backend.blobs.get(message.attributes["dataref"], timeout=30) == GARBAGE


@pytest.mark.parametrize("bucket", [True, False])
def test_a_connection_that_breaks_within_it_reads_it_again(
    embedded_backend: Backend, *, bucket: bool
) -> None:
    """From its start, with the position before it; a part is never taken for the whole."""
    topics = WatchedTopics(embedded_backend.topics)
    backend = watched(embedded_backend, topics)
    backend = backend if bucket else replace(backend, blobs=None)
    body = stream()
    upstream = Upstream(
        event_stream(pieces(body[:1_500_000]), then=cut),
        event_stream(pieces(body[len(sse(event(1), "evt-0001")) :])),
        NO_CONTENT,
    )
    report = run_window(backend, upstream, max_frame_bytes=LIMIT)

    assert upstream.last_event_ids == [None, "evt-0001", "evt-0003"]
    assert report.cursor_after == "evt-0003"
    if bucket:
        assert topics.ids() == ["evt-0001", "evt-0002", "evt-0003"]
    else:
        parts = {m.attributes["part"]: m.data for m in of_topic(topics, "rejected")}
        assert b"".join(parts[number] for number in sorted(parts)) == LARGE


@pytest.mark.parametrize("bucket", [True, False])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_part_loses_nothing(
    embedded_backend: Backend, moment: str, *, bucket: bool
) -> None:
    """The cursor stays before the frame until its last part is acknowledged."""
    number = 0
    while True:
        number += 1
        kill = Kill(number)
        name = f"{moment}-{bucket}-{number}"
        settings = make_settings({name: {}})
        topics = WatchedTopics(embedded_backend.topics)
        if moment == "before":
            dying = WatchedTopics(embedded_backend.topics, before=kill)
        else:
            dying = WatchedTopics(embedded_backend.topics, after=kill)
        dying.stored = topics.stored
        for attempt in (dying, topics):
            state = WatchedDocuments(
                embedded_backend.documents,
                before=kill.dead if attempt is dying else lambda _n: None,
                older_by=10**6,
            )
            backend = watched(embedded_backend, attempt, state)
            backend = backend if bucket else replace(backend, blobs=None)
            cursor = document(embedded_backend, name).get("cursor")
            rest = {None: stream(), "evt-0001": stream()[len(sse(event(1), "evt-0001")) :]}
            body = rest.get(cursor, sse(event(3), "evt-0003") if cursor == "evt-0002" else b"")
            run_window(
                backend,
                Upstream(event_stream(pieces(body), then=heartbeats)),
                settings=settings,
                max_frame_bytes=LIMIT,
                linger_ms=0,
                window_seconds=10,
            )
        assert document(embedded_backend, name)["cursor"] == "evt-0003"
        assert {"evt-0001", "evt-0003"} <= set(topics.ids())
        if bucket:
            assert "evt-0002" in topics.ids()
        else:
            parts = {m.attributes["part"]: m.data for m in of_topic(topics, "rejected")}
            assert b"".join(parts[number] for number in sorted(parts)) == LARGE
        if not kill.happened:
            break

    assert number >= (3 if bucket else PARTS + 2)


def test_a_frame_without_end_ends_with_the_window(embedded_backend: Backend) -> None:
    """A frame that never ends is passed on while the window lasts; the cursor stays before it."""
    topics = WatchedTopics(embedded_backend.topics)
    body = sse(event(1), "evt-0001") + b"id: evt-0002\ndata: " + b"x" * 3_000_000
    report = run_window(
        replace(watched(embedded_backend, topics), blobs=None),
        Upstream(event_stream(pieces(body), then=heartbeats_within_the_line)),
        max_frame_bytes=LIMIT,
        window_seconds=5,
        idle_seconds=60,
    )

    assert (report.outcome, report.stop_reason) == ("drained", "deadline")
    assert report.cursor_after == "evt-0001"
    assert "bytes of a large frame arrived, but not its end" in report.message
    assert len(of_topic(topics, "rejected")) >= 2


def test_a_window_that_only_reads_part_of_a_frame_has_failed(embedded_backend: Backend) -> None:
    """The next window would stop at the same place, so the report must say it."""
    report = run_window(
        embedded_backend,
        Upstream(
            event_stream(iter([b"data: " + b"x" * 3_000_000]), then=heartbeats_within_the_line)
        ),
        max_frame_bytes=LIMIT,
        window_seconds=5,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "frame_unfinished")
    assert report.http_status == 503
    assert "WINDOW_SECONDS" in report.message


async def heartbeats_within_the_line(request: object) -> AsyncIterator[bytes]:
    """Send one byte at a time, for ever in the same line."""
    async for _ in heartbeats(request):  # type: ignore[arg-type]
        yield b"x"
