"""`ingest.drain` through its real host: statuses, one log line each, and streams side by side.

Over real sockets, so in real time. Windows end by `MAX_EVENTS`, which does not depend on the
machine's speed, or by the idle time once the stand-in has answered.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import functions_framework
import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient

from infra.standin import StandIn, StandInConfig
from tests.support import ROOT
from tests.support.delivered import Subscriber
from tests.support.peers import dead_server
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.errors import SettingsError
from videovector_bridge.ingest import drain

MAIN = str(ROOT / "functions" / "main.py")
TRACE = "0af7651916cd43dd8448eb211c80319c"
KEY = "opaque-0123456789-credential"
Post = Callable[..., Any]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in in which nothing has happened yet; its key is of no known form."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1, api_keys={"read": KEY})) as running:
        yield running


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, standin: StandIn, tmp_path: Path) -> Iterator[Post]:
    """The environment of a deployment on the embedded backend; returns how to change it."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    # Reconnect without pause where the server asks for none.
    monkeypatch.setattr("videovector_bridge.ingest.reader.random.random", lambda: 0.0)
    for name in ("FUNCTION_TARGET", "FUNCTION_SOURCE", "FUNCTION_SIGNATURE_TYPE", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    change(
        VIDEO_VECTOR_BASE_URL=standin.api_url,
        VIDEO_VECTOR_API_KEY=KEY,
        BACKEND="embedded",
        EMBEDDED_DIR=str(tmp_path / "bridge"),
        API_TIMEOUT_SECONDS="60",
        WINDOW_SECONDS="600",
        LEASE_SECONDS="600",
        IDLE_SECONDS="600",
        LINGER_MS="5",
    )
    drain._instance._made = None
    yield change
    drain._instance._made = None


def app() -> Flask:
    """The entry point as its host loads it."""
    made: Flask = functions_framework.create_app("drain", MAIN)  # type: ignore[no-untyped-call]
    return made


def client() -> FlaskClient:
    """The entry point as its host serves it."""
    return app().test_client()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged."""
    return [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]


def the_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line that was logged."""
    (line,) = lines(capsys)
    return line


def test_a_window_is_drained_and_told(
    environ: Post, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 with the report as JSON, and the same in one log line with the trace to join."""
    environ(MAX_EVENTS="5")
    ids = standin.control.events(*({"payload": {"n": n}} for n in range(5)))
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    answer = client().post("/", headers=headers)
    report = answer.get_json()
    line = the_line(capsys)

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert (report["outcome"], report["stop_reason"]) == ("drained", "max_events")
    assert (report["stream"], report["published"]) == ("default", 5)
    assert (report["cursor_before"], report["cursor_after"]) == (None, ids[-1])
    assert (line["severity"], line["event"]) == ("INFO", "drain.window_closed")
    assert line["message"].startswith("Stream 'default' drained: ")
    assert line["logging.googleapis.com/trace"] == f"projects/embedded/traces/{TRACE}"
    assert {k: v for k, v in line.items() if k in report and k != "message"} == {
        k: v for k, v in report.items() if k != "message"
    }


def test_without_events_a_window_is_idle(
    environ: Post, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 and INFO: that nothing happened is well."""
    environ(MAX_EVENTS="1", IDLE_SECONDS="0.2")
    standin.control.events({"payload": {}})
    host = client()
    host.post("/")  # a cursor, without which there is no idle timeout
    lines(capsys)
    answer = host.post("/", json={"stream": "default"})

    assert answer.status_code == 200
    assert (answer.get_json()["outcome"], answer.get_json()["stop_reason"]) == ("idle", "idle")
    assert the_line(capsys)["severity"] == "INFO"


def test_rejected_events_are_a_warning(
    environ: Post, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """A window that had to reject something is drained, and worth a look."""
    environ(MAX_EVENTS="2")
    standin.control.events({"data": "{garbage"}, {"payload": {}})
    answer = client().post("/")

    assert (answer.status_code, answer.get_json()["rejected"]) == (200, 1)
    assert the_line(capsys)["severity"] == "WARNING"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_drains(environ: Post, method: str) -> None:
    """405 for everything else."""
    answer = client().open("/", method=method)

    assert answer.status_code == 405
    assert answer.get_json()["stop_reason"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[]", b'"default"', b'{"stream": "other"}', b'{"stream": 5}', b"null"],
    ids=str,
)
def test_a_bad_body_is_refused(
    environ: Post, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """400 with a sentence that says what is asked for, and nothing is drained."""
    answer = client().post("/", data=body)
    line = the_line(capsys)

    assert (answer.status_code, answer.get_json()["stop_reason"]) == (400, "bad_request")
    assert (line["severity"], line["event"]) == ("ERROR", "drain.bad_request")
    assert answer.get_json()["message"] == line["message"]


def test_of_several_streams_one_is_to_be_named(environ: Post) -> None:
    """An empty body means the only stream; with several it says which there are."""
    environ(STREAMS='{"a": {}, "b": {"run_id": "r"}}')
    answer = client().post("/")

    assert answer.status_code == 400
    assert "one of a, b" in answer.get_json()["message"]


def test_wrong_settings_are_told_all_at_once(
    environ: Post, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 and CRITICAL, naming every wrong variable; mended, the next request works."""
    environ(LANES="0", STREAMS="[", VIDEO_VECTOR_API_KEY="two\nlines-of-key")
    host = client()
    answer = host.post("/")
    line = the_line(capsys)

    assert (answer.status_code, answer.get_json()["stop_reason"]) == (500, "settings_wrong")
    for name in ("LANES", "STREAMS", "VIDEO_VECTOR_API_KEY"):
        assert name in answer.get_json()["message"]
    assert len(answer.get_json()["problems"]) == len(line["problems"]) == 3
    assert (line["severity"], line["event"]) == ("CRITICAL", "drain.settings_wrong")
    assert "lines-of-key" not in answer.text + str(line)
    environ(LANES="4", STREAMS="", VIDEO_VECTOR_API_KEY=KEY, MAX_EVENTS="1")
    standin.control.events({"payload": {}})
    assert host.post("/").status_code == 200


def test_a_credential_in_the_address_is_not_repeated(
    environ: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that somebody put into the URL is in neither answer nor log."""
    environ(VIDEO_VECTOR_BASE_URL="https://user:hidden-word@host/?api_key=hidden-word")
    answer = client().post("/")

    assert answer.status_code == 500
    assert "hidden-word" not in answer.text + capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ({"kind": "status", "status": 401}, 502, "credential_refused"),
        ({"kind": "status", "status": 403}, 502, "scope_refused"),
        # Asked to wait for longer than the window lasts, it ends at once.
        ({"kind": "status", "status": 503, "retry_after": 900}, 503, "api_unavailable"),
        ({"kind": "status", "status": 429, "retry_after": 900}, 503, "rate_limited"),
        ({"kind": "drop"}, 503, "unreachable"),
    ],
    ids=["401", "403", "503", "429", "drop"],
)
def test_what_the_api_refuses_is_a_failed_window(
    environ: Post, standin: StandIn, fault: dict[str, Any], status: int, reason: str
) -> None:
    """The status tells the scheduler, the reason people."""
    environ(WINDOW_SECONDS="2" if fault["kind"] == "drop" else "600")
    standin.control.faults({"on": "stream", "times": None, **fault})
    answer = client().post("/")

    assert (answer.status_code, answer.get_json()["stop_reason"]) == (status, reason)


def test_a_failed_window_is_an_error_in_the_log(
    environ: Post, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of severity ERROR; the key is in it as little as in the answer."""
    standin.control.faults(
        {"on": "stream", "kind": "status", "status": 401, "message": f"no {KEY}"}
    )
    answer = client().post("/")
    line = the_line(capsys)

    assert (line["severity"], line["event"]) == ("ERROR", "drain.window_closed")
    assert KEY not in answer.text + str(line)


def test_a_host_that_is_down_is_503(environ: Post) -> None:
    """Nobody listens where VIDEO_VECTOR_BASE_URL points."""
    environ(VIDEO_VECTOR_BASE_URL=f"http://{dead_server()}/api/v2", WINDOW_SECONDS="2")
    answer = client().post("/")

    assert (answer.status_code, answer.get_json()["stop_reason"]) == (503, "unreachable")


def test_a_refused_cursor_waits_for_a_person(environ: Post, standin: StandIn) -> None:
    """409 until somebody sets a policy; then the stream starts over."""
    environ(MAX_EVENTS="1")
    standin.control.events({"payload": {}})
    assert client().post("/").status_code == 200
    standin.control.events({"payload": {}})
    standin.control.expire()
    refused = client().post("/")
    assert (refused.status_code, refused.get_json()["stop_reason"]) == (409, "cursor_refused")

    environ(CURSOR_POLICY="latest")
    drain._instance._made = None
    ids = standin.control.events({"payload": {}})
    report = client().post("/").get_json()
    assert (report["outcome"], report["cursor_after"]) == ("drained", ids[-1])


def test_a_crash_tells_where_and_no_secret(
    environ: Post, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 and CRITICAL with a stack trace, cleaned: no key, no signed URL."""

    def crash(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError(
            "at https://host/o?X-Goog-Signature=hidden-word sk_live_hidden-word"
        )

    monkeypatch.setattr(drain, "drain_window", crash)
    answer = client().post("/")
    line = the_line(capsys)

    assert (answer.status_code, answer.get_json()["stop_reason"]) == (500, "crashed")
    assert (line["severity"], line["event"]) == ("CRITICAL", "drain.crashed")
    assert "ZeroDivisionError" in line["stack_trace"]
    assert "hidden-word" not in answer.text + str(line)


def test_nothing_of_a_window_shows_the_key(
    environ: Post,
    standin: StandIn,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the libraries' own logs either, at their most talkative."""
    caplog.set_level(logging.DEBUG)
    environ(MAX_EVENTS="2")
    standin.control.events({"payload": {}}, {"data": "garbage"})
    standin.control.faults(
        {"on": "stream", "kind": "status", "status": 503, "message": f"no {KEY}"},
        {"on": "stream", "kind": "stream_error", "after_events": 1},
        {"on": "stream", "kind": "cut", "mid_frame": True},
    )
    answer = client().post("/")
    shown = capsys.readouterr()

    assert answer.get_json()["published"] == 1
    assert KEY not in answer.text + shown.out + shown.err + caplog.text
    assert KEY not in repr(drain._instance.get())


def test_streams_drain_side_by_side(
    environ: Post, standin: StandIn, backend_settings: BackendSettings
) -> None:
    """Two requests at once: each stream has its cursor; a second one on the same is busy."""
    environ(
        STREAMS='{"red": {"run_id": "red"}, "blue": {"run_id": "blue"}}',
        BACKEND=backend_settings.kind,
        GOOGLE_CLOUD_PROJECT=backend_settings.project or "none",
        CLAIM_BUCKET=backend_settings.claim_bucket,
        EMBEDDED_DIR=backend_settings.embedded_dir,
        MAX_EVENTS="11",
    )
    subscriber = Subscriber(backend_settings, "events")
    events = [{"run_id": ("red", "blue")[n % 2], "payload": {"n": n}} for n in range(20)]
    ids = standin.control.events(*events)
    host = app()
    together = threading.Barrier(4)

    def post(stream: str) -> dict[str, Any]:
        together.wait()
        found: dict[str, Any] = host.test_client().post("/", json={"stream": stream}).get_json()
        return found

    with ThreadPoolExecutor(4) as pool:
        posts = [pool.submit(post, stream) for stream in ("red", "red", "blue", "blue")]
        ended = as_completed(posts)
        busy = [next(ended).result() for _ in range(2)]
        # Only now do the windows get the event that ends them.
        ids += standin.control.events({"run_id": "red"}, {"run_id": "blue"})
        drained = [each.result() for each in ended]

    assert sorted((r["stream"], r["outcome"]) for r in busy) == [("blue", "busy"), ("red", "busy")]
    assert sorted((r["stream"], r["published"]) for r in drained) == [("blue", 11), ("red", 11)]
    documents = open_backend(backend_settings).documents
    for offset, name in enumerate(("red", "blue")):
        document = documents.read("streams", name, timeout=5)
        assert document is not None
        assert document.fields["cursor"] == ids[20 + offset]
    delivered = [message.attributes["ce-id"] for message in subscriber.receive(22)]
    assert sorted(delivered) == sorted(ids)


def test_settings_errors_are_not_remembered(environ: Post) -> None:
    """What was wrong once is looked at again by the next request."""
    environ(LANES="no")
    for _ in range(2):
        with pytest.raises(SettingsError):
            drain._instance.get()
