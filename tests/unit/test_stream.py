"""`api.stream`: parsing by the WHATWG rules, and the loop that resumes."""

import asyncio
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import orjson
import pytest

from tests.fakes import (
    EVENT_STREAM,
    GONE,
    KEY,
    Answer,
    Upstream,
    cut,
    event,
    heartbeats,
    refusal,
    settings,
    silence,
    sse,
)
from videovector_bridge.api.errors import (
    ApiError,
    CredentialRefused,
    RateLimited,
    Redirected,
    RequestRefused,
    ScopeRefused,
    ServerTrouble,
    Unreachable,
    ValidationRefused,
)
from videovector_bridge.api.frames import Frame, FrameTooLarge
from videovector_bridge.api.stream import (
    CursorRefused,
    EventStream,
    StreamClosed,
    StreamFailed,
    query,
)
from videovector_bridge.errors import BridgeError
from videovector_bridge.settings import ApiSettings, StreamFilters


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No jitter, and pauses that are noted instead of slept."""
    taken: list[float] = []
    sleep = asyncio.sleep

    async def nap(seconds: float) -> None:
        if seconds:
            taken.append(seconds)
        await sleep(0)

    monkeypatch.setattr("videovector_bridge.ingest.reader.random.random", lambda: 0.0)
    monkeypatch.setattr("videovector_bridge.api.stream.asyncio.sleep", nap)
    return taken


@dataclass
class Reading:
    """What came of reading a stream to its end."""

    frames: list[Frame]
    stream: EventStream
    error: BridgeError | None = None


def read(
    upstream: httpx.AsyncBaseTransport,
    *,
    position: str | None = None,
    seconds: float = 60.0,
    limit: int = 1_000_000,
    api: ApiSettings | None = None,
    filters: StreamFilters | None = None,
) -> Reading:
    """Read frames until the stream ends or raises, resuming from the last id."""

    async def run() -> Reading:
        frames: list[Frame] = []
        async with httpx.AsyncClient(transport=upstream) as http:
            stream = EventStream(
                http,
                api or settings().api,
                filters or StreamFilters(),
                position=lambda: next(
                    (f.last_event_id for f in reversed(frames) if f.last_event_id), position
                ),
                heartbeat_seconds=0.05,
                max_frame_bytes=limit,
                deadline=asyncio.get_running_loop().time() + seconds,
            )
            try:
                async for together in stream.frames():
                    frames += together
            except BridgeError as error:
                return Reading(frames, stream, error)
            return Reading(frames, stream)

    return asyncio.run(run())


def parsed(pieces: Iterable[bytes]) -> list[tuple[bytes, str]]:
    """The frames of one answer that arrives in these pieces."""
    reading = read(Upstream(Answer(list(pieces)), GONE))
    assert isinstance(reading.error, StreamClosed)
    return [(frame.data, frame.last_event_id) for frame in reading.frames]


# The examples of https://html.spec.whatwg.org/multipage/server-sent-events.html, and its rules.
CASES: dict[str, tuple[bytes, list[tuple[bytes, str]]]] = {
    "three lines of data": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [(b"YHOO\n+2\n10", "")]),
    "comment, ids, reset": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
        [(b"first event", "1"), (b"second event", ""), (b" third", "")],
    ),
    "empty data": (b"data\n\ndata\ndata\n\ndata:", [(b"\n", "")]),
    "one space only": (b"data:test\n\ndata: test\n\n", [(b"test", ""), (b"test", "")]),
    "carriage returns": (b"data: a\r\rdata: b\rid: 2\r\r", [(b"a", ""), (b"b", "2")]),
    "both": (b"data: a\r\n\r\ndata: b\r\nid: 2\r\n\r\n", [(b"a", ""), (b"b", "2")]),
    "mixed": (b"data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", [(b"a", ""), (b"b", ""), (b"c", "")]),
    "mixed within": (b"data: a\rdata: b\ndata: c\r\n\r", [(b"a\nb\nc", "")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "")]),
    "only one of them": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(b"b", "")]),
    "mark within": (b"data: \xef\xbb\xbfa\n\n", [(b"\xef\xbb\xbfa", "")]),
    "heartbeats": (b"id: 1\ndata: a\n\n: hb\n\n:\n\n\n\n: hb\n\n", [(b"a", "1")]),
    "id alone": (b"id: 1\n\nid: 1\n\nid: 2\n\n", [(b"", "1"), (b"", "2")]),
    "sticky id": (b"id: 1\ndata: a\n\ndata: b\n\n", [(b"a", "1"), (b"b", "1")]),
    "id with nul": (b"id: 1\n\nid: 2\0\ndata: a\n\n", [(b"", "1"), (b"a", "1")]),
    "bare id": (b"id: 1\ndata: a\n\nid\n\ndata: b\n\n", [(b"a", "1"), (b"b", "")]),
    "last id counts": (b"id: 1\nid: 2\ndata: a\n\n", [(b"a", "2")]),
    "unterminated": (b"data: a\n\nid: 2\ndata: b\n", [(b"a", "")]),
    "unterminated line": (b"data: a\n\nid: 2\ndata: b", [(b"a", "")]),
    "unknown fields": (b"colour: red\ndata: a\nDATA: b\n data: c\n\n", [(b"a", "")]),
    "fields without colon": (b"data\ncolour\nevent\ndata\n\n", [(b"\n", "")]),
    "colons in data": (b'data: {"a": 1}\n\ndata:::\n\n', [(b'{"a": 1}', ""), (b"::", "")]),
    "event without data": (b"event: x\n\ndata: a\n\n", [(b"a", "")]),
    "utf-8": ("data: é😀\nid: ü\n\n".encode(), [("é😀".encode(), "ü")]),
    "no line breaks": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        [("a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode(), "")],
    ),
    "not utf-8": (b"data: \xff\xfe\x80\x85\xc3\n\n", [(b"\xff\xfe\x80\x85\xc3", "")]),
    "nul in data": (b"data: a\0b\n\n", [(b"a\0b", "")]),
    "bad retry": (b"retry: soon\nretry: -5\nretry:\ndata: a\n\n", [(b"a", "")]),
    "huge retry": (b"retry: " + b"9" * 400 + b"\ndata: a\n\n", [(b"a", "")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_rules_hold_at_every_split(case: str) -> None:
    """Wherever the network cuts the bytes in two, the frames are the same."""
    body, expected = CASES[case]
    if case == "huge retry":
        body = b"data: a\n\n"  # its pause is another test's
    for at in range(len(body) + 1):
        assert parsed([body[:at], body[at:]]) == expected, at


@pytest.mark.parametrize("case", sorted(set(CASES) - {"huge retry"}))
def test_the_rules_hold_byte_by_byte(case: str) -> None:
    """One byte at a time gives the same frames, with empty pieces between them too."""
    body, expected = CASES[case]

    assert parsed(body[at : at + 1] for at in range(len(body))) == expected
    assert parsed(body[at // 2 : at // 2 + at % 2] for at in range(2 * len(body))) == expected


def test_a_charset_in_the_answer_changes_nothing() -> None:
    """An event stream is UTF-8, whatever its head says."""
    headers = {"Content-Type": "Text/Event-Stream; charset=utf-16"}
    reading = read(Upstream(Answer(["data: é\n\n".encode()], headers=headers), GONE))

    assert [frame.data for frame in reading.frames] == ["é".encode()]


def test_a_cut_is_resumed_behind_the_last_whole_frame() -> None:
    """A connection that breaks within a frame is made again with the id of the one before."""
    whole = sse(event(1), "a") + sse(event(2), "b")
    upstream = Upstream(
        Answer([whole, b"id: c\ndata: {"], then=cut),
        Answer([whole[:20]]),
        Answer([sse(event(3), "c")]),
        GONE,
    )
    reading = read(upstream)

    assert [frame.last_event_id for frame in reading.frames] == ["a", "b", "c"]
    assert upstream.asked == [None, "b", "b", "c"]
    assert reading.stream.reconnects == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(429, "slow down", Retry_After="3"), RateLimited),
        (refusal(503, "later", Retry_After="3"), ServerTrouble),
        (refusal(500, "oops", Retry_After="3"), ServerTrouble),
        (
            Answer([b'{"error": {"message": "x", "retry_after": 3}}'], 429, {}),
            RateLimited,
        ),
    ],
    ids=["429", "503", "500", "in the body"],
)
def test_retry_after_is_honoured(
    answer: Answer, kind: type[BridgeError], naps: list[float]
) -> None:
    """The pause is what the server asked for, in seconds, whatever the jitter says."""
    read(Upstream(answer, Answer([sse(event(1), "a")]), GONE))
    assert naps[0] == 3

    reading = read(Upstream(answer), seconds=2)
    assert isinstance(reading.stream.trouble, kind)


def test_retry_after_may_be_a_date(naps: list[float]) -> None:
    """An HTTP date is a pause until then."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    read(Upstream(refusal(429, "slow down", Retry_After=date), GONE))

    assert 25 < naps[0] <= 30


