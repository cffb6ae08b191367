"""`ingest.drain` through its real host: statuses, one log line each, and streams side by side.

Over real sockets, so in real time. Windows end by `MAX_EVENTS`, which does not depend on the
machine's speed, or by the idle time once the stand-in has responded.
"""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from infra.standin import StandIn, StandInConfig
from tests.support.hosting import host
from tests.support.log_lines import log_lines, only_log_line
from tests.support.peers import dead_server
from tests.support.topic_subscriber import Subscriber
from tests.support.traces import SPAN_ID, TRACE_ID, TRACEPARENT
from tests.support.windows import NO_JITTER
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.ingest.drain import Endpoint, entry_point
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings.drain import drain_settings

KEY = "opaque-0123456789-credential"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in in which nothing has happened yet; its key is of no known form."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1, api_keys={"read": KEY})) as running:
        yield running


without_jitter = partial(drain_window, tuning=NO_JITTER)


class Deployment:
    """`drain` in its host, with the variables `environ`."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.deploy(without_jitter)

    def set(self, **variables: str) -> None:
        """Deploy again with these variables."""
        self.environ = self.environ | variables
        self.deploy(without_jitter)

    def deploy(self, drain_window: Any) -> None:
        """Deploy again with this in place of `drain_window`."""
        endpoint = Endpoint(self.environ, drain_window=drain_window)
        self.app: Flask = host(entry_point(endpoint))

    def post(self, **request: Any) -> Any:
        """Send a request."""
        return self.app.test_client().post("/", **request)


@pytest.fixture
def drain(standin: StandIn, tmp_path: Path) -> Deployment:
    """A deployment on the embedded backend."""
    return Deployment(
        {
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": KEY,
            "BACKEND": "embedded",
            "EMBEDDED_DIR": str(tmp_path / "bridge"),
            "API_TIMEOUT_SECONDS": "60",
            "WINDOW_SECONDS": "600",
            "LEASE_SECONDS": "600",
            "IDLE_SECONDS": "600",
            "LINGER_MS": "5",
        }
    )


def test_a_window_is_drained_and_reported(
    drain: Deployment, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 with the report as JSON, and the same facts in one log line of the trace."""
    drain.set(MAX_EVENTS="5", GOOGLE_CLOUD_PROJECT="my-project")
    ids = standin.control.events(*({"payload": {"n": n}} for n in range(5)))
    response = drain.post(headers={"traceparent": TRACEPARENT})
    report = response.get_json()
    line = only_log_line(capsys)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert (report["outcome"], report["stop_reason"]) == ("drained", "max_events")
    assert (report["stream"], report["published"]) == ("default", 5)
    assert (report["cursor_before"], report["cursor_after"]) == (None, ids[-1])
    assert (line["severity"], line["event"]) == ("INFO", "drain.window_closed")
    assert line["message"].startswith("Stream 'default' drained: ")
    assert line["logging.googleapis.com/trace"] == f"projects/my-project/traces/{TRACE_ID}"
    assert line["logging.googleapis.com/spanId"] == SPAN_ID
    assert {k: v for k, v in line.items() if k in report and k != "message"} == {
        k: v for k, v in report.items() if k != "message"
    }


def test_without_events_a_window_is_idle(
    drain: Deployment, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 and INFO: a stream without events is healthy."""
    drain.set(MAX_EVENTS="1", IDLE_SECONDS="0.2")
    standin.control.events({"payload": {}})
    drain.post()  # a cursor, without which there is no idle timeout
    log_lines(capsys)
    response = drain.post(json={"stream": "default"})

    assert response.status_code == 200
    assert (response.get_json()["outcome"], response.get_json()["stop_reason"]) == ("idle", "idle")
    assert only_log_line(capsys)["severity"] == "INFO"


def test_rejected_events_are_a_warning(
    drain: Deployment, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """A window that rejected something is drained, with a warning in the log."""
    drain.set(MAX_EVENTS="2")
    standin.control.events({"data": "{garbage"}, {"payload": {}})
    response = drain.post()

    assert (response.status_code, response.get_json()["rejected"]) == (200, 1)
    assert only_log_line(capsys)["severity"] == "WARNING"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_drains(drain: Deployment, method: str) -> None:
    """405 for everything else."""
    response = drain.app.test_client().open("/", method=method)

    assert response.status_code == 405
    assert response.get_json()["stop_reason"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"[]", b'"default"', b'{"stream": "other"}', b'{"stream": 5}', b"null"],
    ids=str,
)
def test_a_bad_body_is_refused(
    drain: Deployment, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """400 with a sentence that describes the body, and nothing is drained."""
    response = drain.post(data=body)
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["stop_reason"]) == (400, "bad_request")
    assert (line["severity"], line["event"]) == ("ERROR", "drain.bad_request")
    assert response.get_json()["message"] == line["message"]


def test_one_of_several_streams_must_be_named(drain: Deployment) -> None:
    """An empty body means the only stream; with several, the error lists them."""
    drain.set(STREAMS='{"a": {}, "b": {"run_id": "r"}}')
    response = drain.post()

    assert response.status_code == 400
    assert "one of a, b" in response.get_json()["message"]


def test_wrong_settings_are_reported_at_once(
    drain: Deployment, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 and CRITICAL with every wrong variable; once they are fixed, a request succeeds."""
    drain.set(LANES="0", STREAMS="[", VIDEO_VECTOR_API_KEY="two\nlines-of-key")
    response = drain.post()
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["stop_reason"]) == (500, "settings_wrong")
    for name in ("LANES", "STREAMS", "VIDEO_VECTOR_API_KEY"):
        assert name in response.get_json()["message"]
    assert len(response.get_json()["problems"]) == len(line["problems"]) == 3
    assert (line["severity"], line["event"]) == ("CRITICAL", "drain.settings_wrong")
    assert "lines-of-key" not in response.text + str(line)
    drain.environ.update(LANES="4", STREAMS="", VIDEO_VECTOR_API_KEY=KEY, MAX_EVENTS="1")
    standin.control.events({"payload": {}})
    assert drain.post().status_code == 200


