"""`ingest.reader`: connections that end or fail are made again, in time and politely."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest

from tests.support.reading import read
from tests.support.upstream import (
    NO_CONTENT,
    Fault,
    Response,
    Upstream,
    cut,
    error_response,
    event_stream,
    silence,
)
from tests.support.vendor_events import event, sse
from tests.support.windows import KEY
from videovector_bridge.api.errors import RateLimited, ServerTrouble, Unreachable
from videovector_bridge.api.stream import StreamFailed
from videovector_bridge.errors import BridgeError


def test_a_cut_is_resumed_behind_the_last_whole_frame() -> None:
    """A connection that breaks within a frame is made again with the id of the one before."""
    whole = sse(event(1), "a") + sse(event(2), "b")
    upstream = Upstream(
        event_stream([whole, b"id: c\ndata: {"], then=cut),
        event_stream([whole[:20]]),
        event_stream([sse(event(3), "c")]),
        NO_CONTENT,
    )
    reading = read(upstream)

    assert [frame.last_event_id for frame in reading.frames] == ["a", "b", "c"]
    assert upstream.last_event_ids == [None, "b", "b", "c"]
    assert reading.reconnects == 3


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (error_response(429, "slow down", Retry_After="3"), RateLimited),
        (error_response(503, "later", Retry_After="3"), ServerTrouble),
        (error_response(500, "oops", Retry_After="3"), ServerTrouble),
        (
            Response([b'{"error": {"message": "x", "retry_after": 3}}'], 429, {}),
            RateLimited,
        ),
    ],
    ids=["429", "503", "500", "in the body"],
)
def test_retry_after_is_honoured(response: Response, kind: type[BridgeError]) -> None:
    """The delay is what the server asked for, in seconds, with any jitter."""
    reading = read(Upstream(response, event_stream([sse(event(1), "a")]), NO_CONTENT))
    assert reading.delays[0] == 3

    reading = read(Upstream(response), seconds=2)
    assert isinstance(reading.error, kind)


def test_retry_after_may_be_a_date() -> None:
    """An HTTP date is a delay until then."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    reading = read(Upstream(error_response(429, "slow down", Retry_After=date), NO_CONTENT))

    assert 25 < reading.delays[0] <= 30


def test_the_servers_retry_is_honoured() -> None:
    """`retry:` is the minimum delay from then on; the last one counts."""
    reading = read(
        Upstream(
            event_stream([b"retry: 9000\n\nretry: 2500\ndata: a\n\n"]),
            event_stream([b"data: b\n\n"]),
            NO_CONTENT,
        )
    )

    assert reading.delays == [2.5, 2.5]


@pytest.mark.parametrize("retry", [b"9" * 400, b"9" * 5_000, b"-1", b"soon", b"1.5"])
def test_no_retry_breaks_the_loop(retry: bytes) -> None:
    """A delay past the deadline ends the reading, and an unreadable one is ignored; no error."""
    reading = read(Upstream(event_stream([b"retry: " + retry + b"\ndata: a\n\n"]), NO_CONTENT))

    assert [frame.data for frame in reading.frames] == [b"a"]


def test_a_delay_never_passes_the_deadline() -> None:
    """Reading ends with the reason, and does not sleep past the deadline."""
    reading = read(Upstream(error_response(503, "later", Retry_After="61")))

    assert reading.delays == []
    assert isinstance(reading.error, ServerTrouble)
    assert reading.reconnects == 0


def test_delays_grow_until_a_frame_arrives() -> None:
    """The upper bound of the jitter doubles with each failure in a row, and starts again."""
    down = Fault()
    reading = read(
        Upstream(*[down] * 7, event_stream([b"data: a\n\n"]), down, NO_CONTENT),
        seconds=600,
        random=lambda: 1.0,
    )

    assert reading.delays == [0.5, 1, 2, 4, 8, 15, 15, 0.5, 1]


def test_a_silent_connection_counts_as_dead() -> None:
    """Without even a heartbeat the connection is made again."""
    upstream = Upstream(event_stream([sse(event(1), "a")], then=silence), NO_CONTENT)
    reading = read(upstream)

    assert upstream.last_event_ids == [None, "a"]
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
    upstream = Upstream(event_stream([sse(event(1), "a"), frame, sse(event(3), "c")]), NO_CONTENT)
    reading = read(upstream)

    assert reading.stream_errors == is_error
    assert upstream.last_event_ids == [None, "a" if is_error else "c"]
    assert len(reading.frames) == (1 if is_error else 3)


def test_the_last_stream_error_is_reported() -> None:
    """The report of a stream that ends in an error has its text, cleaned."""
    said = orjson.dumps({"message": f"broke with {KEY} sk_live_12345678"})
    reading = read(
        Upstream(event_stream([b"retry: 90000\n", sse(said, name="processing.stream_error")])),
        seconds=5,
    )

    assert isinstance(reading.error, StreamFailed)
    assert "broke with" in str(reading.error)
    assert KEY not in str(reading.error)
    assert "sk_live_1" not in str(reading.error)


def test_a_wrong_content_type_is_reported_and_retried() -> None:
    """A sign-in page is not a stream, but may be temporary."""
    page = Response([b"<html>data: x\n\n"], 200, {"Content-Type": "text/html"})
    upstream = Upstream(page, event_stream([b"data: a\n\n"]), NO_CONTENT)

    assert [frame.data for frame in read(upstream).frames] == [b"a"]
    last = read(Upstream(page), seconds=0)
    assert isinstance(last.error, Unreachable)
    assert "text/html" in str(last.error)
