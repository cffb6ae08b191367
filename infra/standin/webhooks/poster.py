"""HTTP POST requests to webhook receivers, over connections that are kept for the next request.

Written on h11, which serves the stand-in too, because httpx takes ten times the CPU: its pool looks
at all its connections several times in a request. Deliveries share a machine with all that they
set in motion.
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

_KEPT_BYTES = 4_096  # of an answer's body; the rest is read and dropped
_READ_BYTES = 65_536
# Shorter than receivers keep an idle connection (gunicorn: 2 s), so that no request meets the end.
_IDLE_SECONDS = 1.0


class PostError(Exception):
    """No answer came; the message says why."""


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """An answer: its headers by name in lower case, and the beginning of its body."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class Poster:
    """Sends requests, each within `seconds`. As many connections as requests at one time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # By scheme and authority, the one used last at the end.
        self._idle: defaultdict[tuple[str, str], list[_Connection]] = defaultdict(list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Send `body` there; redirects are answers. Raises `PostError` if no answer comes."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(urlsplit(url), body, headers)
        except TimeoutError:
            raise PostError(f"No answer within {self._seconds:g} s") from None
        # ValueError: an address or a header that HTTP cannot carry.
        except (OSError, ValueError, h11.ProtocolError) as error:
            raise PostError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the connections that no request uses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _post(self, url: SplitResult, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        idle = self._idle[url.scheme, url.netloc]
        connection = _usable(idle) or await _Connection.open(url)
        try:
            answer = await connection.exchange(url, body, headers)
        except BaseException:
            connection.close()
            raise
        if connection.renew():
            idle.append(connection)
        else:
            connection.close()
        return answer


class _Connection:
    """One connection, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(our_role=h11.CLIENT)
        self._used_at = time.monotonic()

    @classmethod
    async def open(cls, url: SplitResult) -> Self:
        """Connect to the host of `url`."""
        secure = url.scheme == "https"
        # An empty TLS context: nothing is trusted, and no certificate need be loaded.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if secure else None
        port = url.port or (443 if secure else 80)
        return cls(*await asyncio.open_connection(url.hostname, port, ssl=context))

    @property
    def usable(self) -> bool:
        """Whether the other side is surely still there."""
        recent = time.monotonic() - self._used_at < _IDLE_SECONDS
        return recent and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(
        self, url: SplitResult, body: bytes, headers: Mapping[str, str]
    ) -> PostAnswer:
        """Send a request and read its answer."""
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        fixed = {"host": url.netloc.rpartition("@")[2], "content-length": str(len(body))}
        request = h11.Request(
            method="POST", target=target, headers=[*(fixed | dict(headers)).items()]
        )
        parts = (self._http.send(each) for each in (request, h11.Data(body), h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        head: h11.Response | None = None
        content = bytearray()
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data[: _KEPT_BYTES - len(content)]
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("The receiver closed the connection")
        assert head is not None
        found = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
        return PostAnswer(head.status_code, found, bytes(content))

    def renew(self) -> bool:
        """Prepare for the next request; False if there can be none."""
        if self._http.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return False
        self._http.start_next_cycle()
        self._used_at = time.monotonic()
        return self.usable

    def close(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()

    async def _event(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        assert not isinstance(event, type)  # not paused: one request at a time
        return event


def _usable(idle: list[_Connection]) -> _Connection | None:
    """Take a connection that is still good; the others are closed."""
    while idle:
        connection = idle.pop()
        if connection.usable:
            return connection
        connection.close()
    return None
