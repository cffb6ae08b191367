"""Reading the stand-in's event stream in tests: raw bytes and whole frames, to a stated end."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from infra.standin import StandIn
from tests.support.patience import PATIENCE_SECONDS

PATH = "/processing/events/stream"


@dataclass(slots=True)
class Frame:
    """One SSE frame as it stood on the wire."""

    fields: dict[str, str] = field(default_factory=dict)
    comment: str | None = None

    @property
    def id(self) -> str | None:
        """Its own id line."""
        return self.fields.get("id")

    @property
    def event(self) -> dict[str, Any]:
        """Its data as JSON."""
        parsed: dict[str, Any] = orjson.loads(self.fields["data"])
        return parsed


@contextmanager
def stream(
    standin: StandIn, *, last: str | None = None, params: Any = None
) -> Iterator[httpx.Response]:
    """An open stream; the answer's status is not checked."""
    headers = {"X-API-Key": standin.keys["read"]}
    if last is not None:
        headers["Last-Event-ID"] = last
    url = standin.api_url + PATH
    # An empty TLS context: loading certificates takes longer than a test, and this is HTTP.
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False, verify=empty) as client,
        client.stream("GET", url, headers=headers, params=params) as response,
    ):
        yield response


def frames(response: httpx.Response) -> Iterator[Frame]:
    """Whole frames as they arrive; raises what httpx raises when the connection breaks."""
    assert response.status_code == 200, response.read()
    rest = b""
    for chunk in response.iter_raw():
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from map(_frame, whole)


def until(response: httpx.Response, done: Callable[[Frame], bool]) -> list[Frame]:
    """Frames up to and including the first that is `done`."""
    got = []
    for one in frames(response):
        got.append(one)
        if done(one):
            return got
    raise AssertionError(f"The stream ended before it was done: {got}")


def take(
    standin: StandIn, count: int, *, last: str | None = None, params: Any = None
) -> list[Frame]:
    """The first `count` frames that carry an event."""
    with stream(standin, last=last, params=params) as response:
        events = (one for one in frames(response) if "data" in one.fields)
        return [next(events) for _ in range(count)]


def is_heartbeat(one: Frame) -> bool:
    """True for a comment."""
    return one.comment is not None


def _frame(raw: bytes) -> Frame:
    one = Frame()
    for line in raw.decode().split("\n"):
        name, _, value = line.partition(":")
        if not name:
            one.comment = value.strip()
        else:
            one.fields[name] = value.removeprefix(" ")
    return one
