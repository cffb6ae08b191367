"""Fakes for draining: scripted and replaying upstreams, and real backends that go wrong on cue."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from tests.support.virtual_time import VirtualTime
from videovector_bridge.backends.ports import (
    Backend,
    Document,
    Documents,
    Message,
    Timeout,
    Topics,
    seconds_left,
)
from videovector_bridge.errors import BackendError, OutOfTimeError
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings import DrainSettings, StreamSettings, drain_settings

# Not of the vendor's form, so that no pattern but only knowledge of the key can hide it.
KEY = "opaque-0123456789-credential"
NOW = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
BASE_URL = "https://api.example.test/api/v2"
EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}

Ending = Callable[[httpx.Request], AsyncIterator[bytes]]


async def closed(_request: httpx.Request) -> AsyncIterator[bytes]:
    """End the answer properly."""
    for piece in list[bytes]():
        yield piece


async def cut(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Break the connection."""
    async for piece in closed(_request):
        yield piece
    raise httpx.ReadError("connection reset")


async def silence(request: httpx.Request) -> AsyncIterator[bytes]:
    """Send nothing at all, until the reader's own timeout."""
    async for piece in closed(request):
        yield piece
    await asyncio.sleep(request.extensions["timeout"]["read"])
    raise httpx.ReadTimeout("")


async def heartbeats(_request: httpx.Request) -> AsyncIterator[bytes]:
    """Send comments for ever."""
    while True:
        await asyncio.sleep(0.02)
        yield b": heartbeat\n\n"


@dataclass(frozen=True)
class Answer:
    """One answer: pieces of its body as they arrive, and what comes after them."""

    pieces: Iterable[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(EVENT_STREAM))
    then: Ending = closed


GONE = Answer(status=204, headers={})
"""Ends a script for good: VideoVector has nothing more to send."""


ACCEPTED = Answer()
"""A stream without events: what a probe without Last-Event-ID is answered."""


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: Answer, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._answer.pieces:
            await asyncio.sleep(0)  # as a socket would
            yield piece
        async for piece in self._answer.then(self._request):
            yield piece


