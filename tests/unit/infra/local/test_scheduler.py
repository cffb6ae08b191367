"""The clock that plays Cloud Scheduler."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.local.scheduler import Clock, Tick


@contextmanager
def drain(answer: Callable[[str], bytes]) -> Iterator[str]:
    """A drain on loopback that answers with what `answer` makes of the stream's name."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            content = answer(json.loads(body)["stream"])
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ticks(url: str, streams: list[str], count: int) -> list[Tick]:
    """The first `count` ticks of a clock without pauses."""
    found: list[Tick] = []
    enough = threading.Event()

    def on_tick(tick: Tick) -> None:
        found.append(tick)
        if len(found) >= count:
            enough.set()

    clock = Clock(url, streams, pause_seconds=0.0, attempt_seconds=30.0, on_tick=on_tick)
    clock.start()
    assert enough.wait(30)
    clock.stop()
    return found


def test_every_stream_is_called_and_its_answer_told() -> None:
    """A tick carries the stream, the status and the answer of drain."""
    with drain(lambda stream: json.dumps({"outcome": stream}).encode()) as url:
        found = ticks(url, ["one"], 3)

    assert {(tick.stream, tick.status) for tick in found} == {("one", 200)}
    assert found[0].answer == {"outcome": "one"}


def test_streams_do_not_wait_for_each_other() -> None:
    """While the window of one stream lasts, another is called again and again."""
    slow_may_end = threading.Event()

    def answer(stream: str) -> bytes:
        if stream == "slow":
            slow_may_end.wait(30)
        return b"{}"

    with drain(answer) as url:
        found = ticks(url, ["slow", "quick"], 5)
        slow_may_end.set()

    assert {tick.stream for tick in found[:5]} == {"quick"}


def test_a_stream_has_never_two_calls_outstanding() -> None:
    """A stream is called again only after the call before has ended."""
    running, most = 0, 0

    def answer(_: str) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.005)
        running -= 1
        return b"{}"

    with drain(answer) as url:
        ticks(url, ["one"], 10)

    assert most == 1


def test_half_an_answer_is_none() -> None:
    """A window that was cut off gives a tick without an answer."""
    with drain(lambda _: b'{"outcome": "dra') as url:
        found = ticks(url, ["one"], 1)

    assert found[0].answer is None


def test_nobody_there_is_no_answer() -> None:
    """Where nobody listens, the clock ticks on and says that there was no answer."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    found = ticks(f"http://127.0.0.1:{port}", ["one"], 2)

    assert [tick.answer for tick in found[:2]] == [None, None]
