"""HTTP to our own ports: no proxy, no TLS, and nothing that takes time to import."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

_JSON = "application/json"


def ask(url: str, body: bytes | None = None, *, timeout: float) -> tuple[int, bytes]:
    """GET, or POST with a JSON body; return status and body of the answer.

    Raises `OSError` or `http.client.HTTPException` where there is none.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": _JSON})
        connection.request(method, parts.path or "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
