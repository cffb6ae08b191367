"""One trace from an event to its effects: log lines, and the messages that actions publish."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from functions_framework import create_app

import main
from infra.standin import StandIn, StandInConfig
from tests.support import ROOT
from tests.support.automations import RED
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from tests.support.log_lines import log_lines
from tests.support.markers import PUT
from tests.support.signed_urls import deploy_links, processed, stored_uri
from tests.support.traces import (
    SPAN_ID,
    TRACE_ID,
    TRACEPARENT,
    trace_and_span,
    traces_of_lines,
)

Deploy = Callable[[str], DeployedFunction]
Captured = pytest.CaptureFixture[str]

PUSH = f"00-{'c' * 32}-{'d' * 16}-00"
"""The trace of a push request, which is not that of its message."""
OF_PUSH, OF_MESSAGE = ("c" * 32, "d" * 16), (TRACE_ID, SPAN_ID)
GIF = """
[[automation]]
name = "gif"
on = ["processing.video_completed"]
[automation.store_preview]
video_id = "{event.video_id}"
"""
CARS = """
[[automation]]
name = "cars"
on = ["prompt_run.completed"]
[automation.search]
query = "a an two"
"""


@pytest.fixture
def standin() -> Any:
    """A stand-in with videos in its playground, for searches."""
    with StandIn(StandInConfig(videos=1, playground_videos=1)) as running:
        yield running


def push(deployed: DeployedFunction, sent: dict[str, Any], **headers: str) -> int:
    """Deliver an event with Cloud Run's header. `headers` have `_` for `-`; empty: omit it."""
    message = message_of(sent)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    every = {**message.attributes, "traceparent": PUSH, **named}
    return deployed.post(message.data, {name: text for name, text in every.items() if text})[0]


def test_lines_have_the_trace_of_the_message(markers: DeployedFunction, capsys: Captured) -> None:
    """And not that of the push request: each redelivery has another."""
    push(markers, event())
    push(markers, event())
    lines = log_lines(capsys)

    assert [line["event"] for line in lines] == ["upsert_marker.done", "upsert_marker.done_before"]
    assert traces_of_lines(lines) == {OF_MESSAGE}


@pytest.mark.parametrize("attribute", ["", "garbage", TRACEPARENT + "-more"])
def test_without_a_trace_the_lines_have_that_of_the_request(
    embedded: DeployedFunction, capsys: Captured, attribute: str
) -> None:
    """A malformed attribute is ignored. The event has its effect."""
    assert push(embedded, event(), ce_traceparent=attribute) == 200

    assert embedded.markers() == {"run_1": "red"}
    assert traces_of_lines(log_lines(capsys)) == {OF_PUSH}


def test_without_any_trace_one_begins(embedded: DeployedFunction, capsys: Captured) -> None:
    """The lines of one request are together."""
    embedded.automations(RED, RED.replace('"red"', '"two"').replace("run_id}", "event_id}"))
    push(embedded, event(), ce_traceparent="", traceparent="")
    lines = log_lines(capsys)

    assert len(lines) == 2
    assert len(traces_of_lines(lines)) == 1


@pytest.mark.parametrize("member", [TRACEPARENT, "garbage"])
def test_a_structured_event_has_its_trace_in_its_body(
    embedded: DeployedFunction, capsys: Captured, member: str
) -> None:
    """It replaces that of the request for the lines about the event."""
    envelope = {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "//x",
        "type": "com.vectormethods.prompt_run.failed",
        "traceparent": member,
        "data": event(),
    }
    headers = {"content-type": "application/cloudevents+json", "traceparent": PUSH}

    assert embedded.post(json.dumps(envelope).encode(), headers)[0] == 200

    expected = OF_MESSAGE if member == TRACEPARENT else OF_PUSH
    assert traces_of_lines(log_lines(capsys)) == {expected}


def test_a_redelivery_is_in_the_trace(embedded: DeployedFunction, capsys: Captured) -> None:
    """So is the line that says why."""
    embedded.standin.control.faults({"on": PUT, "kind": "status", "status": 503, "times": None})

    assert push(embedded, event()) == 503

    lines = log_lines(capsys)
    assert [line["event"] for line in lines] == ["upsert_marker.retry"]
    assert traces_of_lines(lines) == {OF_MESSAGE}