def test_a_credential_in_the_address_is_not_repeated(
    drain: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key in the URL is in neither response nor log."""
    drain.set(VIDEO_VECTOR_BASE_URL="https://user:hidden-word@host/?api_key=hidden-word")
    response = drain.post()

    assert response.status_code == 500
    assert "hidden-word" not in response.text + capsys.readouterr().out


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ({"kind": "status", "status": 401}, 502, "credential_refused"),
        ({"kind": "status", "status": 403}, 502, "scope_refused"),
        # With a Retry-After past its end, the window ends at once.
        ({"kind": "status", "status": 503, "retry_after": 900}, 503, "api_unavailable"),
        ({"kind": "status", "status": 429, "retry_after": 900}, 503, "rate_limited"),
        ({"kind": "drop"}, 503, "unreachable"),
    ],
    ids=["401", "403", "503", "429", "drop"],
)
def test_an_api_error_is_a_failed_window(
    drain: Deployment, standin: StandIn, fault: dict[str, Any], status: int, reason: str
) -> None:
    """The status is for the scheduler, the reason for people."""
    drain.set(WINDOW_SECONDS="2" if fault["kind"] == "drop" else "600")
    standin.control.faults({"on": "stream", "times": None, **fault})
    response = drain.post()

    assert (response.status_code, response.get_json()["stop_reason"]) == (status, reason)


def test_a_failed_window_is_an_error_in_the_log(
    drain: Deployment, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line of severity ERROR; the key is neither in it nor in the response."""
    standin.control.faults(
        {"on": "stream", "kind": "status", "status": 401, "message": f"no {KEY}"}
    )
    response = drain.post()
    line = only_log_line(capsys)

    assert (line["severity"], line["event"]) == ("ERROR", "drain.window_closed")
    assert KEY not in response.text + str(line)


def test_a_host_that_is_down_is_503(drain: Deployment) -> None:
    """Nothing listens at VIDEO_VECTOR_BASE_URL."""
    drain.set(VIDEO_VECTOR_BASE_URL=f"http://{dead_server()}/api/v2", WINDOW_SECONDS="2")
    response = drain.post()

    assert (response.status_code, response.get_json()["stop_reason"]) == (503, "unreachable")


def test_a_refused_cursor_waits_for_a_person(drain: Deployment, standin: StandIn) -> None:
    """409 until a person sets a policy; then the stream starts over."""
    drain.set(MAX_EVENTS="1")
    standin.control.events({"payload": {}})
    assert drain.post().status_code == 200
    standin.control.events({"payload": {}})
    standin.control.expire()
    refused = drain.post()
    assert (refused.status_code, refused.get_json()["stop_reason"]) == (409, "cursor_refused")

    drain.set(CURSOR_POLICY="latest")
    ids = standin.control.events({"payload": {}})
    report = drain.post().get_json()
    assert (report["outcome"], report["cursor_after"]) == ("drained", ids[-1])


def test_a_crash_shows_where_and_no_secret(
    drain: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 and CRITICAL with a redacted stack trace: no key, no signed URL."""

    def crash(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError(
            "at https://host/o?X-Goog-Signature=hidden-word sk_live_hidden-word"
        )

    drain.deploy(crash)
    response = drain.post()
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["stop_reason"]) == (500, "crashed")
    assert (line["severity"], line["event"]) == ("CRITICAL", "drain.crashed")
    assert "ZeroDivisionError" in line["stack_trace"]
    assert "hidden-word" not in response.text + str(line)


def test_nothing_of_a_window_shows_the_key(
    drain: Deployment,
    standin: StandIn,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the libraries' own logs either, with all levels enabled."""
    caplog.set_level(logging.DEBUG)
    drain.set(MAX_EVENTS="2")
    standin.control.events({"payload": {}}, {"data": "garbage"})
    standin.control.faults(
        {"on": "stream", "kind": "status", "status": 503, "message": f"no {KEY}"},
        {"on": "stream", "kind": "stream_error", "after_events": 1},
        {"on": "stream", "kind": "cut", "mid_frame": True},
    )
    response = drain.post()
    shown = capsys.readouterr()

    assert response.get_json()["published"] == 1
    assert KEY not in response.text + shown.out + shown.err + caplog.text
    assert KEY not in repr(drain_settings(drain.environ))


def test_streams_drain_side_by_side(
    drain: Deployment, standin: StandIn, backend_settings: BackendSettings
) -> None:
    """Two requests at once: each stream has its cursor; a second one on the same is busy."""
    drain.set(
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
    together = threading.Barrier(4)

    def post(stream: str) -> dict[str, Any]:
        together.wait()
        report: dict[str, Any] = drain.post(json={"stream": stream}).get_json()
        return report

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


def test_settings_errors_are_not_cached(drain: Deployment) -> None:
    """Every request reads wrong settings again."""
    drain.set(LANES="no")
    assert [drain.post().status_code for _ in range(2)] == [500, 500]
    drain.environ["LANES"] = "4"
    assert drain.post(data=b"[]").status_code == 400
