"""The local scheduler over real HTTP."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.local.scheduler import Call, Job, Scheduler, list_drain_jobs


@contextmanager
def drain(respond: Callable[[str], bytes]) -> Iterator[str]:
    """A `drain` on 127.0.0.1 whose response body is `respond(stream)`; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            content = respond(json.loads(body)["stream"] if body else "")
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def first_calls(url: str, streams: list[str], count: int) -> list[Call]:
    """The first `count` calls of `drain` without pauses, perhaps a few more."""
    return calls_of(list_drain_jobs(url, streams, pause_seconds=0, attempt_seconds=30), count)


def calls_of(jobs: list[Job], count: int) -> list[Call]:
    """The first `count` calls of jobs, perhaps a few more."""
    calls: list[Call] = []
    enough = threading.Event()

    def on_call(call: Call) -> None:
        calls.append(call)
        if len(calls) >= count:
            enough.set()

    scheduler = Scheduler(jobs, on_call=on_call)
    scheduler.start()
    assert enough.wait(30)
    scheduler.stop()
    return calls


def test_each_call_reports_stream_status_and_response() -> None:
    """`on_call` receives the JSON that `drain` responds with."""
    with drain(lambda stream: json.dumps({"outcome": stream}).encode()) as url:
        calls = first_calls(url, ["one"], 3)

    assert {(call.job.stream, call.status) for call in calls} == {("one", 200)}
    assert calls[0].response == {"outcome": "one"}


def test_streams_do_not_wait_for_each_other() -> None:
    """While one stream's window lasts, another stream is called repeatedly."""
    slow_may_end = threading.Event()

    def respond(stream: str) -> bytes:
        if stream == "slow":
            slow_may_end.wait(30)
        return b"{}"

    with drain(respond) as url:
        calls = first_calls(url, ["slow", "quick"], 5)
        slow_may_end.set()

    assert {call.job.stream for call in calls[:5]} == {"quick"}


def test_another_function_is_called_without_a_body() -> None:
    """`reconcile` and `canary` have one job each, and need no stream."""
    with drain(lambda stream: json.dumps({"outcome": stream or "no body"}).encode()) as url:
        calls = calls_of([Job("reconcile", url, 0, 30)], 2)

    assert calls[0].response == {"outcome": "no body"}
    assert (calls[0].job.name, calls[0].job.stream) == ("reconcile", "")


def test_a_stream_never_has_two_calls_at_once() -> None:
    """A stream is called again only after its last call has ended."""
    running, most = 0, 0

    def respond(_: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.005)
        running -= 1
        return b"{}"

    with drain(respond) as url:
        first_calls(url, ["one"], 10)

    assert most == 1


def test_a_live_stream_is_called_while_its_window_runs() -> None:
    """The second job calls before the first one's call has ended: it asks for the hand-over."""
    calls_begun = itertools.count(1)
    overlap = threading.Event()

    def respond(_: str) -> bytes:
        if next(calls_begun) == 2:
            overlap.set()
        return json.dumps({"overlap": overlap.wait(30)}).encode()

    with drain(respond) as url:
        jobs = list_drain_jobs(url, ["one"], pause_seconds=0, attempt_seconds=30, live=True)
        calls = calls_of(jobs, 2)

    assert [call.response for call in calls[:2]] == [{"overlap": True}] * 2


def test_a_job_waits_before_its_first_call() -> None:
    """The other jobs do not wait for it."""
    with drain(lambda _: b"{}") as url:
        late = Job("reconcile", url, 0, 30, first_seconds=3_600)
        calls = calls_of([Job("drain", url, 0, 30, "one"), late], 3)

    assert {call.job.stream for call in calls} == {"one"}


def test_an_incomplete_response_counts_as_none() -> None:
    """A window whose process was killed has no response."""
    with drain(lambda _: b'{"outcome": "dra') as url:
        calls = first_calls(url, ["one"], 1)

    assert calls[0].response is None


def test_a_refused_connection_counts_as_no_response() -> None:
    """If nothing listens, the scheduler continues, and each call has no response."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    calls = first_calls(f"http://127.0.0.1:{port}", ["one"], 2)

    assert [call.response for call in calls[:2]] == [None, None]
