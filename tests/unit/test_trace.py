"""`trace`: which texts are a W3C trace context, and the spans that continue it."""

import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.traces import SPAN_ID, TRACE_ID, TRACEPARENT, trace_and_span
from videovector_bridge.trace import (
    MAX_STATE_BYTES,
    Trace,
    begin_trace,
    parse_trace,
    trace_of_message,
    trace_of_request,
)

VALID = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
OTHER = f"00-{'c' * 32}-{'d' * 16}-00"


def test_a_header_is_parsed() -> None:
    """Trace, parent span and the flag `sampled`."""
    assert parse_trace(TRACEPARENT) == Trace(TRACE_ID, SPAN_ID, sampled=True)


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_only_the_flag_sampled_is_read(flags: str, *, sampled: bool) -> None:
    """Other flags may get a meaning later, and are not passed on."""
    trace = parse_trace(f"00-{TRACE_ID}-{SPAN_ID}-{flags}")

    assert trace is not None
    assert trace.sampled is sampled
    assert trace.attributes["ce-traceparent"][-2:] == ("01" if sampled else "00")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"00-{TRACE_ID[:-1]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{TRACEPARENT}\n",
        f" {TRACEPARENT}",
        f"{TRACEPARENT}, {TRACEPARENT}",
        f"01-{TRACE_ID}-{SPAN_ID}-01 more",
    ],
)
def test_a_malformed_header_is_no_trace(header: str) -> None:
    """It is ignored, as the standard says."""
    assert parse_trace(header, "a=1") is None


@pytest.mark.parametrize("rest", ["", "-", "-what-comes.later"])
def test_a_later_version_may_have_more_fields(rest: str) -> None:
    """What this version knows of it is used, and it continues as version 00."""
    trace = parse_trace(f"cc-{TRACE_ID}-{SPAN_ID}-01{rest}")

    assert trace is not None
    assert trace.attributes == {"ce-traceparent": TRACEPARENT}


@pytest.mark.parametrize(
    "state", ["congo=t61rcWkgMzE", "a=1,b@c=2", "a=1 , b/_-*=x y", "a=" + "x" * 256]
)
def test_a_state_is_passed_on(state: str) -> None:
    """Unchanged, in every message."""
    trace = parse_trace(TRACEPARENT, state)

    assert trace is not None
    assert trace.attributes["ce-tracestate"] == state
    assert trace.new_span()["ce-tracestate"] == state


@pytest.mark.parametrize(
    "state",
    [
        "",
        "no value",
        "A=1",
        "a=é",
        "a=1\n",
        "a=1,,b=2",
        "a=b=c",
        "a=" + "x" * 257,
        ",".join(f"{n}k=1" for n in range(33)),
        ",".join(f"k{n}={'x' * 100}" for n in range(6)),
    ],
)
def test_a_wrong_or_long_state_is_omitted(state: str) -> None:
    """The trace remains."""
    assert parse_trace(TRACEPARENT, state) == parse_trace(TRACEPARENT)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_texts_give_a_valid_trace_or_none(traceparent: str, tracestate: str) -> None:
    """Parsing never raises, and nothing that cannot be an attribute gets through."""
    check(parse_trace(traceparent, tracestate))


@given(
    st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,3})?"),
    st.from_regex(r"([a-c]{1,2}[=,] ?){0,40}[a-z]?"),
)
def test_likely_texts_give_a_valid_trace_or_none(traceparent: str, tracestate: str) -> None:
    """Also texts that are almost valid."""
    check(parse_trace(traceparent, tracestate))


def check(trace: Trace | None) -> None:
    """Check that what a trace adds to messages is valid."""
    if trace is None:
        return
    for attributes in (trace.attributes, *islice(trace.new_spans(), 2)):
        assert trace_and_span(attributes)[0] == trace.trace_id
        state = attributes.get("ce-tracestate", "a")
        assert len(state) <= MAX_STATE_BYTES
        assert VALID.fullmatch(state)


def test_every_message_has_its_own_span() -> None:
    """Also more messages than one number has digits for; all in the same trace."""
    trace = Trace(TRACE_ID, SPAN_ID)
    spans = [trace_and_span(each) for each in islice(trace.new_spans(), 10_000)]
    spans += [trace_and_span(trace.new_span()), trace_and_span(trace.new_span())]

    assert len(set(spans)) == len(spans)
    assert {trace_id for trace_id, _ in spans} == {TRACE_ID}
    assert SPAN_ID not in {span for _, span in spans}


def test_a_new_trace_is_not_sampled() -> None:
    """It is valid and differs from the one before."""
    first, second = begin_trace(), begin_trace()

    check(first)
    assert parse_trace(first.attributes["ce-traceparent"]) == first
    assert (first.trace_id != second.trace_id, first.sampled) == (True, False)


def test_a_request_and_its_message_are_read_apart() -> None:
    """The headers of the request are not those of the message that it pushes."""
    headers = {
        "traceparent": OTHER,
        "tracestate": "a=1",
        "ce-traceparent": TRACEPARENT,
        "ce-tracestate": "b=2",
    }
    request, message = trace_of_request(headers), trace_of_message(headers)

    assert request == Trace("c" * 32, "d" * 16, state="a=1")
    assert message == Trace(TRACE_ID, SPAN_ID, sampled=True, state="b=2")
    assert trace_of_request({}) is None
    assert trace_of_message({"traceparent": TRACEPARENT}) is None