def test_the_servers_retry_is_honoured(naps: list[float]) -> None:
    """`retry:` is the least pause from then on; the last one counts."""
    read(
        Upstream(
            Answer([b"retry: 9000\n\nretry: 2500\ndata: a\n\n"]), Answer([b"data: b\n\n"]), GONE
        )
    )

    assert naps == [2.5, 2.5]


@pytest.mark.parametrize("retry", [b"9" * 400, b"9" * 5_000, b"-1", b"soon", b"1.5"])
def test_no_retry_breaks_the_loop(retry: bytes) -> None:
    """A pause beyond the deadline, or none at all, ends or continues the reading; no error."""
    reading = read(Upstream(Answer([b"retry: " + retry + b"\ndata: a\n\n"]), GONE))

    assert [frame.data for frame in reading.frames] == [b"a"]


def test_a_pause_never_passes_the_deadline(naps: list[float]) -> None:
    """Rather than to sleep past the deadline, reading ends and says why."""
    reading = read(Upstream(refusal(503, "later", Retry_After="61")))

    assert naps == []
    assert isinstance(reading.stream.trouble, ServerTrouble)
    assert reading.stream.reconnects == 0


def test_pauses_grow_until_a_frame_comes(
    naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upper bound of the jitter doubles with each failure in a row, and starts again."""
    monkeypatch.setattr("videovector_bridge.ingest.reader.random.random", lambda: 1.0)
    down = httpx.ConnectError("refused")
    read(Upstream(*[down] * 7, Answer([b"data: a\n\n"]), down, GONE), seconds=600)

    assert naps == [0.5, 1, 2, 4, 8, 15, 15, 0.5, 1]


def test_a_silent_connection_counts_as_dead() -> None:
    """Without even a heartbeat the connection is made again."""
    upstream = Upstream(Answer([sse(event(1), "a")], then=silence), GONE)
    reading = read(upstream)

    assert upstream.asked == [None, "a"]
    assert upstream.requests[0].extensions["timeout"]["read"] == 0.05
    assert len(reading.frames) == 1


@pytest.mark.parametrize(
    ("frame", "is_error"),
    [
        (sse(b'{"code": "gone"}', name="processing.stream_error"), True),
        (sse(b"no json", name="processing.stream_error"), True),
        (b"event: processing.stream_error\n\n", True),
        (sse(event(2, event_type="processing.stream_error"), "b"), True),
        (sse(b"[" * 300 + b"]" * 300, name="processing.stream_error"), True),
        (sse(event(2, payload={"about": "processing.stream_error"}), "b"), False),
        (sse(b'["processing.stream_error"]', "b"), False),
        (sse(b"processing.stream_error", "b"), False),
    ],
    ids=["name", "no json", "no data", "type", "deep", "mention", "array", "text"],
)
def test_a_stream_error_is_no_event(frame: bytes, *, is_error: bool) -> None:
    """By its name or its type it ends the connection, is counted, and never moves the position."""
    upstream = Upstream(Answer([sse(event(1), "a"), frame, sse(event(3), "c")]), GONE)
    reading = read(upstream)

    assert reading.stream.stream_errors == is_error
    assert upstream.asked == [None, "a" if is_error else "c"]
    assert len(reading.frames) == (1 if is_error else 3)


def test_the_last_stream_error_is_told() -> None:
    """A stream that ends in an error tells its words, cleaned."""
    said = orjson.dumps({"message": f"broke with {KEY} sk_live_12345678"})
    reading = read(
        Upstream(Answer([b"retry: 90000\n", sse(said, name="processing.stream_error")])), seconds=0
    )

    assert isinstance(reading.stream.trouble, StreamFailed)
    assert "broke with" in str(reading.stream.trouble)
    assert KEY not in str(reading.stream.trouble)
    assert "sk_live_1" not in str(reading.stream.trouble)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(401, "bad key"), CredentialRefused),
        (refusal(403, "scope"), ScopeRefused),
        (refusal(400, "bad filter"), RequestRefused),
        (refusal(422, "video_ids: not a list"), ValidationRefused),
        (Answer([], 301, {"Location": "https://elsewhere.example/"}), Redirected),
        (Answer([], 307, {"Location": "/api/v3"}), Redirected),
        (Answer([b"{}"], 202, {}), ApiError),
        (GONE, StreamClosed),
        (refusal(410, "gone for good"), RequestRefused),
    ],
    ids=["401", "403", "400", "422", "301", "307", "202", "204", "410"],
)
def test_what_trying_again_cannot_mend_is_raised(answer: Answer, kind: type[BridgeError]) -> None:
    """One request, one error; a redirect is never followed, which could carry the key away."""
    upstream = Upstream(answer)
    reading = read(upstream)

    assert isinstance(reading.error, kind)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "message", "refused"),
    [
        (410, "whatever", True),
        (400, "Unknown cursor", True),
        (404, "Last-Event-ID not found", True),
        (409, "The event id is no longer kept", True),
        (412, "cannot resume from there", True),
        (416, "outside the replay window", True),
        (422, "last_event_id: expired", True),
        (400, "bad filter", False),
        (404, "no such route", False),
        (409, "another stream is open", False),
        (422, "video_ids: not a list", False),
        (403, "cursor not in scope", False),
        (401, "key expired", False),
    ],
)
def test_a_refused_cursor_is_told_from_a_refused_request(
    status: int, message: str, *, refused: bool
) -> None:
    """410 always speaks of the cursor; other statuses do where their words do."""
    with_cursor = read(Upstream(refusal(status, message)), position="x")
    without = read(Upstream(refusal(status, message)))

    assert isinstance(with_cursor.error, CursorRefused) is refused
    assert isinstance(without.error, ApiError)


def test_a_refusal_may_speak_of_the_cursor_in_its_details() -> None:
    """FastAPI's form names the header in `loc`."""
    body = b'{"detail": [{"loc": ["header", "last-event-id"], "msg": "value is not valid"}]}'
    reading = read(Upstream(Answer([body], 422, {})), position="x")

    assert isinstance(reading.error, CursorRefused)


def test_a_wrong_content_type_is_told_and_tried_again() -> None:
    """A sign-in page is not a stream; it may pass."""
    page = Answer([b"<html>data: x\n\n"], 200, {"Content-Type": "text/html"})
    upstream = Upstream(page, Answer([b"data: a\n\n"]), GONE)

    assert [frame.data for frame in read(upstream).frames] == [b"a"]
    last = read(Upstream(page), seconds=0)
    assert isinstance(last.stream.trouble, Unreachable)
    assert "text/html" in str(last.stream.trouble)


def test_an_error_whose_body_breaks_off_keeps_its_status() -> None:
    """A refusal is a refusal though its body never ended, or never ends."""
    broken = Answer([b'{"error": {"mess'], 401, {}, then=cut)
    endless = Answer([b"x" * 100_000], 403, {}, then=heartbeats)

    assert isinstance(read(Upstream(broken)).error, CredentialRefused)
    assert isinstance(read(Upstream(endless)).error, ScopeRefused)


def test_before_the_first_answer_silence_is_trouble() -> None:
    """Who was never answered does not know whether there are events."""

    async def run() -> BridgeError | None:
        async with httpx.AsyncClient(transport=Upstream()) as http:
            stream = EventStream(
                http,
                settings().api,
                StreamFilters(),
                position=lambda: None,
                heartbeat_seconds=1,
                max_frame_bytes=100,
                deadline=0,
            )
            return stream.trouble

    assert isinstance(asyncio.run(run()), Unreachable)


@pytest.mark.parametrize("size", [1_024, 5_000, 70_000])
def test_a_frame_that_is_too_large_is_told(size: int) -> None:
    """A frame over the limit is refused in one piece, in many, and without any end."""
    line = b"id: a\ndata: " + b"x" * (size + 1) + b"\n\n"
    many = b"id: a\n" + b"data: x\n" * size + b"\n"

    for body in (line, many, b"data: " + b"x" * 2 * size, b"x" * 2 * size):
        for step in (len(body), 1_000):
            pieces = [body[at : at + step] for at in range(0, len(body), step)]
            reading = read(Upstream(Answer(pieces), Answer(), GONE), limit=size)
            assert isinstance(reading.error, FrameTooLarge) or body[:1] == b"x"
            assert reading.frames == []


def test_the_limit_is_for_one_frame_only() -> None:
    """Any number of small frames and heartbeats pass, in pieces of any size."""
    body = b"".join([b": heartbeat\r\n\r\n" * 50, b"data: x\r\n\r\n", b":\n\n" * 50] * 100)
    for step in (len(body), 65_536, 999, 7):
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        reading = read(Upstream(Answer(pieces), GONE), limit=1_024)
        assert len(reading.frames) == 100


def test_the_request_is_as_documented() -> None:
    """Path, query, key and headers; Last-Event-ID as UTF-8."""
    upstream = Upstream(GONE)
    read(upstream, position="é-1", filters=StreamFilters(run_id="r/1", video_ids=("a", "b")))

    (request,) = upstream.requests
    assert str(request.url) == (
        "https://api.example.test/api/v2/processing/events/stream"
        "?run_id=r%2F1&video_ids=a&video_ids=b"
    )
    assert request.headers["X-API-Key"] == KEY
    assert request.headers["Accept"] == "text/event-stream"
    raw = {name.lower(): value for name, value in request.headers.raw}
    assert raw[b"last-event-id"] == "é-1".encode()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("repeat", "index_id=i&video_ids=a&video_ids=b&event_types=t&batch_size=9"),
        ("comma", "index_id=i&video_ids=a%2Cb&event_types=t&batch_size=9"),
    ],
)
def test_lists_are_encoded_as_set(encoding: str, text: str) -> None:
    """Lists repeat their key, or are joined by commas; what is not set is left out."""
    filters = StreamFilters(index_id="i", video_ids=("a", "b"), event_types=("t",), batch_size=9)

    assert str(query(filters, encoding)) == text
    assert str(query(StreamFilters(), encoding)) == ""


