"""Ports of 127.0.0.1: find a free one, and send a request to one.

Plain `http.client`: without proxies and TLS, and quick to import.
"""

import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

_JSON = "application/json"


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def request(url: str, body: bytes | None = None, *, timeout: float) -> tuple[int, bytes]:
    """Send a GET, or a POST with a JSON body; return status and body of the response.

    Raises `OSError` or `http.client.HTTPException` when there is no complete response.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": _JSON})
        connection.request(method, parts.path or "/", body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
