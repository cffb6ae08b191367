"""`ingest.window`: why a window ends, and where its cursor stands then."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.upstream import (
    NO_CONTENT,
    Fault,
    Replay,
    Response,
    Upstream,
    cut,
    error_response,
    event_stream,
    heartbeats,
    silence,
)
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import KEY, document, make_settings, only_stream, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError, BridgeError, UnstorableError
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window


def clear_backoff(backend: Backend) -> None:
    """Let the next window make requests at once, as a person may."""
    stored = backend.documents.read("streams", "default", timeout=5)
    backend.documents.write("streams", "default", {"not_before": None}, replaces=stored, timeout=5)


def published(topics: WatchedTopics, topic: str = "events") -> list[Message]:
    """What was published to a topic."""
    return [message for name, message in topics.stored if name == topic]


def test_a_window_publishes_everything_and_moves_the_cursor(backend: Backend) -> None:
    """Every event is published once, and the document says where the stream stands."""
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


def test_the_next_window_goes_on_behind_the_cursor(backend: Backend) -> None:
    """The second window asks for what follows, and counts on."""
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
def test_what_is_no_event_does_not_stop_the_stream(
    backend: Backend, data: bytes, code: str, own_id: str | None
) -> None:
    """Its bytes go to `rejected` with a reason, the rest goes on, the cursor passes it."""
    topics = WatchedTopics(backend.topics)
    body = sse(event(1), "evt-0001") + sse(data, own_id) + sse(event(3), "evt-0003")
    report = run_window(watched(backend, topics), Upstream(event_stream([body]), NO_CONTENT))
    (rejected,) = published(topics, "rejected")

    assert sorted(topics.ids()) == ["evt-0001", "evt-0003"]
    assert rejected.data == data
    assert rejected.attributes["code"] == code
    assert rejected.attributes["reason"] == "vendor"
    assert rejected.attributes["last-event-id"] == (own_id or "evt-0001")
    assert rejected.attributes["stream"] == "default"
    assert (report.events, report.published, report.rejected) == (3, 2, 1)
    assert report.cursor_after == "evt-0003"


def test_a_rejected_frame_without_id_is_sent_again_rather_than_lost(backend: Backend) -> None:
    """At the end of a stream it leaves the cursor before it."""
    body = sse(event(1), "evt-0001") + sse(b"{")
    report = run_window(backend, Upstream(event_stream([body]), NO_CONTENT))

    assert (report.rejected, report.cursor_after) == (1, "evt-0001")


def test_unknown_types_pass(backend: Backend) -> None:
    """A type that nobody has heard of is an event like any other."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay([event(1, event_type="brand.new_thing")]))

    assert published(topics)[0].attributes["ce-type"] == "com.vectormethods.brand.new_thing"


def test_id_only_frames_move_the_cursor(backend: Backend) -> None:
    """Filtered traffic is passed by its ids, without an event."""
    report = run_window(
        backend, Upstream(event_stream([b"id: 7\n\n: hb\n\n", b"id: 9\n\n"]), NO_CONTENT)
    )

    assert (report.outcome, report.cursor_after, report.events) == ("idle", "9", 0)
    assert document(backend)["cursor"] == "9"


def test_a_stream_without_ids_is_resumed_by_event_id(backend: Backend) -> None:
    """Where no frame has an id, event_id is the cursor."""
    body = sse(event(1)) + sse(event(2))
    report = run_window(backend, Upstream(event_stream([body]), NO_CONTENT))

    assert report.cursor_after == "evt-0002"


def test_ids_that_differ_are_remembered(backend: Backend) -> None:
    """Over windows, once ids differ from event_ids a frame without id moves nothing."""
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
    """A broken connection costs a reconnection, and repeats nothing."""
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
    """It is no event and moves no cursor, whatever id it carries."""
    error = sse(b'{"code": "x"}', "error-id", "processing.stream_error")
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(event_stream([sse(event(1), "evt-0001"), error]), NO_CONTENT)
    report = run_window(watched(backend, topics), upstream)

    assert (report.stream_errors, report.events) == (1, 1)
    assert (upstream.last_event_ids[1], report.cursor_after) == ("evt-0001", "evt-0001")
    assert topics.ids() == ["evt-0001"]


