"""`telemetry`: one JSON line per outcome, with nothing secret in it."""

import asyncio
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import google.api_core.client_logging
import orjson
import pytest

from tests.support.traces import SPAN_ID, TRACE_ID, TRACEPARENT, traces_of_lines
from videovector_bridge.redact import redact
from videovector_bridge.telemetry import (
    LIBRARY_EVENT,
    capture_library_records,
    continue_trace,
    current_trace,
    log,
    tracing,
)
from videovector_bridge.trace import Trace, parse_trace

KEY = "sk_live_hidden-word"
SIGNED_URL = "https://storage.googleapis.com/b/o?X-Goog-Signature=hidden-word"


@pytest.fixture
def captured() -> Iterator[logging.Handler]:
    """Capture records of libraries during the test; the handler that does."""
    root, google_logger = logging.getLogger(), logging.getLogger("google")
    handlers, level, propagate = root.handlers[:], google_logger.level, google_logger.propagate
    capture_library_records()
    (handler,) = set(root.handlers) - set(handlers)
    yield handler
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    google_logger.setLevel(level)
    google_logger.propagate = propagate


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was written."""
    written = capsys.readouterr()
    assert written.err == ""
    (only,) = written.out.splitlines()
    entry: dict[str, Any] = orjson.loads(only)
    return entry


def test_a_line_is_what_cloud_logging_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Severity, message, event, fields and trace have the names of structured logging."""
    with tracing(parse_trace(TRACEPARENT), "p"):
        log("INFO", "a.b", "It\nis.", n=1)

    assert line(capsys) == {
        "severity": "INFO",
        "message": "It\nis.",
        "event": "a.b",
        "n": 1,
        "logging.googleapis.com/trace": f"projects/p/traces/{TRACE_ID}",
        "logging.googleapis.com/spanId": SPAN_ID,
        "logging.googleapis.com/trace_sampled": True,
    }


