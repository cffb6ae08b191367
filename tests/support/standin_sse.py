"""Reading the event stream of the stand-in: raw responses and whole frames."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from infra.standin import StandIn
from tests.support.standin_api import open_client

PATH = "/processing/events/stream"


@dataclass(slots=True)
class Frame:
    """One SSE frame as it was received."""

    fields: dict[str, str] = field(default_factory=dict)
    comment: str | None = None

    @property
    def id(self) -> str | None:
        """The content of its id line."""
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
    """Open a stream, without a check of the status."""
    headers = {"X-API-Key": standin.keys["read"]}
    if last is not None:
        headers["Last-Event-ID"] = last
    url = standin.api_url + PATH
    with (
        open_client() as client,
        client.stream("GET", url, headers=headers, params=params) as response,
    ):
        yield response


def read_frames(response: httpx.Response) -> Iterator[Frame]:
    """Yield whole frames as they arrive. Raises httpx.TransportError if the connection breaks."""
    assert response.status_code == 200, response.read()
    rest = b""
    for chunk in response.iter_raw():
        *whole, rest = (rest + chunk).split(b"\n\n")
        yield from map(_parse_frame, whole)


def read_until(response: httpx.Response, done: Callable[[Frame], bool]) -> list[Frame]:
    """Return the frames up to and including the first that is `done`."""
    frames = []
    for frame in read_frames(response):
        frames.append(frame)
        if done(frame):
            return frames
    raise AssertionError(f"The stream ended early: {frames}")


def read_events(
    standin: StandIn, count: int, *, last: str | None = None, params: Any = None
) -> list[Frame]:
    """Return the first `count` frames that have data."""
    with stream(standin, last=last, params=params) as response:
        events = (frame for frame in read_frames(response) if "data" in frame.fields)
        return [next(events) for _ in range(count)]


def is_heartbeat(frame: Frame) -> bool:
    """Whether it is a comment."""
    return frame.comment is not None


def _parse_frame(raw: bytes) -> Frame:
    frame = Frame()
    for line in raw.decode().split("\n"):
        name, _, value = line.partition(":")
        if not name:
            frame.comment = value.strip()
        else:
            frame.fields[name] = value.removeprefix(" ")
    return frame