class Upstream(httpx.AsyncBaseTransport):
    """Answers as its script says, keeps the requests, and refuses any request beyond the script."""

    def __init__(self, *script: Answer | Exception) -> None:
        self._script = list(script)
        self.requests: list[httpx.Request] = []

    @property
    def asked(self) -> list[str | None]:
        """The Last-Event-ID of each request, in order."""
        return [request.headers.get("Last-Event-ID") for request in self.requests]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Play the next step."""
        self.requests.append(request)
        return respond(self._next(request), request)

    def _next(self, _request: httpx.Request) -> Answer:
        assert self._script, "no more requests were expected"
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


class Replay(Upstream):
    """Replays events after the Last-Event-ID; then ends, and answers 204 when all were sent."""

    def __init__(self, events: Sequence[bytes], *, piece: int = 300, then: Ending = closed) -> None:
        super().__init__()
        self.ids = [orjson.loads(event)["event_id"] for event in events]
        self._frames = [sse(event, id_) for event, id_ in zip(events, self.ids, strict=True)]
        self._piece = piece
        self._then = then

    def _next(self, request: httpx.Request) -> Answer:
        last = request.headers.get("Last-Event-ID")
        if last is not None and last not in self.ids:
            return refusal(410, "The cursor has expired")
        rest = b"".join(self._frames[self.ids.index(last) + 1 if last else 0 :])
        if not rest and self._then is closed:
            return GONE
        starts = range(0, len(rest), self._piece)
        return Answer([rest[at : at + self._piece] for at in starts], then=self._then)


def respond(answer: Answer, request: httpx.Request) -> httpx.Response:
    """The answer as httpx has it from a connection."""
    return httpx.Response(
        answer.status, headers=dict(answer.headers), stream=_Body(answer, request)
    )


def refusal(status: int, message: str, code: str = "", **headers: str) -> Answer:
    """An error in VideoVector's nested form."""
    body = orjson.dumps({"error": {"message": message, "code": code}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer([body], status, {"Content-Type": "application/json", **named})


def event(number: int, **fields: Any) -> bytes:
    """A vendor's event, `evt-0001` and so on, of run `run-N` (N: the number modulo 7)."""
    plain = {
        "event_id": f"evt-{number:04d}",
        "event_type": "processing.segment_completed",
        "user_id": "user",
        "run_id": f"run-{number % 7}",
        "video_id": None,
        "segment_id": None,
        "index_id": None,
        "created_at": "2026-01-02T03:04:05Z",
        "payload": {"n": number},
    }
    return orjson.dumps(plain | fields)


def events(count: int) -> list[bytes]:
    """Events number 1 to `count`."""
    return [event(number) for number in range(1, count + 1)]


def sse(data: bytes, id_: str | None = None, name: str = "") -> bytes:
    """One frame."""
    head = b"" if id_ is None else b"id: " + id_.encode() + b"\n"
    return head + (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


def settings(streams: Mapping[str, Any] | None = None, **environ: str) -> DrainSettings:
    """Settings of `drain` against the scripted upstream, by the names of the environment."""
    return drain_settings(
        {
            "VIDEO_VECTOR_BASE_URL": BASE_URL,
            "VIDEO_VECTOR_API_KEY": KEY,
            "BACKEND": "embedded",
            "EMBEDDED_DIR": "unused",
            "STREAMS": orjson.dumps(streams or {}).decode(),
            "LINGER_MS": "5",
            "WINDOW_SECONDS": "30",
        }
        | environ
    )


def only_stream(given: DrainSettings, **window: Any) -> StreamSettings:
    """The only stream of `given`, its window changed, also beyond what settings allow."""
    (stream,) = given.streams.values()
    return replace(stream, window=replace(stream.window, **window))


def nothing(*_arguments: object) -> None:
    """Let it pass."""


Hook = Callable[[int], None]


class WatchedTopics:
    """A real `Topics` with hooks before and after each call, numbered from 1.

    What a hook raises is what the call raises; raised after, the messages are published and the
    answer is lost. `acknowledged` is what the caller knows to be published; `stored` what is.
    """

    def __init__(self, real: Topics, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self._real = real
        self._before = before
        self._after = after
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.stored: list[tuple[str, Message]] = []
        self.acknowledged: list[tuple[str, Message]] = []

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish, if there is time and the hooks let it."""
        if seconds_left(timeout) <= 0:
            raise OutOfTimeError("no time was left")
        number = next(self._numbers)
        self._before(number)
        self._real.publish(topic, messages, timeout=timeout)
        named = [(topic, message) for message in messages]
        with self._lock:
            self.stored += named
        self._after(number)
        with self._lock:
            self.acknowledged += named

    def ids(self, topic: str = "events") -> list[str]:
        """The ids of what is stored, in order of publishing."""
        with self._lock:
            return [m.attributes.get("ce-id", "") for name, m in self.stored if name == topic]


class WatchedDocuments:
    """A real `Documents` with hooks around each write, numbered from 1, and around reads.

    `older_by` makes documents seem older, as by the store's clock. While `stall` is set nothing is
    answered until the timeout, in the virtual time that `time` is.
    """

    def __init__(
        self,
        real: Documents,
        *,
        before: Hook = nothing,
        after: Hook = nothing,
        older_by: float = 0.0,
        time: VirtualTime | None = None,
    ) -> None:
        self._real = real
        self._before = before
        self._after = after
        self._numbers = itertools.count(1)
        self.older_by = older_by
        self._time = time
        self.stall = False
        self.written: list[Mapping[str, Any]] = []

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read, unless stalled."""
        self._wait(timeout)
        found = self._real.read(collection, document_id, timeout=timeout)
        return found and replace(found, age_seconds=found.age_seconds + self.older_by)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write, if the hooks let it, unless stalled."""
        self._wait(timeout)
        number = next(self._numbers)
        self._before(number)
        written = self._real.write(
            collection,
            document_id,
            fields,
            replaces=replaces,
            timeout=timeout,
            keep_seconds=keep_seconds,
        )
        self.written.append(written.fields)
        self._after(number)
        return written

    def _wait(self, timeout: Timeout) -> None:
        if self.stall:
            assert self._time is not None
            self._time.sleep(seconds_left(timeout))
            raise BackendError("Firestore did not answer in time")


class SlowTopics(WatchedTopics):
    """Publishing that takes `seconds` of virtual time; longer than the timeout: no answer."""

    def __init__(self, real: Topics, time: VirtualTime, seconds: float = 0.0) -> None:
        super().__init__(real)
        self._time = time
        self.seconds = seconds

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish when the time has passed."""
        left = seconds_left(timeout)
        if left > 0:
            self._time.sleep(min(self.seconds, left))
            if self.seconds > left:
                raise OutOfTimeError("Pub/Sub did not answer in time")
        super().publish(topic, messages, timeout=timeout)


class Kill:
    """The end of a process, as the world sees it: after one moment nothing is done any more.

    Hand `before` or `after` to a fake as its hook; from call number `at` on every call fails.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self.happened = False

    def __call__(self, number: int) -> None:
        """Die at the call of that number, and stay dead."""
        if number >= self._at:
            self.happened = True
        if self.happened:
            raise BackendError("the process is gone")

    def dead(self, _number: int) -> None:
        """Refuse calls after the end; for the fake whose calls are not counted."""
        if self.happened:
            raise BackendError("the process is gone")


def window(
    backend: Backend,
    upstream: httpx.AsyncBaseTransport,
    *,
    given: DrainSettings | None = None,
    time: VirtualTime | None = None,
    now: Callable[[], datetime] = lambda: NOW,
    **limits: Any,
) -> WindowReport:
    """Drain the only stream for one window, in virtual time."""
    given = given or settings()
    stream = only_stream(given, **limits)
    time = time or VirtualTime()
    return time.run(drain_window(given, stream, backend, transport=upstream, now=now))


def document(backend: Backend, stream: str = "default") -> Mapping[str, Any]:
    """The stream's document."""
    found = backend.documents.read("streams", stream, timeout=5.0)
    return found.fields if found else {}


def watched(
    backend: Backend, topics: WatchedTopics | None = None, documents: WatchedDocuments | None = None
) -> Backend:
    """The backend with these in place of its own."""
    return replace(
        backend, topics=topics or backend.topics, documents=documents or backend.documents
    )
