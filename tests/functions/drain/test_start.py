"""The start of a stream: recorded in its document, and requested until there is a cursor."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.upstream import (
    ACCEPTED,
    NO_CONTENT,
    Replay,
    Upstream,
    error_response,
    event_stream,
    heartbeats,
)
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedTopics, watched
from tests.support.windows import document, make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document


def edit(backend: Backend, **fields: object) -> Document:
    """Change the stream's document, as a person does."""
    stored = backend.documents.read("streams", "default", timeout=5)
    return backend.documents.write("streams", "default", fields, replaces=stored, timeout=5)


@pytest.mark.parametrize(
    ("start_from", "asked"), [("latest", None), ("earliest", "0"), ("evt-0003", "evt-0003")]
)
def test_a_new_stream_begins_where_the_setting_says(
    backend: Backend, start_from: str, asked: str | None
) -> None:
    """The request, the document and the report say so, until there is a cursor."""
    settings = make_settings(START_FROM=start_from)
    upstream = Upstream(NO_CONTENT)
    report = run_window(backend, upstream, settings=settings)

    assert upstream.last_event_ids == [asked]
    assert document(backend)["start_from"] == start_from
    assert document(backend)["api_host"] == settings.api.host
    assert (report.start_from, report.cursor_after) == (start_from, None)
    assert "no cursor yet" in report.message
    again = Upstream(event_stream([sse(event(7), "evt-0007")]), NO_CONTENT)
    report = run_window(backend, again, settings=settings)
    assert again.last_event_ids == [asked, "evt-0007"]
    assert (report.start_from, report.cursor_after) == (None, "evt-0007")
    assert "no cursor" not in report.message


def test_a_stream_may_begin_elsewhere_than_the_others(embedded_backend: Backend) -> None:
    """STREAMS sets START_FROM per stream."""
    upstream = Upstream(NO_CONTENT)
    run_window(
        embedded_backend, upstream, settings=make_settings({"a": {"start_from": "earliest"}})
    )

    assert upstream.last_event_ids == ["0"]


def test_without_a_cursor_there_is_no_idle_timeout(embedded_backend: Backend) -> None:
    """An event that the API sends only to open connections is not missed after a quiet start."""

    async def later(request: httpx.Request) -> AsyncIterator[bytes]:
        await asyncio.sleep(40)
        yield sse(event(1), "evt-0001")
        async for piece in heartbeats(request):
            yield piece

    report = run_window(
        embedded_backend, Upstream(event_stream(then=later)), window_seconds=50, idle_seconds=3
    )

    assert (report.outcome, report.published) == ("drained", 1)
    # From the first cursor on there is one again.
    assert (report.stop_reason, report.cursor_after) == ("idle", "evt-0001")
    assert 43 <= report.window_seconds < 45


def test_a_quiet_start_is_reported(embedded_backend: Backend) -> None:
    """200 `idle` at the end of the window, with the start of the stream."""
    report = run_window(
        embedded_backend, Upstream(event_stream(then=heartbeats)), window_seconds=50, idle_seconds=3
    )

    assert (report.outcome, report.stop_reason, report.http_status) == ("idle", "deadline", 200)
    assert report.start_from == "latest"
    assert "begins at latest, with the first event" in report.message
    assert document(embedded_backend)["last_window"]["message"] == report.message


def test_the_setting_counts_until_the_stream_has_begun(embedded_backend: Backend) -> None:
    """A change before the first event counts; a change after it does not."""
    run_window(embedded_backend, Upstream(NO_CONTENT))
    upstream = Upstream(event_stream([sse(event(1), "evt-0001")]), NO_CONTENT)
    earliest = make_settings(START_FROM="earliest")
    run_window(embedded_backend, upstream, settings=earliest)
    assert upstream.last_event_ids == ["0", "evt-0001"]

    upstream = Upstream(NO_CONTENT)
    run_window(embedded_backend, upstream, settings=make_settings(START_FROM="evt-0009"))
    assert upstream.last_event_ids == ["evt-0001"]


def test_a_start_that_a_policy_chose_outlives_the_setting(embedded_backend: Backend) -> None:
    """After a gap under `earliest` the next window still asks for the earliest."""
    run_window(embedded_backend, Replay(events(1)))
    script = (error_response(410, "expired"), ACCEPTED, error_response(401, "no"))
    run_window(embedded_backend, Upstream(*script), cursor_policy="earliest")
    upstream = Upstream(NO_CONTENT)
    run_window(embedded_backend, upstream)

    assert upstream.last_event_ids == ["0"]


@pytest.mark.parametrize(("policy", "asked"), [("latest", None), ("earliest", "0")])
def test_a_start_that_is_refused_is_treated_as_a_refused_cursor(
    embedded_backend: Backend, policy: str, asked: str | None
) -> None:
    """409 that names START_FROM; under a policy the gap is published, and the stream begins."""
    settings = make_settings(START_FROM="evt-9999")
    refused = error_response(404, "unknown Last-Event-ID")
    report = run_window(embedded_backend, Upstream(refused, ACCEPTED), settings=settings)
    assert (report.stop_reason, report.http_status) == ("cursor_refused", 409)
    assert "START_FROM 'evt-9999'" in report.message

    topics = WatchedTopics(embedded_backend.topics)
    upstream = Upstream(refused, ACCEPTED, NO_CONTENT)
    report = run_window(
        watched(embedded_backend, topics), upstream, settings=settings, cursor_policy=policy
    )
    assert upstream.last_event_ids == ["evt-9999", None, asked]
    assert topics.ids() == ["bridge.stream.gap:default:evt-9999"]
    assert report.outcome == "idle"


def test_another_api_host_is_refused_like_other_filters(backend: Backend) -> None:
    """An id of one API is invalid at another; the message names both hosts."""
    run_window(backend, Replay(events(1)))
    moved = make_settings(VIDEO_VECTOR_BASE_URL="https://other.example.test/api/v2")
    report = run_window(backend, Upstream(), settings=moved)

    assert (report.stop_reason, report.http_status) == ("host_changed", 409)
    assert "api.example.test" in report.message
    assert "other.example.test" in report.message
    assert document(backend)["cursor"] == "evt-0001"
    assert document(backend)["api_host"] == "api.example.test"

    topics = WatchedTopics(backend.topics)
    upstream = Upstream(event_stream([sse(event(5), "5")]), NO_CONTENT)
    report = run_window(watched(backend, topics), upstream, settings=moved, cursor_policy="latest")
    assert upstream.last_event_ids == [None, "5"]
    assert topics.ids() == ["bridge.stream.gap:default:evt-0001", "evt-0005"]
    assert document(backend)["api_host"] == "other.example.test"


def test_a_document_of_an_older_version_continues(embedded_backend: Backend) -> None:
    """Without a recorded host, filters or start it belongs to those of today."""
    embedded_backend.documents.write(
        "streams", "default", {"cursor": "evt-0002"}, replaces=None, timeout=5
    )
    upstream = Upstream(NO_CONTENT)
    report = run_window(embedded_backend, upstream)

    assert (report.outcome, upstream.last_event_ids) == ("idle", ["evt-0002"])
    assert document(embedded_backend)["api_host"] == "api.example.test"


def test_a_start_that_a_person_sets_is_used(embedded_backend: Backend) -> None:
    """The document has the start, and may be edited."""
    run_window(embedded_backend, Upstream(NO_CONTENT))
    edit(embedded_backend, start_from="evt-0005")
    upstream = Upstream(NO_CONTENT)
    run_window(embedded_backend, upstream)

    assert upstream.last_event_ids == ["evt-0005"]