@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        (error_response(401, "no"), "credential_refused", 502),
        (error_response(403, "no"), "scope_refused", 502),
        (error_response(422, "video_ids: no"), "request_refused", 502),
        (error_response(404, "no such route"), "request_refused", 502),
        (Response([], 302, {"Location": "https://x"}), "request_refused", 502),
        (error_response(429, "slow", Retry_After="600"), "rate_limited", 503),
        (error_response(503, "down", Retry_After="600"), "api_unavailable", 503),
        (event_stream([b"retry: 600000\n\n", sse(b"{}", name="processing.stream_error")]),
         "stream_error", 503),
    ],
    ids=["401", "403", "422", "404", "302", "429", "503", "stream error"],
)  # fmt: skip
def test_failures_have_their_reason_and_status(
    backend: Backend, answer: Response, reason: str, status: int
) -> None:
    """A window without events that failed says why, here and in the document."""
    report = run_window(backend, Upstream(answer), max_frame_bytes=2_000)

    assert (report.outcome, report.stop_reason, report.http_status) == ("failed", reason, status)
    assert report.message
    assert document(backend)["last_error"]["stop_reason"] == reason
    assert document(backend)["lease_owner"] == ""


def test_trouble_after_events_is_not_yet_a_failure(backend: Backend) -> None:
    """What passes by itself is told, but the next window will show whether it lasts."""
    upstream = Upstream(
        event_stream([sse(event(1), "evt-0001")]), error_response(503, "down", Retry_After="600")
    )
    report = run_window(backend, upstream)

    assert (report.outcome, report.stop_reason) == ("drained", "api_unavailable")
    assert report.cursor_after == "evt-0001"


def test_events_before_a_lasting_failure_are_kept(backend: Backend) -> None:
    """What was read before a credential was refused is published and committed."""
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(event_stream([sse(event(1), "evt-0001")]), error_response(401, "no"))
    report = run_window(watched(backend, topics), upstream)

    assert (report.outcome, report.stop_reason) == ("failed", "credential_refused")
    assert (topics.ids(), report.cursor_after) == (["evt-0001"], "evt-0001")


@pytest.mark.parametrize("ending", ["stays open", "breaks off"])
def test_a_failed_publish_is_never_a_success(backend: Backend, ending: str) -> None:
    """Whatever else went wrong in the same window, the cursor stays and the failure shows."""

    def fail(_number: int) -> None:
        raise BackendError("Pub/Sub is down")

    first = event_stream([sse(event(1), "evt-0001")], then=heartbeats)
    script: list[Response | Fault] = [first]
    if ending == "breaks off":
        script = [
            event_stream([sse(event(1), "evt-0001")]),
            error_response(503, "x", Retry_After="600"),
        ]
    report = run_window(
        watched(backend, WatchedTopics(backend.topics, before=fail)), Upstream(*script)
    )

    assert (report.outcome, report.stop_reason) == ("failed", "publish_failed")
    assert "Pub/Sub is down" in report.message
    assert (report.published, report.cursor_after) == (0, None)


