"""Servers that are not well, for the failures of a network."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@contextmanager
def stalled_server() -> Iterator[str]:
    """Yield the `host:port` of a server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # The kernel accepts for us; nobody ever reads.
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def dead_server() -> str:
    """Return a `host:port` where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def refusing_server(status: int, message: str, asked: list[str] | None = None) -> Iterator[str]:
    """Yield the `host:port` of an HTTP server that refuses everything in the way of Google's.

    The paths that it is asked for are added to `asked`.
    """
    body = json.dumps({"error": {"code": status, "message": message}}).encode()

    class Refuse(_Handler):
        def answer(self, _given: bytes) -> tuple[int, str, bytes]:
            if asked is not None:
                asked.append(self.path)
            return status, "application/json", body

    with _serving(Refuse) as host:
        yield host


@contextmanager
def forgetful_proxy(url: str, lost: int) -> Iterator[str]:
    """Yield the `host:port` of a proxy to `url` that drops the first `lost` answers to a POST.

    What was asked for has happened then.
    """
    target = urlsplit(url).netloc
    losses = iter(range(lost))

    class Forward(_Handler):
        def answer(self, given: bytes) -> tuple[int, str, bytes] | None:
            connection = HTTPConnection(target, timeout=10)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "accept-encoding"}
            connection.request(self.command, self.path, given, headers)
            found = connection.getresponse()
            body = found.read()
            connection.close()
            if self.command == "POST" and next(losses, None) is not None:
                return None
            return found.status, found.getheader("Content-Type", ""), body

    with _serving(Forward) as host:
        yield host


class _Handler(BaseHTTPRequestHandler):
    """Answers each request with what `answer` returns; without, it hangs up."""

    def answer(self, given: bytes) -> tuple[int, str, bytes] | None:
        """The status, content type and body for a request with this body."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Any method is answered alike."""
        given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.answer(given)
        self.close_connection = True
        if answer is not None:
            status, content_type, body = answer
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_POST = do_PUT = do_GET  # noqa: N815 - their names there

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def _serving(handler: type[_Handler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
