"""`api.stream`: the request, error responses, and refused cursors."""

import asyncio
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.reading import connect, read, stream_of
from tests.support.upstream import (
    EVENT_STREAM,
    NO_CONTENT,
    Fault,
    Response,
    Upstream,
    cut,
    error_response,
    event_stream,
    heartbeats,
    silence,
)
from tests.support.vendor_events import sse
from tests.support.virtual_time import VirtualTime
from tests.support.windows import KEY, make_settings
from videovector_bridge.api.errors import (
    ApiError,
    CredentialRefused,
    Redirected,
    RequestRefused,
    ScopeRefused,
    ValidationRefused,
)
from videovector_bridge.api.stream import CursorRefused, StreamClosed, build_query
from videovector_bridge.errors import BridgeError
from videovector_bridge.settings.filters import StreamFilters


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error_response(401, "bad key"), CredentialRefused),
        (error_response(403, "scope"), ScopeRefused),
        (error_response(400, "bad filter"), RequestRefused),
        (error_response(422, "video_ids: not a list"), ValidationRefused),
        (Response([], 301, {"Location": "https://elsewhere.example/"}), Redirected),
        (Response([], 307, {"Location": "/api/v3"}), Redirected),
        (Response([b"{}"], 202, {}), ApiError),
        (NO_CONTENT, StreamClosed),
        (error_response(410, "gone"), RequestRefused),
    ],
    ids=["401", "403", "400", "422", "301", "307", "202", "204", "410"],
)
def test_a_permanent_error_is_raised(response: Response, kind: type[BridgeError]) -> None:
    """One request, one error; a redirect, which could send the key elsewhere, is not followed."""
    upstream = Upstream(response)

    assert isinstance(connect(upstream), kind)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("status", "message", "refused"),
    [
        (410, "any text", True),
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
def test_a_refused_cursor_differs_from_a_refused_request(
    status: int, message: str, *, refused: bool
) -> None:
    """410 always refuses the cursor; other statuses do if their text mentions it."""
    with_cursor = connect(Upstream(error_response(status, message)), "x")
    without = connect(Upstream(error_response(status, message)))

    assert isinstance(with_cursor, CursorRefused) is refused
    assert isinstance(without, ApiError)


PAGES = [
    Response([b"<html>The page has expired: unknown cursor</html>"], 404, {}),
    Response([b"Last-Event-ID expired"], 410, {"Content-Type": "text/plain"}),
    Response([b'["cursor expired"]'], 400, {}),
    Response([], 410, {}),
]


@pytest.mark.parametrize("page", PAGES, ids=range(len(PAGES)))
def test_a_proxys_page_does_not_refuse_the_cursor(page: Response) -> None:
    """Only an error in VideoVector's own form refuses a cursor."""
    error = connect(Upstream(page), "x")

    assert isinstance(error, ApiError)
    assert not isinstance(error, CursorRefused)


def test_the_path_of_the_request_is_not_searched_for_cursor_words() -> None:
    """The text of an error has the path of the request, which mentions events."""
    error = connect(Upstream(error_response(404, "not here")), "x")

    assert isinstance(error, ApiError)


def test_the_details_of_a_refusal_may_mention_the_cursor() -> None:
    """FastAPI's form has the header in `loc`."""
    body = b'{"detail": [{"loc": ["header", "last-event-id"], "msg": "value is not valid"}]}'

    assert isinstance(connect(Upstream(Response([body], 422, {})), "x"), CursorRefused)


def test_an_error_whose_body_breaks_off_keeps_its_status() -> None:
    """The status decides, even if the body is cut or endless."""
    broken = Response([b'{"error": {"mess'], 401, {}, then=cut)
    endless = Response([b"x" * 100_000], 403, {}, then=heartbeats)

    assert isinstance(connect(Upstream(broken)), CredentialRefused)
    assert isinstance(connect(Upstream(endless)), ScopeRefused)


def test_the_request_is_as_documented() -> None:
    """Path, query, key and headers; Last-Event-ID as UTF-8."""
    upstream = Upstream(NO_CONTENT)
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
    """Lists repeat their key, or are joined by commas; empty filters are omitted."""
    filters = StreamFilters(index_id="i", video_ids=("a", "b"), event_types=("t",), batch_size=9)

    assert str(build_query(filters, encoding)) == text
    assert str(build_query(StreamFilters(), encoding)) == ""


def test_a_rotated_key_is_used_at_the_next_connection(tmp_path: Path) -> None:
    """A key file that changes while connected applies to the next connection."""
    file = tmp_path / "key"
    file.write_text("first-key\n")
    api = make_settings(VIDEO_VECTOR_API_KEY_FILE=str(file)).api

    def rotating() -> Iterator[bytes]:
        yield b"data: a\n\n"
        file.write_text("second-key\n")

    upstream = Upstream(event_stream(rotating()), NO_CONTENT)
    read(upstream, api=api)

    assert [r.headers["X-API-Key"] for r in upstream.requests] == ["first-key", "second-key"]


@pytest.mark.parametrize("content", ["two\nlines-of-key", "", "kéy", "one1 two2"])
def test_a_key_that_no_header_carries_is_refused_unseen(tmp_path: Path, content: str) -> None:
    """An invalid key file is an error that does not quote it; nothing is sent."""
    file = tmp_path / "key"
    file.write_text("good")
    api = make_settings(VIDEO_VECTOR_API_KEY_FILE=str(file)).api
    file.write_text(content)
    reading = read(Upstream(), api=api)

    assert isinstance(reading.error, CredentialRefused)
    shown = "".join(traceback.format_exception(reading.error))
    assert all(word not in shown for word in content.split())


ECHO = f"could not send {KEY} to https://host/?token={KEY}"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Fault(httpx.ConnectError, ECHO), id="connect"),
        pytest.param(Fault(httpx.ReadError, ECHO), id="read"),
        pytest.param(Fault(httpx.LocalProtocolError, ECHO), id="local"),
        pytest.param(Fault(httpx.RemoteProtocolError, ECHO), id="remote"),
        pytest.param(error_response(401, ECHO, code=KEY), id="401"),
        pytest.param(error_response(503, ECHO, X_Request_Id=KEY), id="503"),
        pytest.param(error_response(410, ECHO), id="410"),
        pytest.param(Response([KEY.encode() * 3], 500, {}), id="500"),
        pytest.param(Response([], 302, {"Location": f"https://h/?api_key={KEY}"}), id="302"),
        pytest.param(Response([ECHO.encode()], 200, {"Content-Type": "text/html"}), id="html"),
        pytest.param(
            Response([b"no gzip"], 200, {**EVENT_STREAM, "Content-Encoding": "gzip"}), id="gzip"
        ),
        pytest.param(
            event_stream([sse(KEY.encode(), name="processing.stream_error")]), id="stream error"
        ),
        pytest.param(event_stream([], then=silence), id="silence"),
    ],
)
def test_the_key_is_in_no_error(step: Response | Fault) -> None:
    """If an error echoes the key, neither its text nor its traceback nor its chain has it."""
    upstream = Upstream(step)
    error = connect(upstream, "x")

    assert error is not None
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in repr(vars(error))
    assert not isinstance(error.__cause__ or error.__context__, httpx.HTTPError)


