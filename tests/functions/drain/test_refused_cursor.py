"""`ingest.reader`: a cursor that is refused, or that belongs to other filters or another API."""

import orjson
import pytest

from tests.support.upstream import (
    ACCEPTED,
    NO_CONTENT,
    Fault,
    Response,
    Upstream,
    cut,
    error_response,
    event_stream,
    heartbeats,
)
from tests.support.vendor_events import event, sse
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.errors import BackendError


def with_cursor(backend: Backend, cursor: str = "evt-0001") -> None:
    """Leave a stream at a cursor."""
    run_window(backend, Upstream(event_stream([sse(event(1), cursor)]), NO_CONTENT))
    assert document(backend)["cursor"] == cursor


def test_a_refused_cursor_fails_and_stays(backend: Backend) -> None:
    """By default a person decides: nothing is skipped, and the message says how to continue."""
    with_cursor(backend)
    report = run_window(backend, Upstream(error_response(410, "expired"), ACCEPTED))

    assert (report.stop_reason, report.http_status) == ("cursor_refused", 409)
    assert "CURSOR_POLICY" in report.message
    assert document(backend)["cursor"] == "evt-0001"


def test_a_refusal_of_something_else_leaves_the_cursor(backend: Backend) -> None:
    """Under any policy a 422 about a filter is a refused request, not a lost cursor."""
    with_cursor(backend)
    report = run_window(
        backend, Upstream(error_response(422, "bad filter")), cursor_policy="latest"
    )

    assert report.stop_reason == "request_refused"
    assert document(backend)["cursor"] == "evt-0001"


PROXY_PAGES = [
    Response([b"<html>404: this page has expired</html>"], 404, {"Content-Type": "text/html"}),
    Response([b"unknown cursor"], 400, {"Content-Type": "text/plain"}),
    Response([b"gone"], 410, {}),
]


@pytest.mark.parametrize("page", PROXY_PAGES, ids=range(len(PROXY_PAGES)))
def test_a_page_of_a_proxy_leaves_the_cursor(backend: Backend, page: Response) -> None:
    """With any text, under any policy: no gap event, no new start."""
    with_cursor(backend)
    topics = WatchedTopics(backend.topics)
    report = run_window(watched(backend, topics), Upstream(page), cursor_policy="latest")

    assert (report.outcome, report.stop_reason) == ("failed", "request_refused")
    assert (topics.ids(), document(backend)["cursor"]) == ([], "evt-0001")


PROBES = [
    (error_response(404, "no such route: cursor"), "request_refused"),
    (error_response(401, "bad key"), "credential_refused"),
    (error_response(503, "down", Retry_After="600"), "api_unavailable"),
    (Response([b"<html>"], 200, {"Content-Type": "text/html"}), "unreachable"),
    (Fault(), "unreachable"),
]


@pytest.mark.parametrize(("probe", "reason"), PROBES, ids=range(len(PROBES)))
def test_a_refusal_that_a_probe_does_not_confirm_leaves_the_cursor(
    embedded_backend: Backend, probe: Response | Fault, reason: str
) -> None:
    """If a request without Last-Event-ID fails too, the cursor is not the reason."""
    with_cursor(embedded_backend)
    topics = WatchedTopics(embedded_backend.topics)
    # What passes by itself is tried again, with the cursor.
    again = [error_response(503, "down", Retry_After="600")] if reason == "unreachable" else []
    upstream = Upstream(error_response(410, "expired"), probe, *again)
    report = run_window(watched(embedded_backend, topics), upstream, cursor_policy="latest")

    assert upstream.last_event_ids[:2] == ["evt-0001", None]
    assert set(upstream.last_event_ids[2:]) <= {"evt-0001"}
    assert report.stop_reason == ("api_unavailable" if again else reason)
    assert (topics.ids(), document(embedded_backend)["cursor"]) == ([], "evt-0001")


@pytest.mark.parametrize(("policy", "asked"), [("latest", None), ("earliest", "0")])
def test_the_gap_is_published_before_starting_over(
    backend: Backend, policy: str, asked: str | None
) -> None:
    """The gap is published first; then the stream starts where the policy says."""
    with_cursor(backend)
    topics = WatchedTopics(backend.topics)
    gap_known: list[bool] = []
    documents = WatchedDocuments(
        backend.documents,
        before=lambda _number: gap_known.append(
            any("gap" in id_ for id_ in topics.ids()) or document(backend)["cursor"] == "evt-0001"
        ),
    )
    upstream = Upstream(
        error_response(410, "expired"),
        ACCEPTED,
        event_stream([sse(event(5), "evt-0005")]),
        NO_CONTENT,
    )
    report = run_window(watched(backend, topics, documents), upstream, cursor_policy=policy)

    assert upstream.last_event_ids == ["evt-0001", None, asked, "evt-0005"]
    gap = topics.messages()[0]
    assert gap.attributes["ce-type"] == "com.vectormethods.bridge.stream.gap"
    assert gap.attributes["ce-id"] == "bridge.stream.gap:default:evt-0001"
    assert orjson.loads(gap.data)["payload"] == {
        "stream": "default",
        "cursor": "evt-0001",
        "policy": policy,
        "reason": "cursor_refused",
    }
    assert all(gap_known)
    assert (report.outcome, report.cursor_after) == ("drained", "evt-0005")


