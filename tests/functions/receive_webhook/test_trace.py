"""`receive_webhook` continues the trace of a delivery in its message and log line."""

import pytest

from tests.support.log_lines import only_log_line
from tests.support.traces import (
    SPAN_ID,
    TRACE_ID,
    TRACEPARENT,
    trace_and_span,
    traces_of_lines,
)
from tests.support.webhooks import Deployment, delivery


@pytest.mark.parametrize(
    ("body", "topic"), [(delivery(), "events"), (b"{", "rejected")], ids=["event", "no event"]
)
def test_the_message_continues_the_trace(
    receiver: Deployment, capsys: pytest.CaptureFixture[str], body: bytes, topic: str
) -> None:
    """With a span of its own; the line has the span of the request."""
    assert receiver.post(body, traceparent=TRACEPARENT, tracestate="a=1").status_code == 204
    line = only_log_line(capsys)
    (message,) = receiver.published(topic)
    trace_id, span_id = trace_and_span(message.attributes)

    assert traces_of_lines([line]) == {(TRACE_ID, SPAN_ID)}
    assert (trace_id, span_id != SPAN_ID) == (TRACE_ID, True)
    assert message.attributes["ce-tracestate"] == "a=1"


@pytest.mark.parametrize("header", [None, "", "garbage", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_without_a_valid_header_a_trace_begins(
    embedded: Deployment, capsys: pytest.CaptureFixture[str], header: str | None
) -> None:
    """The delivery is accepted, and its line and message are in one trace."""
    assert embedded.post(delivery(), traceparent=header).status_code == 204
    ((trace_id, _),) = traces_of_lines([only_log_line(capsys)])
    (message,) = embedded.published("events")

    assert trace_and_span(message.attributes)[0] == trace_id


def test_attributes_of_messages_are_no_headers_of_a_delivery(embedded: Deployment) -> None:
    """Only Pub/Sub's pushes have them; of a delivery they are ignored."""
    embedded.post(delivery(), ce_traceparent=TRACEPARENT)
    (message,) = embedded.published("events")

    assert trace_and_span(message.attributes)[0] != TRACE_ID


def test_a_refusal_has_the_trace(embedded: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """Also a request without a signature."""
    embedded.post(delivery(), X_Webhook_Signature=None, traceparent=TRACEPARENT)

    assert traces_of_lines([only_log_line(capsys)]) == {(TRACE_ID, SPAN_ID)}
