"""Messages that are redelivered: VideoVector, a store or a setting fails, and nothing is lost."""

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.support.automations import RED
from tests.support.contexts import with_api, with_effects, with_limits
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from tests.support.log_lines import log_lines
from tests.support.markers import PUT


def fault(**fields: Any) -> dict[str, Any]:
    """A fault of every request to upsert a marker."""
    return {"on": PUT, "times": None, **fields}


@pytest.mark.parametrize(
    "trouble",
    [
        fault(kind="status", status=401),
        fault(kind="status", status=403),
        fault(kind="status", status=429, retry_after=60),
        fault(kind="status", status=500),
        fault(kind="status", status=503),
        fault(kind="status", status=502),
        fault(kind="drop"),
        fault(kind="drop", reset=True),
        fault(kind="delay", seconds=30),
    ],
    ids=lambda one: "-".join(map(str, list(one.values())[2:])),
)
def test_transient_trouble_is_redelivered(
    embedded: DeployedFunction, capsys: pytest.CaptureFixture[str], trouble: dict[str, Any]
) -> None:
    """A failure at VideoVector leads to 503 with a sentence, and rejects nothing."""
    embedded.standin.control.faults(trouble)
    if trouble["kind"] == "delay":
        embedded.set("API_TIMEOUT_SECONDS", "0.2")
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 503
    assert PUT.replace(" /", " /api/v2/") in body
    assert "Traceback" not in body
    assert embedded.standin.keys["write"] not in body
    (line,) = log_lines(capsys)
    assert (line["severity"], line["event"]) == ("WARNING", "upsert_marker.retry")
    assert embedded.standin.keys["write"] not in str(line)
    assert embedded.published("rejected") == []


def test_an_event_whose_response_was_lost_has_its_effect_later(embedded: DeployedFunction) -> None:
    """After a lost response the event waits until the request cannot take effect any more."""
    embedded.standin.control.faults({"on": PUT, "kind": "drop", "act": True})

    assert embedded.push(event()) == 503
    assert embedded.push(event()) == 503  # not yet
    assert embedded.requests(PUT) == 1
    (until,) = embedded.record("marker:run:run_1").fields["pending"].values()
    embedded.set_clock(until)

    assert embedded.push(event()) == 200
    assert embedded.requests(PUT) == 2


def test_a_wrong_key_or_scope_is_redelivered(embedded: DeployedFunction) -> None:
    """The same message succeeds once the key is corrected."""
    for key in ("sk_wrong_0123456789", embedded.standin.keys["read"]):
        embedded.set("VIDEO_VECTOR_API_KEY", key)
        message = message_of(event())
        status, body = embedded.post(message.data, message.attributes)
        assert status == 503
        assert key not in body

    embedded.set("VIDEO_VECTOR_API_KEY", embedded.standin.keys["write"])
    assert embedded.push(event()) == 200


def test_an_unreachable_api_is_redelivered(embedded: DeployedFunction) -> None:
    """A refused connection is transient. The next attempt may follow at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    embedded.set("VIDEO_VECTOR_BASE_URL", f"http://127.0.0.1:{port}/api/v2")
    assert embedded.push(event()) == 503

    embedded.set("VIDEO_VECTOR_BASE_URL", embedded.standin.api_url)
    assert embedded.push(event()) == 200


def broken(markers: DeployedFunction, part: str) -> None:
    """Make the document store, or the topics, unreachable."""
    if markers.settings.kind == "embedded":
        blocked = Path(markers.settings.embedded_dir) / f"{part}.sqlite3"
        blocked.parent.mkdir(parents=True, exist_ok=True)
        blocked.mkdir()
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    variable = {"documents": "FIRESTORE_EMULATOR_HOST", "messages": "PUBSUB_EMULATOR_HOST"}[part]
    markers.set(variable, host)


def test_a_store_that_is_down_is_redelivered(
    markers: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the record no request is sent."""
    markers.change(with_effects(store_seconds=0.5))
    broken(markers, "documents")

    assert markers.push(event()) == 503

    assert markers.requests(PUT) == 0
    assert [one["event"] for one in log_lines(capsys)] == ["upsert_marker.retry"]


def test_a_rejection_that_cannot_be_published_is_redelivered(markers: DeployedFunction) -> None:
    """The message is acknowledged only after it is on `rejected`."""
    markers.change(with_limits(publish=0.5))
    broken(markers, "messages")

    status, _ = markers.post(b"junk", message_of(event()).attributes)

    assert status == 503


@pytest.mark.parametrize("text", [None, b"[[automation]]\nname = 5", b"\xff", b"[["])
def test_a_wrong_automations_file_loses_nothing(
    embedded: DeployedFunction, capsys: pytest.CaptureFixture[str], text: bytes | None
) -> None:
    """Events are redelivered until the file is corrected. A critical log line names it."""
    embedded.file.unlink()
    if text is not None:
        embedded.file.write_bytes(text)
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 500
    assert "automations.toml" in body
    (line,) = log_lines(capsys)
    assert (line["severity"], line["event"]) == ("CRITICAL", "upsert_marker.settings_wrong")
    assert all("automations.toml" in problem for problem in line["problems"])
    embedded.file.write_text(RED, encoding="utf-8")
    assert embedded.push(event()) == 200
    assert embedded.markers() == {"run_1": "red"}


def test_wrong_settings_lose_nothing(
    embedded: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every wrong variable is named at once, and the event is redelivered."""
    embedded.set("API_TIMEOUT_SECONDS", "soon")
    embedded.set("VIDEO_VECTOR_API_KEY", "")

    assert embedded.push(event()) == 500

    (line,) = log_lines(capsys)
    assert len(line["problems"]) == 2


def test_a_bug_is_redelivered_and_leaks_nothing(
    embedded: DeployedFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unexpected exception is logged with its traceback, without secrets."""
    key = embedded.standin.keys["write"]

    def bug(*_: object) -> None:
        raise ValueError(f"{key} at https://storage.example/x?X-Goog-Signature=abc")

    embedded.change(with_api(upsert_marker=bug))
    message = message_of(event())

    status, body = embedded.post(message.data, message.attributes)

    assert status == 500
    (line,) = log_lines(capsys)
    assert (line["severity"], line["event"]) == ("CRITICAL", "upsert_marker.crashed")
    assert "in bug" in line["stack_trace"]
    for text in (body, str(line)):
        assert key not in text
        assert "Signature" not in text