def test_a_second_window_is_busy(backend: Backend) -> None:
    """While one window drains, another on the same stream does nothing and says so."""
    reports = []

    class Nested(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not self.requests:
                reports.append(await drained(backend, Upstream()))
            return await super().handle_async_request(request)

    run_window(backend, Nested(events(3)))

    (busy,) = reports
    assert (busy.outcome, busy.http_status, busy.events) == ("busy", 200, 0)
    assert "Another window" in busy.message


async def drained(backend: Backend, upstream: Upstream) -> WindowReport:
    """Drain within an event loop that runs."""
    given = make_settings()
    stream = only_stream(given)
    return await drain_window(given, stream, backend, transport=upstream)


def test_a_zombie_cannot_move_the_cursor(backend: Backend) -> None:
    """A window that was taken over ends without a write; the newer one's cursor stands."""
    rival = WatchedDocuments(backend.documents, older_by=10**6)
    reports = []

    class Overtaken(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if len(self.requests) == 0:
                newer = Replay(events(9))
                reports.append(await drained(watched(backend, documents=rival), newer))
            return await super().handle_async_request(request)

    zombie = run_window(backend, Overtaken(events(3)))

    assert (zombie.outcome, zombie.stop_reason, zombie.http_status) == ("failed", "lease_lost", 503)
    assert reports[0].cursor_after == "evt-0009"
    assert document(backend)["cursor"] == "evt-0009"
    assert document(backend)["fencing_token"] == 2
    assert document(backend)["lease_owner"] == ""


def test_a_window_that_loses_its_lease_stops_publishing(backend: Backend) -> None:
    """A takeover is noticed at the next commit, well before the window would end."""
    rival = WatchedDocuments(backend.documents, older_by=10**6)
    reports = []

    class Overtaken(Upstream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            reports.append(await drained(watched(backend, documents=rival), Upstream(NO_CONTENT)))
            return await super().handle_async_request(request)

    endless = event_stream([sse(event(1), "evt-0001")], then=heartbeats)
    zombie = run_window(backend, Overtaken(endless), window_seconds=60, idle_seconds=60)

    assert zombie.stop_reason == "lease_lost"
    assert zombie.window_seconds < 20
    assert document(backend)["cursor"] is None


# A cursor that is refused


def test_another_number_of_lanes_changes_nothing_else(backend: Backend) -> None:
    """LANES may change between windows."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay(events(10)), lanes=1)
    run_window(watched(backend, topics), Replay(events(20)), lanes=7)

    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 21)]


# State that fails, documents that people edit


STORE_TROUBLE = [
    BackendError("Firestore is down"),
    UnstorableError("too large", owner="user", code="document_too_large"),
]


@pytest.mark.parametrize("error", STORE_TROUBLE, ids=["down", "refused"])
def test_a_store_that_is_down_is_a_failed_window(backend: Backend, error: BridgeError) -> None:
    """Without state there is no window, and nothing is asked of the API."""

    def fail(_number: int) -> None:
        raise error

    documents = WatchedDocuments(backend.documents, before=fail)
    report = run_window(watched(backend, documents=documents), Upstream())

    assert (report.outcome, report.stop_reason, report.http_status) == (
        "failed",
        "state_unavailable",
        503,
    )


@pytest.mark.parametrize("error", STORE_TROUBLE, ids=["down", "refused"])
def test_a_cursor_that_is_not_stored_fails_its_window(backend: Backend, error: BridgeError) -> None:
    """Whatever the store says: the window ends with a report, and the next one repeats."""

    def fail(number: int) -> None:
        if number > 1:
            raise error

    documents = WatchedDocuments(backend.documents, before=fail)
    report = run_window(watched(backend, documents=documents), Replay(events(3)))

    assert (report.outcome, report.stop_reason) == ("failed", "state_unavailable")
    assert document(backend)["cursor"] is None


@pytest.mark.parametrize("went_through", [True, False])
def test_a_lost_answer_to_the_last_commit_is_told(backend: Backend, *, went_through: bool) -> None:
    """Whether it happened or not, the window says that it does not know; nothing is lost."""

    def lose(number: int) -> None:
        if number == 2:
            raise BackendError("no answer")

    hook: dict[str, Any] = {"after" if went_through else "before": lose}
    documents = WatchedDocuments(backend.documents, **hook)
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics, documents), Replay(events(3)))

    assert (report.outcome, report.stop_reason) == ("failed", "state_unavailable")
    assert document(backend)["cursor"] == ("evt-0003" if went_through else None)
    stale = WatchedDocuments(backend.documents, older_by=10**6)
    again = run_window(watched(backend, topics, stale), Replay(events(3)))
    assert again.cursor_after == "evt-0003"
    assert len(topics.ids()) == (3 if went_through else 6)


def test_a_document_with_missing_fields_goes_on_from_its_cursor(backend: Backend) -> None:
    """A cursor that a person wrote into an empty document is where the stream goes on."""
    backend.documents.write("streams", "default", {"cursor": "evt-0002"}, replaces=None, timeout=5)
    upstream = Replay(events(3))
    report = run_window(backend, upstream)

    assert upstream.last_event_ids[0] == "evt-0002"
    assert (report.events, report.cursor_after) == (1, "evt-0003")


def test_fields_that_vanish_in_the_middle_do_not_crash_a_window(backend: Backend) -> None:
    """An operator who empties the counters while a window runs does not stop it."""

    class Edited(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not self.requests:
                found = backend.documents.read("streams", "default", timeout=5)
                emptied = {"events": None, "published": "x", "last_error": None, "windows": None}
                backend.documents.write("streams", "default", emptied, replaces=found, timeout=5)
            return await super().handle_async_request(request)

    report = run_window(backend, Edited(events(3)))

    assert (report.outcome, report.cursor_after) == ("drained", "evt-0003")
    assert document(backend)["events"] == 3


def test_streams_have_cursors_of_their_own(backend: Backend) -> None:
    """Two streams do not touch each other's state."""
    for name, count in (("one", 3), ("two", 5)):
        run_window(backend, Replay(events(count)), settings=make_settings({name: {}}))

    assert document(backend, "one")["cursor"] == "evt-0003"
    assert document(backend, "two")["cursor"] == "evt-0005"


# Limits that are numbers


def test_no_more_events_than_asked_for(backend: Backend) -> None:
    """`max_events` is exact, and windows in a row lose and repeat nothing."""
    topics = WatchedTopics(backend.topics)
    for cursor in ("evt-0004", "evt-0008", "evt-0010"):
        report = run_window(watched(backend, topics), Replay(events(10)), max_events=4)
        assert report.cursor_after == cursor

    assert sorted(topics.ids()) == [f"evt-{n:04d}" for n in range(1, 11)]


def test_no_more_bytes_than_asked_for(backend: Backend) -> None:
    """`max_bytes` is not exceeded, but for one event that is larger by itself."""
    size = len(event(1))
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Replay(events(10)), max_bytes=3 * size + 1)
    assert (report.stop_reason, report.events, report.cursor_after) == ("max_bytes", 3, "evt-0003")

    report = run_window(watched(backend, topics), Replay(events(10)), max_bytes=1)
    assert (report.stop_reason, report.events, report.cursor_after) == ("max_bytes", 1, "evt-0004")


def test_the_key_is_in_no_report(backend: Backend) -> None:
    """Nothing that a window says or stores has the key, however it is echoed."""
    for answer in (
        error_response(401, f"bad {KEY}"),
        error_response(503, f"bad {KEY}", Retry_After="600"),
        event_stream([b"retry: 600000\n\n", sse(KEY.encode(), name="processing.stream_error")]),
        Response([KEY.encode()], 500, {"Retry-After": "600"}),
    ):
        report = run_window(backend, Upstream(answer))
        clear_backoff(backend)
        assert report.outcome == "failed"
        assert KEY not in repr(report)
        assert KEY not in repr(document(backend))


def test_silence_before_any_answer_is_not_idleness(embedded_backend: Backend) -> None:
    """An API that accepts and never answers is a failure, not a quiet stream."""

    class Mute(Upstream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anext(silence(request), None)
            raise AssertionError

    given = make_settings(API_TIMEOUT_SECONDS="0.5")
    report = run_window(
        embedded_backend, Mute(), settings=given, idle_seconds=0.2, heartbeat_seconds=60.0
    )

    assert (report.outcome, report.stop_reason) == ("failed", "unreachable")


def test_an_answer_slower_than_the_idle_time_is_waited_for(embedded_backend: Backend) -> None:
    """The idle clock starts with the API's first answer, not with the attempt to connect."""

    class Slow(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.7)
            return await super().handle_async_request(request)

    report = run_window(embedded_backend, Slow(events(1)), idle_seconds=0.2)

    assert (report.outcome, report.events) == ("drained", 1)