def test_without_a_project_or_a_flag_the_line_has_neither(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The trace is its id alone, and not stated as sampled."""
    with tracing(Trace(TRACE_ID, SPAN_ID), ""):
        log("INFO", "a", "b")

    entry = line(capsys)
    assert entry["logging.googleapis.com/trace"] == TRACE_ID
    assert "logging.googleapis.com/trace_sampled" not in entry


def test_outside_of_requests_a_line_has_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither before the first request nor after the last."""
    with tracing(parse_trace(TRACEPARENT), "p"):
        pass
    continue_trace(parse_trace(TRACEPARENT))
    log("INFO", "a", "b")

    assert set(line(capsys)) == {"severity", "message", "event"}


def test_a_request_without_trace_begins_one(capsys: pytest.CaptureFixture[str]) -> None:
    """All its lines and messages are in the same new trace, and the next request in another."""
    traces = []
    for _ in range(2):
        with tracing(None, ""):
            log("INFO", "a", "b")
            log("INFO", "c", "d")
            lines = [orjson.loads(text) for text in capsys.readouterr().out.splitlines()]
            (of_lines,) = traces_of_lines(lines)
            assert of_lines == (current_trace().trace_id, current_trace().span_id)
            traces.append(of_lines)

    assert traces[0] != traces[1]


def test_the_trace_of_a_message_replaces_that_of_its_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Until the end of the request."""
    with tracing(None, "p"):
        with tracing(None, "p"):
            continue_trace(parse_trace(TRACEPARENT))
            continue_trace(None)
            log("INFO", "a", "b")
        inner = line(capsys)
        log("INFO", "a", "b")

    assert traces_of_lines([inner]) == {(TRACE_ID, SPAN_ID)}
    assert traces_of_lines([line(capsys)]) != {(TRACE_ID, SPAN_ID)}


def test_threads_of_asyncio_have_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """`asyncio.to_thread` copies the context, and requests in other threads have their own."""

    async def request() -> None:
        await asyncio.to_thread(log, "INFO", "a", "b")

    with tracing(parse_trace(TRACEPARENT), "p"):
        asyncio.run(request())
        with_trace = line(capsys)
        other = threading.Thread(target=log, args=("INFO", "a", "b"))
        other.start()
        other.join()

    assert traces_of_lines([with_trace]) == {(TRACE_ID, SPAN_ID)}
    assert set(line(capsys)) == {"severity", "message", "event"}


@pytest.mark.usefixtures("captured")
def test_a_record_of_a_library_has_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of a library is beside the lines of the request in which it was written."""
    with tracing(parse_trace(TRACEPARENT), "p"):
        logging.getLogger("httpx").warning("slow")

    assert traces_of_lines([line(capsys)]) == {(TRACE_ID, SPAN_ID)}


@pytest.mark.parametrize(
    "text",
    [
        "key sk_live_hidden-word_1 refused",
        "whsec_hidden-word",
        "Authorization: Bearer hidden-word.x.y",
        "GET https://storage.example/o?X-Goog-Signature=hidden-word",
        "https://host/path#hidden-word",
        "https://user:hidden-word@host/path",
        "see gs://bucket/o?token=hidden-word, please",
    ],
)
def test_credentials_are_hidden_in_message_and_fields(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Keys, bearer tokens, users and queries of URLs are hidden in message and nested fields."""
    log("ERROR", "a", text, problems=[text, {"inner": (text,)}])

    assert "hidden-word" not in orjson.dumps(line(capsys)).decode()


def test_plain_text_is_left_alone() -> None:
    """Text without credentials is unchanged."""
    text = "Is https://host/path right? The task_force (risk_y) says: a@b.c?"

    assert redact(text) == text


def test_odd_values_do_not_stop_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A value that JSON does not have is written as text."""
    log("INFO", "a", "b", thing={1})

    assert line(capsys)["thing"] == "{1}"


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("name", ["httpx", "urllib3.connectionpool", "google.auth.transport"])
def test_a_record_of_a_library_is_a_redacted_line(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A key in the message and a signed URL in its arguments are hidden."""
    google.api_core.client_logging.initialize_logging()  # type: ignore[no-untyped-call]  # it has no types
    message = f"retry with {KEY}: %s"
    logging.getLogger(name).warning(message, SIGNED_URL)

    assert line(capsys) == {
        "severity": "WARNING",
        "message": "retry with sk_[hidden]: https://storage.googleapis.com/b/o?[hidden]",
        "event": LIBRARY_EVENT,
        "logger": name,
    }


@pytest.mark.usefixtures("captured")
def test_a_traceback_of_a_library_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """The exception of a record is in `stack_trace`, with its secrets hidden."""
    try:
        raise RuntimeError(f"GET {SIGNED_URL} with {KEY}")
    except RuntimeError:
        logging.getLogger("drain").exception("Exception on / [POST]")

    entry = line(capsys)
    assert entry["severity"] == "ERROR"
    assert entry["message"] == "Exception on / [POST]"
    assert "RuntimeError: GET https://storage.googleapis.com/b/o?[hidden]" in entry["stack_trace"]
    assert "hidden-word" not in orjson.dumps(entry).decode()


@pytest.mark.usefixtures("captured")
def test_a_warning_of_python_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`warnings.warn` is a record of the logger `py.warnings`."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest has replaced it since
        capture_library_records()
        warnings.warn(f"old call with {KEY}", stacklevel=1)

    entry = line(capsys)
    assert entry["logger"] == "py.warnings"
    assert "hidden-word" not in entry["message"]


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize(
    ("level", "severity"),
    [(30, "WARNING"), (35, "WARNING"), (40, "ERROR"), (50, "CRITICAL"), (60, "CRITICAL")],
)
def test_a_level_becomes_a_severity(
    capsys: pytest.CaptureFixture[str], level: int, severity: str
) -> None:
    """Levels between the standard ones have the severity below."""
    logging.getLogger("grpc").log(level, "x")

    assert line(capsys)["severity"] == severity


@pytest.mark.usefixtures("captured")
def test_a_record_below_warning_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The requests that httpx logs at INFO stay out of the log."""
    logger = logging.getLogger("httpx")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.info("HTTP Request: GET %s", SIGNED_URL)
    logger.setLevel(level)

    assert capsys.readouterr().out == ""


def test_arguments_that_do_not_fit_leave_the_message(
    capsys: pytest.CaptureFixture[str], captured: logging.Handler
) -> None:
    """A record with wrong arguments is written without them."""
    captured.handle(logging.LogRecord("x", 30, "x.py", 1, "%d of %d", ("one",), None))

    assert line(capsys)["message"] == "%d of %d"


@pytest.mark.usefixtures("captured")
def test_capturing_twice_writes_a_record_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Capturing is idempotent, and replaces plain handlers that redact nothing."""
    logging.getLogger().addHandler(logging.StreamHandler())
    capture_library_records()
    logging.getLogger("x").warning("once")

    assert line(capsys)["message"] == "once"
