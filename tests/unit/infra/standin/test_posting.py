"""The stand-in's POST requests: one connection for many, and a reason wherever no answer comes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from infra.standin.webhooks import poster as posting
from infra.standin.webhooks.poster import PostAnswer, Poster, PostError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[Streams], Awaitable[None]]
Ask = Callable[[Poster, str], Awaitable[None]]
ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"


def run(serve: Serve, ask: Ask, *, seconds: float = 60.0) -> int:
    """Post to a server that serves each connection so; the number of connections."""
    connections: list[Streams] = []

    async def accept(*streams: *Streams) -> None:
        connections.append(streams)
        await serve(streams)
        streams[1].close()

    async def main() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        poster = Poster(seconds)
        try:
            await ask(poster, f"http://127.0.0.1:{port}/hook?a=1")
        finally:
            poster.close()
            server.close()

    asyncio.run(main())
    return len(connections)


async def request(reader: asyncio.StreamReader) -> bytes:
    """Read a request whose body is `body`; b"" where there is none."""
    try:
        return await reader.readuntil(b"\r\n\r\nbody")
    except asyncio.IncompleteReadError:
        return b""


def answering(answer: bytes, *, times: int = 1_000) -> Serve:
    """Answer so many requests of a connection so, then close it."""

    async def serve(streams: Streams) -> None:
        reader, writer = streams
        for _ in range(times):
            if not await request(reader):
                return
            writer.write(answer)

    return serve


def post(answers: list[PostAnswer], *, times: int = 1) -> Ask:
    """Post one after the other."""

    async def ask(poster: Poster, url: str) -> None:
        answers.extend([await poster.post(url, b"body", {"x-a": "b"}) for _ in range(times)])

    return ask


def test_request_carries_path_query_and_headers() -> None:
    """As any HTTP client sends them."""
    requests: list[bytes] = []

    async def serve(streams: Streams) -> None:
        requests.append(await request(streams[0]))
        streams[1].write(ACCEPTED)

    run(serve, post([]))
    first, *lines = requests[0].split(b"\r\n")

    assert first == b"POST /hook?a=1 HTTP/1.1"
    assert {b"content-length: 4", b"x-a: b"} <= {line.lower() for line in lines}
    assert any(line.lower().startswith(b"host: 127.0.0.1:") for line in lines)


def test_one_connection_serves_many_requests() -> None:
    """It is kept from one request to the next."""
    answers: list[PostAnswer] = []

    assert run(answering(ACCEPTED), post(answers, times=5)) == 1
    assert [each.status_code for each in answers] == [204] * 5


def test_requests_at_one_time_have_connections_of_their_own() -> None:
    """None waits for another."""
    waiting: list[Streams] = []
    all_here = asyncio.Event()

    async def serve(streams: Streams) -> None:
        await request(streams[0])
        waiting.append(streams)
        if len(waiting) == 3:
            all_here.set()
        await all_here.wait()
        streams[1].write(ACCEPTED)

    async def ask(poster: Poster, url: str) -> None:
        await asyncio.gather(*(poster.post(url, b"body", {}) for _ in range(3)))

    assert run(serve, ask) == 3


@pytest.mark.parametrize(
    "answer",
    [ACCEPTED, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"],
    ids=["closed", "announced", "http-1.0"],
)
def test_a_closed_connection_is_not_used_again(answer: bytes) -> None:
    """The next request has a new one."""
    answers: list[PostAnswer] = []

    async def ask(poster: Poster, url: str) -> None:
        for _ in range(2):
            answers.append(await poster.post(url, b"body", {}))
            # The end of the connection is there by then: both sides share this loop.
            for _ in range(10):
                await asyncio.sleep(0)

    assert run(answering(answer, times=1), ask) == 2
    assert [each.status_code // 100 for each in answers] == [2, 2]


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its receiver may be about to close it."""
    monkeypatch.setattr(posting, "_IDLE_SECONDS", 0.0)

    assert run(answering(ACCEPTED), post([], times=2)) == 2


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
def test_an_answer_is_read_to_its_end(before: bytes, rest: bytes, content: bytes) -> None:
    """In every framing, its body up to a limit; the connection is good for the next request."""
    answers: list[PostAnswer] = []
    answer = before + b"HTTP/1.1 503 X\r\nRetry-After: 5\r\n" + rest

    assert run(answering(answer), post(answers, times=2)) == 1
    for found in answers:
        assert (found.status_code, found.content) == (503, content)
        assert found.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 204 No",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_no_whole_answer_is_an_error(answer: bytes) -> None:
    """Whatever came of it."""

    async def ask(poster: Poster, url: str) -> None:
        with pytest.raises(PostError, match=r"\w"):
            await poster.post(url, b"body", {})

    run(answering(answer, times=1), ask)


def test_a_receiver_has_so_much_time() -> None:
    """The error says how much."""

    async def serve(streams: Streams) -> None:
        await streams[0].read()

    async def ask(poster: Poster, url: str) -> None:
        with pytest.raises(PostError, match=r"No answer within 0\.01 s"):
            await poster.post(url, b"", {})

    run(serve, ask, seconds=0.01)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://no-such-host.invalid", "http://ü\0/"]
)
def test_nobody_there_is_an_error(url: str) -> None:
    """The message says why."""

    async def ask(poster: Poster, _url: str) -> None:
        with pytest.raises(PostError, match=r"(?i)\w+error: ."):
            await poster.post(url, b"body", {})

    assert run(answering(ACCEPTED), ask) == 0
