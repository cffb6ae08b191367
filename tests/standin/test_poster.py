"""POST requests to receivers: reused connections, and an error that names its cause."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from infra.standin.webhooks.poster import IDLE_SECONDS, Poster, PostError, PostResponse

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[Streams], Awaitable[None]]
Send = Callable[[Poster, str], Awaitable[None]]
ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"


def run(
    serve: Serve, send: Send, *, seconds: float = 60.0, idle_seconds: float = IDLE_SECONDS
) -> int:
    """Post to a server that handles connections with `serve`. Return the number of connections."""
    connections: list[Streams] = []

    async def accept(*streams: *Streams) -> None:
        connections.append(streams)
        await serve(streams)
        streams[1].close()

    async def main() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        poster = Poster(seconds, idle_seconds=idle_seconds)
        try:
            await send(poster, f"http://127.0.0.1:{port}/hook?a=1")
        finally:
            poster.close()
            server.close()

    asyncio.run(main())
    return len(connections)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a request whose body is `body`. Return b"" at the end of the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\nbody")
    except asyncio.IncompleteReadError:
        return b""


def respond_with(response: bytes, *, times: int = 1_000) -> Serve:
    """Send `response` to a number of requests of a connection, then close it."""

    async def serve(streams: Streams) -> None:
        reader, writer = streams
        for _ in range(times):
            if not await read_request(reader):
                return
            writer.write(response)

    return serve


def post(responses: list[PostResponse], *, times: int = 1) -> Send:
    """Send requests one after the other."""

    async def send(poster: Poster, url: str) -> None:
        responses.extend([await poster.post(url, b"body", {"x-a": "b"}) for _ in range(times)])

    return send


def test_request_carries_path_query_and_headers() -> None:
    """As with any HTTP client."""
    requests: list[bytes] = []

    async def serve(streams: Streams) -> None:
        requests.append(await read_request(streams[0]))
        streams[1].write(ACCEPTED)

    run(serve, post([]))
    first, *lines = requests[0].split(b"\r\n")

    assert first == b"POST /hook?a=1 HTTP/1.1"
    assert {b"content-length: 4", b"x-a: b"} <= {line.lower() for line in lines}
    assert any(line.lower().startswith(b"host: 127.0.0.1:") for line in lines)


def test_one_connection_serves_many_requests() -> None:
    """It stays open between requests."""
    responses: list[PostResponse] = []

    assert run(respond_with(ACCEPTED), post(responses, times=5)) == 1
    assert [each.status_code for each in responses] == [204] * 5


def test_concurrent_requests_have_separate_connections() -> None:
    """No request waits for another."""
    waiting: list[Streams] = []
    all_arrived = asyncio.Event()

    async def serve(streams: Streams) -> None:
        await read_request(streams[0])
        waiting.append(streams)
        if len(waiting) == 3:
            all_arrived.set()
        await all_arrived.wait()
        streams[1].write(ACCEPTED)

    async def send(poster: Poster, url: str) -> None:
        await asyncio.gather(*(poster.post(url, b"body", {}) for _ in range(3)))

    assert run(serve, send) == 3


@pytest.mark.parametrize(
    "response",
    [ACCEPTED, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"],
    ids=["closed", "announced", "http-1.0"],
)
def test_a_closed_connection_is_not_used_again(response: bytes) -> None:
    """The next request uses a new one."""
    responses: list[PostResponse] = []

    async def send(poster: Poster, url: str) -> None:
        for _ in range(2):
            responses.append(await poster.post(url, b"body", {}))
            # Both sides share this loop, so the end of the connection arrives in these turns.
            for _ in range(10):
                await asyncio.sleep(0)

    assert run(respond_with(response, times=1), send) == 2
    assert [each.status_code // 100 for each in responses] == [2, 2]


def test_an_idle_connection_is_not_used_again() -> None:
    """Its receiver may be about to close it."""
    assert run(respond_with(ACCEPTED), post([], times=2), idle_seconds=0.0) == 2


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
LONG = b"Content-Length: 20000\r\n\r\n" + b"x" * 20_000


@pytest.mark.parametrize(
    ("before", "rest", "content"),
    [
        (b"", b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"", CHUNKED, b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", LONG, b"x" * 4_096),
    ],
    ids=["length", "chunked", "long"],
)
def test_a_response_is_read_to_its_end(before: bytes, rest: bytes, content: bytes) -> None:
    """In every framing; its body is stored up to a limit, and the connection can be reused."""
    responses: list[PostResponse] = []
    response = before + b"HTTP/1.1 503 X\r\nRetry-After: 5\r\n" + rest

    assert run(respond_with(response), post(responses, times=2)) == 1
    for each in responses:
        assert (each.status_code, each.content) == (503, content)
        assert each.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"HTTP/1.1 204 No",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_an_incomplete_response_is_an_error(response: bytes) -> None:
    """Also if it is not HTTP."""

    async def send(poster: Poster, url: str) -> None:
        with pytest.raises(PostError, match=r"\w"):
            await poster.post(url, b"body", {})

    run(respond_with(response, times=1), send)


def test_a_receiver_that_does_not_respond_is_an_error() -> None:
    """The message has the timeout."""

    async def serve(streams: Streams) -> None:
        await streams[0].read()

    async def send(poster: Poster, url: str) -> None:
        with pytest.raises(PostError, match=r"No response within 0\.01 s"):
            await poster.post(url, b"", {})

    run(serve, send, seconds=0.01)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://no-such-host.invalid", "http://ü\0/"]
)
def test_an_unreachable_receiver_is_an_error(url: str) -> None:
    """The message has the cause."""

    async def send(poster: Poster, _url: str) -> None:
        with pytest.raises(PostError, match=r"(?i)\w+error: ."):
            await poster.post(url, b"body", {})

    assert run(respond_with(ACCEPTED), send) == 0
