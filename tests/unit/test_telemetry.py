"""`telemetry`: one JSON line per outcome, with nothing secret in it."""

from typing import Any

import orjson
import pytest

from videovector_bridge.redact import redact
from videovector_bridge.telemetry import log

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was written."""
    written = capsys.readouterr()
    assert written.err == ""
    (only,) = written.out.splitlines()
    entry: dict[str, Any] = orjson.loads(only)
    return entry


def test_a_line_is_what_cloud_logging_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """Severity, message, event, facts and the trace in the fields of structured logging."""
    log("INFO", "a.b", "It\nis.", headers={"traceparent": TRACEPARENT}, project="p", n=1)

    assert line(capsys) == {
        "severity": "INFO",
        "message": "It\nis.",
        "event": "a.b",
        "n": 1,
        "logging.googleapis.com/trace": f"projects/p/traces/{TRACE}",
        "logging.googleapis.com/spanId": "b7ad6b7169203331",
    }


@pytest.mark.parametrize("header", ["", "garbage", "00-short-b7ad6b7169203331-01"])
def test_a_bad_trace_is_no_trace(capsys: pytest.CaptureFixture[str], header: str) -> None:
    """A header that is no traceparent adds nothing."""
    log("INFO", "a", "b", headers={"traceparent": header}, project="p")

    assert set(line(capsys)) == {"severity", "message", "event"}


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
def test_credentials_are_hidden_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """Keys, bearer tokens, users and queries of URLs are hidden in message and nested facts."""
    log("ERROR", "a", text, problems=[text, {"inner": (text,)}])

    assert "hidden-word" not in orjson.dumps(line(capsys)).decode()


def test_plain_text_is_left_alone() -> None:
    """What is no credential is not touched."""
    text = "Is https://host/path right? The task_force (risk_y) says: a@b.c?"

    assert redact(text) == text


def test_odd_values_do_not_stop_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A fact that JSON does not know is written as text."""
    log("INFO", "a", "b", thing={1})

    assert line(capsys)["thing"] == "{1}"
