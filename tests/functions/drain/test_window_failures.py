"""How a window of `drain` fails: outcome, stop reason and status."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.upstream import (
    Fault,
    Replay,
    Response,
    Upstream,
    error_response,
    event_stream,
    heartbeats,
    silence,
)
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import KEY, document, make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.errors import BackendError, BridgeError, UnstorableError


def clear_backoff(backend: Backend) -> None:
    """Let the next window make requests at once, as a person may."""
    stored = backend.documents.read("streams", "default", timeout=5)
    backend.documents.write("streams", "default", {"not_before": None}, replaces=stored, timeout=5)


@pytest.mark.parametrize(
    ("response", "reason", "status"),
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
    backend: Backend, response: Response, reason: str, status: int
) -> None:
    """A failed window without events has its reason in the report and in the document."""
    report = run_window(backend, Upstream(response), max_frame_bytes=2_000)

    assert (report.outcome, report.stop_reason, report.http_status) == ("failed", reason, status)
    assert report.message
    assert document(backend)["last_error"]["stop_reason"] == reason
    assert document(backend)["lease_owner"] == ""


def test_a_transient_error_after_events_is_no_failure(backend: Backend) -> None:
    """A transient error is reported; the next window shows whether it persists."""
    upstream = Upstream(
        event_stream([sse(event(1), "evt-0001")]), error_response(503, "down", Retry_After="600")
    )
    report = run_window(backend, upstream)

    assert (report.outcome, report.stop_reason) == ("drained", "api_unavailable")
    assert report.cursor_after == "evt-0001"


def test_events_before_a_lasting_failure_are_kept(backend: Backend) -> None:
    """Events read before a credential was refused are published and committed."""
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(event_stream([sse(event(1), "evt-0001")]), error_response(401, "no"))
    report = run_window(watched(backend, topics), upstream)

    assert (report.outcome, report.stop_reason) == ("failed", "credential_refused")
    assert (topics.ids(), report.cursor_after) == (["evt-0001"], "evt-0001")


@pytest.mark.parametrize("ending", ["stays open", "breaks off"])
def test_a_failed_publish_is_never_a_success(backend: Backend, ending: str) -> None:
    """With any other error in the same window, the cursor stays and the failure is reported."""

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


STORE_TROUBLE = [
    BackendError("Firestore is down"),
    UnstorableError("too large", owner="user", code="document_too_large"),
]


@pytest.mark.parametrize("error", STORE_TROUBLE, ids=["down", "refused"])
def test_a_store_that_is_down_is_a_failed_window(backend: Backend, error: BridgeError) -> None:
    """Without state there is no window, and no request to the API."""

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
    """With any error of the store: the window ends with a report, and the next one repeats."""

    def fail(number: int) -> None:
        if number > 1:
            raise error

    documents = WatchedDocuments(backend.documents, before=fail)
    report = run_window(watched(backend, documents=documents), Replay(events(3)))

    assert (report.outcome, report.stop_reason) == ("failed", "state_unavailable")
    assert document(backend)["cursor"] is None


@pytest.mark.parametrize("went_through", [True, False])
def test_a_lost_response_to_the_last_commit_is_reported(
    backend: Backend, *, went_through: bool
) -> None:
    """Whether it was written or not, the window reports that it is unknown; nothing is lost."""

    def lose(number: int) -> None:
        if number == 2:
            raise BackendError("no response")

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


def test_the_key_is_in_no_report(backend: Backend) -> None:
    """No report and no document has the key, even if a response echoes it."""
    for response in (
        error_response(401, f"bad {KEY}"),
        error_response(503, f"bad {KEY}", Retry_After="600"),
        event_stream([b"retry: 600000\n\n", sse(KEY.encode(), name="processing.stream_error")]),
        Response([KEY.encode()], 500, {"Retry-After": "600"}),
    ):
        report = run_window(backend, Upstream(response))
        clear_backoff(backend)
        assert report.outcome == "failed"
        assert KEY not in repr(report)
        assert KEY not in repr(document(backend))


def test_no_response_is_not_idleness(embedded_backend: Backend) -> None:
    """An API that accepts requests and never responds is a failure, not an idle stream."""

    class Mute(Upstream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anext(silence(request), None)
            raise AssertionError

    settings = make_settings(API_TIMEOUT_SECONDS="0.5")
    report = run_window(
        embedded_backend, Mute(), settings=settings, idle_seconds=0.2, heartbeat_seconds=60.0
    )

    assert (report.outcome, report.stop_reason) == ("failed", "unreachable")


def test_a_response_slower_than_the_idle_time_is_awaited(embedded_backend: Backend) -> None:
    """The idle time starts with the API's first response, not with the attempt to connect."""

    class Slow(Replay):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.7)
            return await super().handle_async_request(request)

    report = run_window(embedded_backend, Slow(events(1)), idle_seconds=0.2)

    assert (report.outcome, report.events) == ("drained", 1)
