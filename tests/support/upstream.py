"""A scripted VideoVector: an httpx transport, for sync and async clients, without a socket.

A script is a list of values, one for each request: a `Response` or a `Fault`. A request beyond
the script fails the test.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import orjson

from tests.support.vendor_events import event, sse

BASE_URL: Final = "https://api.example.test/api/v2"
EVENT_STREAM: Final = {"Content-Type": "text/event-stream; charset=utf-8"}

Ending = Callable[[httpx.Request], AsyncIterator[bytes]]
"""What follows the pieces of a body; for async clients."""


@dataclass(frozen=True)
class Response:
    """A response. The body arrives in `pieces`; one that is an exception breaks the connection."""

    pieces: Iterable[bytes | Exception] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Ending | None = None


@dataclass(frozen=True)
class Fault:
    """No response: the error that httpx raises."""

    error: type[httpx.TransportError] = httpx.ConnectError
    text: str = "connection refused"


def event_stream(pieces: Iterable[bytes | Exception] = (), then: Ending | None = None) -> Response:
    """Return the response of an accepted stream."""
    return Response(pieces, headers=EVENT_STREAM, then=then)


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response whose body is the JSON of `value`, or `value` itself if it is bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response([body], status, headers or {})


def error_response(status: int, message: str, code: str = "", **headers: str) -> Response:
    """Return an error in VideoVector's nested form."""
    body = orjson.dumps({"error": {"message": message, "code": code}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response([body], status, {"Content-Type": "application/json", **named})


NO_CONTENT: Final = Response(status=204)
"""VideoVector has nothing more to send."""

ACCEPTED: Final = event_stream()
"""A stream without events: the response to a probe without Last-Event-ID."""


async def cut(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Break the connection."""
    for piece in list[bytes]():
        yield piece
    raise httpx.ReadError("connection reset")


async def silence(request: httpx.Request) -> AsyncIterator[bytes]:
    """Send nothing, until the client's own read timeout."""
    for piece in list[bytes]():
        yield piece
    await asyncio.sleep(request.extensions["timeout"]["read"])
    raise httpx.ReadTimeout("")


async def heartbeats(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send comments for ever."""
    while True:
        await asyncio.sleep(0.02)
        yield b": heartbeat\n\n"


def trickle(seconds: float) -> Ending:
    """Send an event every so many seconds, and heartbeats between them."""

    async def send(_request: httpx.Request) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            for _ in range(2):
                await asyncio.sleep(seconds / 2)
                yield b": heartbeat\n\n"
            yield sse(event(number), f"{number}")

    return send


class Upstream(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Plays its script, records the requests, and refuses any request beyond the script.

    `closed` counts the bodies that the client has closed.
    """

    def __init__(self, *script: Response | Fault) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []
        self.closed = 0

    @property
    def last_event_ids(self) -> list[str | None]:
        """The Last-Event-ID of each request, in order."""
        return [request.headers.get("Last-Event-ID") for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The requests' bodies, decoded."""
        return [json.loads(request.content) for request in self.requests]

    @property
    def done(self) -> bool:
        """Whether the whole script was played."""
        return not self._script

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Play the next step for a sync client."""
        request.read()
        return self._play(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Play the next step for an async client."""
        await request.aread()
        return self._play(request)

    def _play(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.respond(request)
        if isinstance(step, Fault):
            raise step.error(step.text, request=request)
        # A stream, as from a socket: httpx would decode content before the client asks for it.
        body = _Body(self, step, request)
        return httpx.Response(step.status, headers=dict(step.headers), stream=body)

    def respond(self, request: httpx.Request) -> Response | Fault:
        """Return the step for a request; a subclass may decide by the request."""
        assert self._script, f"no more requests were expected, got {request!r}"
        return self._script.pop(0)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, upstream: Upstream, response: Response, request: httpx.Request) -> None:
        self._upstream = upstream
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        assert self._response.then is None, "an ending needs an async client"
        for piece in self._response.pieces:
            yield _bytes_or_raise(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._response.pieces:
            await asyncio.sleep(0)  # as a socket would
            yield _bytes_or_raise(piece)
        if self._response.then is not None:
            async for piece in self._response.then(self._request):
                yield piece

    def close(self) -> None:
        self._upstream.closed += 1

    async def aclose(self) -> None:
        self._upstream.closed += 1


def _bytes_or_raise(piece: bytes | Exception) -> bytes:
    if isinstance(piece, Exception):
        raise piece
    return piece


class Replay(Upstream):
    """Sends the events after the Last-Event-ID, `piece` bytes at a time; 204 when none is left.

    With `then` the connection stays open instead.
    """

    def __init__(
        self, events: Sequence[bytes], *, piece: int = 300, then: Ending | None = None
    ) -> None:
        super().__init__()
        self.ids = [orjson.loads(event)["event_id"] for event in events]
        self._frames = [sse(event, id_) for event, id_ in zip(events, self.ids, strict=True)]
        self._piece = piece
        self._then = then

    def respond(self, request: httpx.Request) -> Response:
        """Return the stream after the request's Last-Event-ID."""
        last = request.headers.get("Last-Event-ID")
        if last is not None and last not in self.ids:
            return error_response(410, "The cursor has expired")
        rest = b"".join(self._frames[self.ids.index(last) + 1 if last else 0 :])
        if not rest and self._then is None:
            return NO_CONTENT
        starts = range(0, len(rest), self._piece)
        return event_stream([rest[at : at + self._piece] for at in starts], then=self._then)
