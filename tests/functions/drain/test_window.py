"""A window of `drain`: the messages that it publishes, and its cursor afterwards."""

import pytest

from tests.support.upstream import (
    NO_CONTENT,
    Replay,
    Upstream,
    cut,
    error_response,
    event_stream,
)
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedTopics, watched
from tests.support.windows import document, make_settings, run_window
from videovector_bridge.backends import Backend


def test_a_window_publishes_everything_and_moves_the_cursor(backend: Backend) -> None:
    """Every event is published once, and the document has the cursor of the last one."""
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Replay(events(100)))

    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 101)]
    assert (report.outcome, report.stop_reason, report.http_status) == (
        "drained",
        "server_closed",
        200,
    )
    assert (report.events, report.published, report.rejected) == (100, 100, 0)
    assert (report.cursor_before, report.cursor_after) == (None, "evt-0100")
    assert report.lag_seconds is not None
    stored = document(backend)
    assert stored["cursor"] == "evt-0100"
    assert stored["lease_owner"] == ""
    assert (stored["windows"], stored["events"], stored["published"]) == (1, 100, 100)
    assert stored["last_window"]["stop_reason"] == "server_closed"
    assert stored["last_error"] is None


def test_the_next_window_continues_after_the_cursor(backend: Backend) -> None:
    """The second window reads what follows, and adds to the counters."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay(events(10)))
    upstream = Replay(events(15))
    report = run_window(watched(backend, topics), upstream)

    assert upstream.last_event_ids == ["evt-0010", "evt-0015"]
    assert len(topics.ids()) == 15
    assert (report.cursor_before, report.cursor_after) == ("evt-0010", "evt-0015")
    assert document(backend)["events"] == 15
    assert document(backend)["fencing_token"] == 2


BAD = [
    (b"{", "bad_json"),
    (b"[1]", "not_an_object"),
    (event(2, event_id=None), "missing_id"),
    (event(2, event_type=None), "missing_type"),
    (event(2, event_id="é"), "bad_id"),
    (b"\xff\xfe", "bad_json"),
]


@pytest.mark.parametrize(("data", "code"), BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("own_id", ["bad", None])
def test_garbage_does_not_stop_the_stream(
    backend: Backend, data: bytes, code: str, own_id: str | None
) -> None:
    """Its bytes are published to `rejected` with a reason; the rest and the cursor continue."""
    topics = WatchedTopics(backend.topics)
    body = sse(event(1), "evt-0001") + sse(data, own_id) + sse(event(3), "evt-0003")
    report = run_window(watched(backend, topics), Upstream(event_stream([body]), NO_CONTENT))
    (rejected,) = topics.messages("rejected")

    assert sorted(topics.ids()) == ["evt-0001", "evt-0003"]
    assert rejected.data == data
    assert rejected.attributes["code"] == code
    assert rejected.attributes["reason"] == "vendor"
    assert rejected.attributes["last-event-id"] == (own_id or "evt-0001")
    assert rejected.attributes["stream"] == "default"
    assert (report.events, report.published, report.rejected) == (3, 2, 1)
    assert report.cursor_after == "evt-0003"


def test_a_rejected_frame_without_id_is_repeated_rather_than_lost(backend: Backend) -> None:
    """At the end of a stream it leaves the cursor before it."""
    body = sse(event(1), "evt-0001") + sse(b"{")
    report = run_window(backend, Upstream(event_stream([body]), NO_CONTENT))

    assert (report.rejected, report.cursor_after) == (1, "evt-0001")


def test_unknown_types_pass(backend: Backend) -> None:
    """An event of an unknown type is an event like any other."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay([event(1, event_type="brand.new_thing")]))

    assert topics.messages()[0].attributes["ce-type"] == "com.vectormethods.brand.new_thing"


def test_id_only_frames_move_the_cursor(backend: Backend) -> None:
    """The cursor passes filtered events by their ids."""
    report = run_window(
        backend, Upstream(event_stream([b"id: 7\n\n: hb\n\n", b"id: 9\n\n"]), NO_CONTENT)
    )

    assert (report.outcome, report.cursor_after, report.events) == ("idle", "9", 0)
    assert document(backend)["cursor"] == "9"


