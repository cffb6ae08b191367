"""Servers that fail, on loopback: stalled, dead, refusing, or dropping responses."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit


@contextmanager
def stalled_server() -> Iterator[str]:
    """Yield the `host:port` of a server that accepts connections and never responds."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # The kernel accepts the connections; nothing reads from them.
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def dead_server() -> str:
    """Return a `host:port` where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Request(NamedTuple):
    """A request to a scripted server; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """A response of a scripted server."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})


@contextmanager
def scripted_server(respond: Callable[[Request], Response | None]) -> Iterator[str]:
    """Yield the `host:port` of an HTTP server. For None it closes the connection.

    Each request has its own connection and thread.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Respond to a request of any method."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response = respond(Request(self.command, self.path, headers, body))
            self.close_connection = True
            if response is None:
                return
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)

        do_POST = do_PUT = do_GET  # noqa: N815 - names of the base class

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as there
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def refusing_server(status: int, message: str, paths: list[str] | None = None) -> Iterator[str]:
    """Yield the `host:port` of a server that refuses every request in Google's form.

    It appends the paths of the requests to `paths`.
    """
    body = json.dumps({"error": {"code": status, "message": message}}).encode()

    def refuse(request: Request) -> Response:
        if paths is not None:
            paths.append(request.path)
        return Response(status, body)

    with scripted_server(refuse) as host:
        yield host


@contextmanager
def dropping_proxy(url: str, drops: int) -> Iterator[str]:
    """Yield the `host:port` of a proxy to `url` that drops the first `drops` responses to a POST.

    The request has taken effect by then.
    """
    target = urlsplit(url).netloc
    dropped = iter(range(drops))

    def forward(request: Request) -> Response | None:
        connection = HTTPConnection(target, timeout=10)
        headers = {k: v for k, v in request.headers.items() if k != "accept-encoding"}
        connection.request(request.method, request.path, request.body, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if request.method == "POST" and next(dropped, None) is not None:
            return None
        return Response(response.status, body, response.getheader("Content-Type", ""))

    with scripted_server(forward) as host:
        yield host
