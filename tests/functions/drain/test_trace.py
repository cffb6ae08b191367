"""A window of `drain` continues the trace of its request in every message and log line."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.log_lines import log_lines
from tests.support.traces import (
    SPAN_ID,
    TRACE_ID,
    TRACEPARENT,
    trace_and_span,
    traces_of_lines,
)
from tests.support.upstream import NO_CONTENT, Replay, Upstream, event_stream
from tests.support.vendor_events import event, events, sse
from tests.support.watched_ports import WatchedTopics, watched
from tests.support.windows import run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.ingest.stages import Tuning
from videovector_bridge.telemetry import log, tracing
from videovector_bridge.trace import Trace, parse_trace

SMALL_REQUESTS = Tuning(random=lambda: 0.0, batch_events=16, request_messages=4)


def traces(messages: Iterable[Message]) -> tuple[set[str], list[str]]:
    """Return the traces of messages, and the span of each."""
    pairs = [trace_and_span(message.attributes) for message in messages]
    return {trace_id for trace_id, _ in pairs}, [span_id for _, span_id in pairs]


def test_each_message_continues_the_trace_of_the_request(backend: Backend) -> None:
    """With a span of its own, also where a window has many publish requests."""
    topics = WatchedTopics(backend.topics)
    with tracing(parse_trace(TRACEPARENT), "p"):
        run_window(watched(backend, topics), Replay(events(100)), tuning=SMALL_REQUESTS)
    trace_ids, span_ids = traces(topics.messages())

    assert trace_ids == {TRACE_ID}
    assert max(Counter([*span_ids, SPAN_ID]).values()) == 1
    assert len(span_ids) == 100
    assert all(each.attributes["ce-traceparent"].endswith("-01") for each in topics.messages())
    assert not any("ce-tracestate" in each.attributes for each in topics.messages())


def test_a_window_without_a_request_begins_a_trace(backend: Backend) -> None:
    """One for all its events; the next window begins another."""
    topics = WatchedTopics(backend.topics)
    run_window(watched(backend, topics), Replay(events(10)))
    (first,), _ = traces(topics.messages())
    run_window(watched(backend, topics), Replay(events(20)))
    both, _ = traces(topics.messages())

    assert len(both) == 2
    assert first in both


def test_the_state_of_a_trace_is_in_every_message(backend: Backend) -> None:
    """Only if the request has one."""
    topics = WatchedTopics(backend.topics)
    with tracing(Trace(TRACE_ID, SPAN_ID, state="a=1"), "p"):
        run_window(watched(backend, topics), Replay(events(3)))

    assert [each.attributes["ce-tracestate"] for each in topics.messages()] == ["a=1"] * 3


def test_rejected_frames_continue_the_trace(backend: Backend) -> None:
    """Each with a span of its own."""
    topics = WatchedTopics(backend.topics)
    body = sse(b"{", "bad-1") + sse(event(1), "evt-0001") + sse(b"[]", "bad-2")
    with tracing(parse_trace(TRACEPARENT), "p"):
        run_window(watched(backend, topics), Upstream(event_stream([body]), NO_CONTENT))
    trace_ids, span_ids = traces([*topics.messages("rejected"), *topics.messages()])

    assert trace_ids == {TRACE_ID}
    assert len(set(span_ids)) == 3


@pytest.mark.parametrize("claimable", [True, False])
def test_large_frames_continue_the_trace(embedded_backend: Backend, *, claimable: bool) -> None:
    """As a claim check, or as parts on `rejected`."""
    backend = embedded_backend if claimable else replace(embedded_backend, blobs=None)
    topics = WatchedTopics(backend.topics)
    large = event(1, payload={"pad": "x" * 50_000})
    stream = Upstream(event_stream([sse(large, "evt-0001")]), NO_CONTENT)
    with tracing(parse_trace(TRACEPARENT), "p"):
        run_window(watched(backend, topics), stream, max_frame_bytes=20_000)
    messages = topics.messages("events" if claimable else "rejected")
    trace_ids, _ = traces(messages)

    assert messages
    assert trace_ids == {TRACE_ID}


def test_lines_of_the_publishing_threads_have_the_trace(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library that warns while it publishes does so in the request's trace."""
    topics = WatchedTopics(backend.topics, before=lambda _number: log("WARNING", "a.b", "slow"))
    with tracing(parse_trace(TRACEPARENT), "p"):
        run_window(watched(backend, topics), Replay(events(100)), tuning=SMALL_REQUESTS)
    lines = log_lines(capsys)

    assert len(lines) > 1
    assert traces_of_lines(lines) == {(TRACE_ID, SPAN_ID)}


def test_videovector_gets_no_trace(embedded_backend: Backend) -> None:
    """The vendor documents no such header."""
    upstream = Replay(events(3))
    with tracing(Trace(TRACE_ID, SPAN_ID, state="a=1"), "p"):
        run_window(embedded_backend, upstream)

    assert upstream.requests
    for request in upstream.requests:
        assert not {"traceparent", "tracestate"} & set(request.headers)
