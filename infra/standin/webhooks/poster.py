"""HTTP POST requests to webhook receivers, over reused connections.

Uses h11 directly, as uvicorn does. httpx needs ten times the CPU, because its pool examines all its
connections several times per request. The stand-in shares one machine with the receivers.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

import h11

_MAX_CONTENT_BYTES = 4_096  # of a response body; the rest is read and discarded
_READ_BYTES = 65_536
IDLE_SECONDS = 1.0
"""Maximum idle time of a reused connection. Receivers close theirs later (gunicorn: 2 s)."""


class PostError(Exception):
    """No response was received; the message has the reason."""


@dataclass(frozen=True, slots=True)
class PostResponse:
    """A response: its headers by lower-case name, and the beginning of its body."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Poster:
    """Sends requests, each with a timeout of `seconds` and a connection of its own."""

    def __init__(self, seconds: float, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        # By scheme and authority; the most recently used connection is the last.
        self._idle: defaultdict[tuple[str, str], list[_Connection]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostResponse:
        """Send `body` to `url`, without following redirects. Raises `PostError`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(urlsplit(url), body, headers)
        except TimeoutError:
            raise PostError(f"No response within {self._seconds:g} s") from None
        # ValueError: a URL or a header that is invalid in HTTP.
        except (OSError, ValueError, h11.ProtocolError) as error:
            raise PostError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _post(
        self, url: SplitResult, body: bytes, headers: Mapping[str, str]
    ) -> PostResponse:
        idle = self._idle[url.scheme, url.netloc]
        connection = _take_usable(idle, self._idle_seconds) or await _Connection.open(url)
        try:
            response = await connection.exchange(url, body, headers)
        except BaseException:
            connection.close()
            raise
        if connection.reset():
            idle.append(connection)
        else:
            connection.close()
        return response


class _Connection:
    """One connection, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(our_role=h11.CLIENT)
        self._used_at = time.monotonic()

    @classmethod
    async def open(cls, url: SplitResult) -> Self:
        """Connect to the host of `url`."""
        secure = url.scheme == "https"
        # An empty TLS context: it loads and trusts no certificates.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if secure else None
        port = url.port or (443 if secure else 80)
        return cls(*await asyncio.open_connection(url.hostname, port, ssl=context))

    def is_open(self) -> bool:
        """Whether neither side has closed it."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    def is_idle_too_long(self, idle_seconds: float) -> bool:
        """Whether it was last used at least `idle_seconds` ago."""
        return time.monotonic() - self._used_at >= idle_seconds

    async def exchange(
        self, url: SplitResult, body: bytes, headers: Mapping[str, str]
    ) -> PostResponse:
        """Send a request and read the response."""
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        fixed = {"host": url.netloc.rpartition("@")[2], "content-length": str(len(body))}
        request = h11.Request(
            method="POST", target=target, headers=[*(fixed | dict(headers)).items()]
        )
        parts = (self._http.send(event) for event in (request, h11.Data(body), h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        head: h11.Response | None = None
        content = bytearray()
        while not isinstance(event := await self._read_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data[: _MAX_CONTENT_BYTES - len(content)]
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("The receiver closed the connection")
        assert head is not None
        fields = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
        return PostResponse(head.status_code, fields, bytes(content))

    def reset(self) -> bool:
        """Prepare for the next request; False if the connection cannot be reused."""
        if self._http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return False
        self._http.start_next_cycle()
        self._used_at = time.monotonic()
        return self.is_open()

    def close(self) -> None:
        """Close it immediately."""
        self._writer.transport.abort()

    async def _read_event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        assert not isinstance(event, type)  # h11 pauses only for pipelined requests
        return event


def _take_usable(idle: list[_Connection], idle_seconds: float) -> _Connection | None:
    """Remove and return a usable connection; close the others."""
    while idle:
        connection = idle.pop()
        if connection.is_open() and not connection.is_idle_too_long(idle_seconds):
            return connection
        connection.close()
    return None