def test_a_stream_without_ids_is_resumed_by_event_id(backend: Backend) -> None:
    """If no frame has an id, event_id is the cursor."""
    body = sse(event(1)) + sse(event(2))
    report = run_window(backend, Upstream(event_stream([body]), NO_CONTENT))

    assert report.cursor_after == "evt-0002"


def test_ids_that_differ_are_recorded(backend: Backend) -> None:
    """Once ids differ from event_ids, a frame without an id moves no cursor, also later."""
    run_window(backend, Upstream(event_stream([sse(event(1), "1")]), NO_CONTENT))
    report = run_window(backend, Upstream(event_stream([sse(event(2))]), NO_CONTENT))

    assert document(backend)["ids_differ"] is True
    assert (report.published, report.cursor_after) == (1, "1")


@pytest.mark.parametrize("id_", [b" spaced ", b"v\x0btab", b"x" * 9_000])
def test_an_unusable_id_never_poisons_the_cursor(backend: Backend, id_: bytes) -> None:
    """An id that no request could carry is not stored."""
    body = sse(event(1), "evt-0001") + b"id: " + id_ + b"\ndata: " + event(2) + b"\n\n"
    report = run_window(backend, Upstream(event_stream([body]), NO_CONTENT))

    assert (report.published, report.cursor_after) == (2, "evt-0001")


def test_a_cut_within_a_window_is_resumed(backend: Backend) -> None:
    """After a broken connection the window reconnects, and repeats nothing."""
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(
        event_stream([sse(event(1), "evt-0001"), b"id: evt-0002\ndata: {"], then=cut),
        error_response(503, "later"),
        event_stream([sse(event(2), "evt-0002")]),
        NO_CONTENT,
    )
    report = run_window(watched(backend, topics), upstream)

    assert upstream.last_event_ids == [None, "evt-0001", "evt-0001", "evt-0002"]
    assert sorted(topics.ids()) == ["evt-0001", "evt-0002"]
    assert report.reconnects == 3


def test_a_stream_error_is_counted_and_passes_nothing(backend: Backend) -> None:
    """It is no event and moves no cursor, with any id."""
    error = sse(b'{"code": "x"}', "error-id", "processing.stream_error")
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(event_stream([sse(event(1), "evt-0001"), error]), NO_CONTENT)
    report = run_window(watched(backend, topics), upstream)

    assert (report.stream_errors, report.events) == (1, 1)
    assert (upstream.last_event_ids[1], report.cursor_after) == ("evt-0001", "evt-0001")
    assert topics.ids() == ["evt-0001"]


def test_another_number_of_lanes_changes_nothing_else(backend: Backend) -> None:
    """LANES may change between windows."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay(events(10)), lanes=1)
    run_window(watched(backend, topics), Replay(events(20)), lanes=7)

    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 21)]


def test_each_stream_has_its_own_cursor(backend: Backend) -> None:
    """Two streams do not touch each other's state."""
    for name, count in (("one", 3), ("two", 5)):
        run_window(backend, Replay(events(count)), settings=make_settings({name: {}}))

    assert document(backend, "one")["cursor"] == "evt-0003"
    assert document(backend, "two")["cursor"] == "evt-0005"


def test_the_event_limit_is_exact(backend: Backend) -> None:
    """`max_events` is exact, and windows in a row lose and repeat nothing."""
    topics = WatchedTopics(backend.topics)
    for cursor in ("evt-0004", "evt-0008", "evt-0010"):
        report = run_window(watched(backend, topics), Replay(events(10)), max_events=4)
        assert report.cursor_after == cursor

    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 11)]


def test_the_byte_limit_is_exact(backend: Backend) -> None:
    """`max_bytes` is exceeded only by a single event that is larger."""
    size = len(event(1))
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Replay(events(10)), max_bytes=3 * size + 1)
    assert (report.stop_reason, report.events, report.cursor_after) == ("max_bytes", 3, "evt-0003")

    report = run_window(watched(backend, topics), Replay(events(10)), max_bytes=1)
    assert (report.stop_reason, report.events, report.cursor_after) == ("max_bytes", 1, "evt-0004")