def test_a_rejected_event_and_its_redrive_keep_the_span(
    embedded: DeployedFunction, capsys: Captured
) -> None:
    """The span selects the event, with every attempt."""
    fault = {"on": PUT, "kind": "status", "status": 422, "times": 1}
    embedded.standin.control.faults(fault)
    push(embedded, event())
    (rejected,) = embedded.published("rejected")

    assert rejected.attributes["ce-traceparent"] == TRACEPARENT
    assert embedded.redrive(rejected) == 200
    lines = log_lines(capsys)
    assert [line["event"] for line in lines] == ["upsert_marker.rejected", "upsert_marker.done"]
    assert traces_of_lines(lines) == {OF_MESSAGE}


@pytest.mark.parametrize("attribute", ["", "garbage"])
def test_a_rejected_event_without_trace_gets_that_of_the_request(
    embedded: DeployedFunction, attribute: str
) -> None:
    """With a span of its own. A malformed attribute is replaced."""
    push(embedded, event(created_at="yesterday"), ce_traceparent=attribute)
    (rejected,) = embedded.published("rejected")
    trace_id, span_id = trace_and_span(rejected.attributes)

    assert (trace_id, span_id != "d" * 16) == ("c" * 32, True)


def test_a_request_that_is_no_event_is_rejected_in_its_trace(
    embedded: DeployedFunction, capsys: Captured
) -> None:
    """The rejected message and its line are together."""
    headers = {"content-type": "application/json", "traceparent": PUSH}
    assert embedded.post(b"{}", headers)[0] == 200

    (rejected,) = embedded.published("rejected")
    assert trace_and_span(rejected.attributes)[0] == "c" * 32
    assert traces_of_lines(log_lines(capsys)) == {OF_PUSH}


def test_a_signed_url_continues_the_trace(deploy_embedded: Deploy) -> None:
    """With a span of its own."""
    links = deploy_links(deploy_embedded)
    push(links, processed(stored_uri(links)))
    (message,) = links.published("media-urls")
    trace_id, span_id = trace_and_span(message.attributes)

    assert (trace_id, span_id != SPAN_ID) == (TRACE_ID, True)


def test_the_event_about_a_preview_continues_the_trace(deploy_embedded: Deploy) -> None:
    """With a span of its own."""
    previews = deploy_embedded("store_previews")
    previews.automations(GIF)
    video_id = next(iter(previews.standin.state.library.videos))
    push(previews, event(event_type="processing.video_completed", video_id=video_id))
    (message,) = previews.published("events")
    trace_id, span_id = trace_and_span(message.attributes)

    assert message.attributes["ce-type"] == "com.vectormethods.media.preview_stored"
    assert (trace_id, span_id != SPAN_ID) == (TRACE_ID, True)


def test_each_match_of_a_search_continues_the_trace(
    deploy_embedded: Deploy, capsys: Captured
) -> None:
    """Each with a span of its own."""
    searches = deploy_embedded("run_searches")
    searches.automations(CARS)
    push(searches, event(event_type="prompt_run.completed"))
    pairs = [trace_and_span(message.attributes) for message in searches.published("events")]

    assert len(pairs) > 1
    assert len(set(pairs)) == len(pairs)
    assert {trace_id for trace_id, _ in pairs} == {TRACE_ID}
    assert traces_of_lines(log_lines(capsys)) == {OF_MESSAGE}


@pytest.mark.parametrize("name", [*main.HTTP, *main.subscribers()])
def test_every_function_logs_in_the_trace_of_its_request(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Also the line that says that the settings are wrong, with the project of the deployment."""
    for variable in os.environ:
        if variable.startswith(("BACKEND", "VIDEO_VECTOR", "STREAMS", "WEBHOOK")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("BACKEND", "neither")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    app: Flask = create_app(name, str(ROOT / "functions" / "main.py"))  # type: ignore[no-untyped-call]  # it has no types

    response = app.test_client().post("/", data=b"{}", headers={"traceparent": TRACEPARENT})

    (line,) = log_lines(capsys)
    assert response.status_code >= 500
    assert line["event"].endswith(".settings_wrong")
    assert line["logging.googleapis.com/trace"] == f"projects/my-project/traces/{TRACE_ID}"
    assert line["logging.googleapis.com/spanId"] == SPAN_ID