def test_a_gap_that_cannot_be_published_keeps_the_cursor(backend: Backend) -> None:
    """Without the gap event there is no starting over."""
    with_cursor(backend)

    def fail(_number: int) -> None:
        raise BackendError("down")

    report = run_window(
        watched(backend, WatchedTopics(backend.topics, before=fail)),
        Upstream(error_response(410, "expired"), ACCEPTED, event_stream(then=heartbeats)),
        cursor_policy="earliest",
    )

    assert report.stop_reason == "publish_failed"
    assert document(backend)["cursor"] == "evt-0001"


def test_a_gap_of_any_cursor_can_be_published(backend: Backend) -> None:
    """A cursor that is not ASCII still gives the gap a valid id."""
    with_cursor(backend, "é-1")
    topics = WatchedTopics(backend.topics)
    report = run_window(
        watched(backend, topics),
        Upstream(error_response(410, "expired"), ACCEPTED, NO_CONTENT),
        cursor_policy="latest",
    )

    assert report.outcome == "idle"
    assert topics.ids() == ["bridge.stream.gap:default:%C3%A9-1"]


def test_an_earliest_id_that_is_refused_means_the_servers_own_start(backend: Backend) -> None:
    """If "0" is unknown too, the API decides; there is one gap, not one for each attempt."""
    with_cursor(backend)
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(
        error_response(410, "expired"),
        ACCEPTED,
        error_response(404, "unknown cursor"),
        ACCEPTED,
        event_stream([sse(event(5), "5")]),
        NO_CONTENT,
    )
    run_window(watched(backend, topics), upstream, cursor_policy="earliest")

    assert upstream.last_event_ids == ["evt-0001", None, "0", None, None, "5"]
    assert len([id_ for id_ in topics.ids() if "gap" in id_]) == 1


def test_a_start_from_the_earliest_survives_the_window(backend: Backend) -> None:
    """A window that ends between the gap and the first event leaves the start to the next."""
    with_cursor(backend)
    script = (error_response(410, "x"), ACCEPTED, error_response(401, "no"))
    run_window(backend, Upstream(*script), cursor_policy="earliest")
    upstream = Upstream(event_stream([sse(event(5), "5")]), NO_CONTENT)
    run_window(backend, upstream, cursor_policy="earliest")

    assert upstream.last_event_ids == ["0", "5"]


def test_a_cursor_lost_within_a_window_keeps_what_was_read(backend: Backend) -> None:
    """Events read before the refusal are published before the stream starts over."""
    topics = WatchedTopics(backend.topics)
    upstream = Upstream(
        event_stream([sse(event(1), "1"), sse(event(2), "2")], then=cut),
        error_response(410, "expired"),
        ACCEPTED,
        event_stream([sse(event(9), "9")]),
        NO_CONTENT,
    )
    report = run_window(watched(backend, topics), upstream, cursor_policy="latest")
    ids = topics.ids()

    assert set(ids[:2]) == {"evt-0001", "evt-0002"}
    assert ids[2:] == ["bridge.stream.gap:default:2", "evt-0009"]
    assert report.cursor_after == "9"


# Filters that change


def test_changed_filters_are_refused(backend: Backend) -> None:
    """A cursor made under other filters is invalid; the message says how to continue."""
    with_cursor(backend)
    changed = make_settings({"default": {"run_id": "r"}})
    report = run_window(backend, Upstream(), settings=changed)

    assert (report.stop_reason, report.http_status) == ("filters_changed", 409)
    assert "new name" in report.message
    assert document(backend)["cursor"] == "evt-0001"
    assert run_window(backend, Upstream(NO_CONTENT)).outcome == "idle"


def test_changed_filters_start_over_under_a_policy(backend: Backend) -> None:
    """With a policy the gap is reported, the cursor abandoned, and the new filters stored."""
    with_cursor(backend)
    topics = WatchedTopics(backend.topics)
    changed = make_settings({"default": {"run_id": "r"}}, CURSOR_POLICY="earliest")
    upstream = Upstream(NO_CONTENT)
    run_window(watched(backend, topics), upstream, settings=changed)

    assert upstream.last_event_ids == ["0"]
    assert orjson.loads(topics.messages()[0].data)["payload"]["reason"] == "filters_changed"
    assert '"run_id":"r"' in document(backend)["filters"]
    again = WatchedTopics(backend.topics)
    run_window(watched(backend, again), Upstream(NO_CONTENT), settings=changed)
    assert again.ids() == []


def test_without_a_cursor_filters_may_change(backend: Backend) -> None:
    """A stream without a cursor loses nothing."""
    run_window(backend, Upstream(NO_CONTENT))
    changed = make_settings({"default": {"run_id": "r"}})

    assert run_window(backend, Upstream(NO_CONTENT), settings=changed).outcome == "idle"
    assert '"run_id":"r"' in document(backend)["filters"]
