"""Google's REST APIs on loopback: recorded answers by method and path, and the requests.

The answers have the form of Google's reference pages; none was recorded on real Google Cloud.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Response = tuple[int, Any]
DENIED: Response = (
    403,
    {"error": {"code": 403, "message": "Permission denied.", "status": "PERMISSION_DENIED"}},
)
MISSING: Response = (
    404,
    {"error": {"code": 404, "message": "Resource not found.", "status": "NOT_FOUND"}},
)


@dataclass(frozen=True, slots=True)
class Received:
    """A request: its path without the query, query, and JSON body."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any


@dataclass
class GoogleApis:
    """Answers by `METHOD host/path`; everything else is 404. An answer may be bytes."""

    address: str = ""
    responses: dict[str, Response] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)

    def add(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """Add an answer."""
        self.responses[f"{method} {path}"] = (status, body)


@contextmanager
def serving_google() -> Iterator[GoogleApis]:
    """Serve on a free port. Set `GOOGLE_REST_EMULATOR_HOST` to `address`."""
    apis = GoogleApis()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length)
            path = parts.path.removeprefix("/")
            body = json.loads(sent) if sent else None
            apis.requests.append(Received(self.command, path, parse_qs(parts.query), body))
            status, content = apis.responses.get(f"{self.command} {path}", MISSING)
            encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = respond  # noqa: N815 - the names of the base class

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    apis.address = f"127.0.0.1:{server.server_port}"
    try:
        yield apis
    finally:
        server.shutdown()
        server.server_close()
