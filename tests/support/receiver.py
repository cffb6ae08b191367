"""A webhook receiver over real HTTP. It records requests and sends the responses a test chooses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.patience import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with header names in lower case."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """The requests so far. `respond` returns the status and the headers for a request."""

    url: str
    respond: Callable[[Request], tuple[int, dict[str, str]]] = lambda _request: (204, {})
    requests: list[Request] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def record(self, request: Request) -> tuple[int, dict[str, str]]:
        """Record a request. Return the status and the headers of its response."""
        with self._changed:
            response = self.respond(request)
            self.requests.append(request)
            self._changed.notify_all()
        return response

    def wait(self, count: int) -> list[Request]:
        """Return the requests once there are `count` of them. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE_SECONDS):
                raise TimeoutError(f"{len(self.requests)} of {count} requests arrived.")
            return list(self.requests)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, fields = receiver.record(Request(headers, self.rfile.read(length)))
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
