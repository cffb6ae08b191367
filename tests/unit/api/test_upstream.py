"""A scripted VideoVector for the tests of `api`, fed through httpx's own transport seam."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from videovector_bridge.api import RetryPolicy, VideoVectorClient

BASE_URL = "https://api.example.test/api/v2"
KEY = "sk_live_0123456789abcdef"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    """An answer. `body` is JSON unless it is bytes, or chunks of bytes that may end in a fault."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """No answer: what httpx raises."""

    error: type[httpx.TransportError] = httpx.ConnectError
    text: str = "connection refused"


class Chunks(httpx.SyncByteStream):
    """A body that comes in pieces; a piece that is an exception is raised."""

    def __init__(self, pieces: Iterator[bytes | Exception]) -> None:
        self._pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        """Note that nobody reads on."""
        self.closed = True


class Upstream(httpx.BaseTransport):
    """Answers as its script says, keeps the requests, and refuses any request beyond the script."""

    def __init__(self, *script: Reply | Fault) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Play the next step of the script."""
        request.read()
        self.requests.append(request)
        assert self._script, f"no more requests were expected, got {request!r}"
        step = self._script.pop(0)
        if isinstance(step, Fault):
            raise step.error(step.text, request=request)
        if isinstance(step.body, Iterator):
            return httpx.Response(step.status, headers=step.headers, stream=Chunks(step.body))
        content = step.body if isinstance(step.body, bytes) else json.dumps(step.body).encode()
        # A stream, as from a socket: given as content it would be decoded too early.
        return httpx.Response(step.status, headers=step.headers, stream=Chunks(iter([content])))

    def done(self) -> bool:
        """Whether the whole script was played."""
        return not self._script

    def bodies(self) -> list[Any]:
        """Return the requests' bodies, decoded."""
        return [json.loads(request.content) for request in self.requests]


class Clock:
    """A monotonic clock that only sleeping moves; it remembers the naps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on without waiting."""
        self.naps.append(seconds)
        self.seconds += seconds


def client_of(
    upstream: httpx.BaseTransport,
    *,
    clock: Clock | None = None,
    key: Callable[[], str] = lambda: KEY,
    retry: RetryPolicy | None = None,
) -> VideoVectorClient:
    """Return a client of a scripted upstream that never really sleeps and draws the full jitter."""
    clock = clock or Clock()
    return VideoVectorClient(
        BASE_URL,
        key,
        http=httpx.Client(transport=upstream),
        retry=retry,
        sleep=clock.sleep,
        clock=clock,
        now=lambda: NOW,
        random=lambda: 1.0,
    )


def test_a_script_ends_with_no_more_requests() -> None:
    """A request beyond the script fails the test that made it."""
    upstream = Upstream(Reply([]))
    client = client_of(upstream)

    assert list(client.list_markers()) == []
    assert upstream.done()
    with pytest.raises(AssertionError, match="no more requests"):
        list(client.list_markers())