def test_a_reader_that_stops_closes_the_connection() -> None:
    """Closing in the middle of a stream closes the connection at once."""
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
        upstream = Upstream(event_stream([b"data: a\n\n"] * 3, then=heartbeats))
        async with httpx.AsyncClient(transport=upstream) as http:
            runs = stream_of(http).connect(None)
            assert await anext(runs) == []  # accepted
            assert (await anext(runs))[0].data == b"a"
            await runs.aclose()
            assert upstream.closed == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("response", "hearing"),
    [
        (event_stream([b": hb\n\n"], then=silence), "heard"),
        (event_stream([sse(b"{}", "a")], then=silence), "heard"),
        (event_stream(then=heartbeats), "heard"),
        (event_stream(then=silence), "silent"),
        (event_stream([b"retry: 5\n\n"], then=silence), "silent"),
        (event_stream(), "closed"),
        (NO_CONTENT, "no_content"),
    ],
    ids=["comment", "event", "heartbeats", "silence", "retry", "end", "204"],
)
def test_listening_ends_with_the_first_sign(response: Response, hearing: str) -> None:
    """An event, a heartbeat, 204, the end of the connection, or the read timeout."""
    upstream = Upstream(response)

    assert listen(upstream) == hearing
    assert upstream.last_event_ids == [None]


@pytest.mark.parametrize("response", [error_response(503, "later"), Fault()], ids=["503", "down"])
def test_listening_needs_an_accepted_request(response: Response | Fault) -> None:
    """An error is raised as from any connection."""
    with pytest.raises(ApiError):
        listen(Upstream(response))


def listen(upstream: Upstream) -> str:
    """Listen to a stream in virtual time."""

    async def run() -> str:
        async with httpx.AsyncClient(transport=upstream) as http:
            return await stream_of(http).listen()

    return VirtualTime().run(run())


def test_heartbeats_are_counted_by_the_reader() -> None:
    """Each connection adds its own; frames are none."""
    upstream = Upstream(
        event_stream([b": hb\n\n", sse(b"{}", "a"), b": hb\n\n"]),
        event_stream([b": hb\n\n"]),
        NO_CONTENT,
    )

    assert read(upstream).heartbeats == 3