def test_a_rotated_key_is_used_at_the_next_connection(tmp_path: Path) -> None:
    """A key file that changes while connected counts from the next connection on."""
    file = tmp_path / "key"
    file.write_text("first-key\n")
    api = settings(VIDEO_VECTOR_API_KEY_FILE=str(file)).api

    def rotating() -> Iterator[bytes]:
        yield b"data: a\n\n"
        file.write_text("second-key\n")

    upstream = Upstream(Answer(rotating()), GONE)
    read(upstream, api=api)

    assert [r.headers["X-API-Key"] for r in upstream.requests] == ["first-key", "second-key"]


@pytest.mark.parametrize("content", ["two\nlines-of-key", "", "kéy", "one1 two2"])
def test_a_key_that_no_header_carries_is_refused_unseen(tmp_path: Path, content: str) -> None:
    """A key file that turned bad is told as such; nothing is sent and nothing quoted."""
    file = tmp_path / "key"
    file.write_text("good")
    api = settings(VIDEO_VECTOR_API_KEY_FILE=str(file)).api
    file.write_text(content)
    reading = read(Upstream(), api=api)

    assert isinstance(reading.error, CredentialRefused)
    shown = "".join(traceback.format_exception(reading.error))
    assert all(word not in shown for word in content.split())


ECHO = f"could not send {KEY} to https://host/?token={KEY}"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(httpx.ConnectError(ECHO), id="connect"),
        pytest.param(httpx.ReadError(ECHO), id="read"),
        pytest.param(httpx.LocalProtocolError(ECHO), id="local"),
        pytest.param(httpx.RemoteProtocolError(ECHO), id="remote"),
        pytest.param(refusal(401, ECHO, code=KEY), id="401"),
        pytest.param(refusal(503, ECHO, X_Request_Id=KEY), id="503"),
        pytest.param(refusal(410, ECHO), id="410"),
        pytest.param(Answer([KEY.encode() * 3], 500, {}), id="500"),
        pytest.param(Answer([], 302, {"Location": f"https://h/?api_key={KEY}"}), id="302"),
        pytest.param(Answer([ECHO.encode()], 200, {"Content-Type": "text/html"}), id="html"),
        pytest.param(
            Answer([b"no gzip"], 200, {**EVENT_STREAM, "Content-Encoding": "gzip"}), id="gzip"
        ),
        pytest.param(
            Answer([sse(KEY.encode(), name="processing.stream_error")]), id="stream error"
        ),
        pytest.param(Answer([], then=silence), id="silence"),
    ],
)
def test_the_key_is_in_no_error(step: Answer | Exception) -> None:
    """Whatever fails, however it echoes the key: neither text nor traceback nor chain has it."""
    upstream = Upstream(step)
    reading = read(upstream, position="x", seconds=0)
    error = reading.error or reading.stream.trouble

    assert error is not None
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in repr(vars(error))
    assert not isinstance(error.__cause__ or error.__context__, httpx.HTTPError)


def test_closing_early_leaves_nothing_behind() -> None:
    """A reader that stops in the middle closes the connection at once."""
    closings: list[str] = []

    class Noted(Upstream):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            aclose = response.stream.aclose  # type: ignore[union-attr]

            async def noted() -> None:
                closings.append("closed")
                await aclose()

            response.stream.aclose = noted  # type: ignore[union-attr, method-assign]
            return response

    async def run() -> None:
        upstream = Noted(Answer([b"data: a\n\n"] * 3, then=heartbeats))
        async with httpx.AsyncClient(transport=upstream) as http:
            stream = EventStream(
                http,
                settings().api,
                StreamFilters(),
                position=lambda: None,
                heartbeat_seconds=1,
                max_frame_bytes=100,
                deadline=time.monotonic() + 60,
            )
            frames = stream.frames()
            assert (await anext(frames))[0].data == b"a"
            await frames.aclose()
            assert closings == ["closed"]

    asyncio.run(run())
