"""A server that records push requests, in place of a function."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Request = tuple[dict[str, str], bytes]


class PushEndpoint(NamedTuple):
    """Its URL, and the requests so far: headers with lower-case names, and the body."""

    url: str
    requests: list[Request]


@contextmanager
def push_endpoint(respond: Callable[[bytes], int]) -> Iterator[PushEndpoint]:
    """Serve until the end of the block, with the status that `respond` returns for a body."""
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(respond(body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield PushEndpoint(f"http://127.0.0.1:{server.server_port}", requests)
        server.shutdown()
