"""`cli.operate.stream_reading`: the operator's own reader, over a scripted stream."""

import httpx
import pytest

from tests.support.upstream import (
    ACCEPTED,
    BASE_URL,
    NO_CONTENT,
    Fault,
    Replay,
    Upstream,
    error_response,
    event_stream,
    heartbeats,
    trickle,
)
from tests.support.vendor_events import event, events, sse
from tests.support.virtual_time import VirtualTime
from videovector_bridge.api.errors import CredentialRefused, ServerTrouble, Unreachable
from videovector_bridge.api.stream import CursorRefused
from videovector_bridge.cli.operate.stream_reading import ReadEvent, StreamReading
from videovector_bridge.errors import BridgeError
from videovector_bridge.events import Event, Rejection
from videovector_bridge.secret import Secret
from videovector_bridge.settings import ApiSettings
from videovector_bridge.settings.filters import StreamFilters

API = ApiSettings(BASE_URL, Secret("opaque-0123456789-credential"), "repeat", "0", 10.0)


def read(
    upstream: httpx.AsyncBaseTransport, cursor: str | None = None, *, seconds: float = 600
) -> tuple[list[ReadEvent], bool, float]:
    """Read to the end; return the events, whether time ran out, and how long it took."""
    time = VirtualTime()

    async def run() -> tuple[list[ReadEvent], bool]:
        async with StreamReading(
            API, StreamFilters(), seconds=seconds, idle_seconds=5, transport=upstream
        ) as reading:
            return [each async for each in reading.read(cursor)], reading.out_of_time

    started = time.time()
    read_events, out_of_time = time.run(run())
    return read_events, out_of_time, time.time() - started


def ids(read_events: list[ReadEvent]) -> list[str]:
    """Return the ids of the events."""
    return [each.event.id for each in read_events if isinstance(each.event, Event)]


def test_everything_after_the_cursor_is_read() -> None:
    """With the position before and after each event."""
    read_events, out_of_time, _ = read(Replay(events(4)), "evt-0002")

    assert ids(read_events) == ["evt-0003", "evt-0004"]
    assert [(each.before, each.after) for each in read_events] == [
        ("evt-0002", "evt-0003"),
        ("evt-0003", "evt-0004"),
    ]
    assert not out_of_time


def test_silence_is_the_end() -> None:
    """Heartbeats are silence."""
    read_events, out_of_time, took = read(Replay(events(3), then=heartbeats), "evt-0001")

    assert len(read_events) == 2
    assert not out_of_time
    assert 4.9 < took < 6


def test_the_time_is_bounded() -> None:
    """A stream that never ends is read for so many seconds."""
    read_events, out_of_time, took = read(Upstream(event_stream(then=trickle(1))), seconds=10)

    assert 8 <= len(read_events) <= 10
    assert out_of_time
    assert took < 11


def test_a_broken_connection_is_resumed() -> None:
    """After the last event; a transient error is retried."""
    upstream = Upstream(
        event_stream([sse(event(1), "evt-0001"), httpx.ReadError("reset")]),
        Fault(),
        error_response(503, "maintenance"),
        event_stream([sse(event(2), "evt-0002")]),
        NO_CONTENT,
    )
    read_events, _, _ = read(upstream)

    assert ids(read_events) == ["evt-0001", "evt-0002"]
    assert upstream.last_event_ids == ["0", *["evt-0001"] * 3, "evt-0002"]


@pytest.mark.parametrize(
    ("upstream", "error"),
    [
        (Upstream(*[Fault()] * 4), Unreachable),
        (Upstream(*[error_response(503, "maintenance")] * 4), ServerTrouble),
        (Upstream(error_response(401, "bad key")), CredentialRefused),
        (Upstream(error_response(410, "The cursor has expired")), CursorRefused),
        (Upstream(error_response(503, "maintenance", Retry_After="3600")), ServerTrouble),
    ],
    ids=["unreachable", "trouble", "key", "cursor", "retry later"],
)
def test_a_lasting_failure_is_raised(upstream: Upstream, error: type[BridgeError]) -> None:
    """After few attempts, and never after a wait that is longer than the time."""
    with pytest.raises(error):
        read(upstream, "evt-0001")
    assert upstream.done


def test_an_earliest_id_that_is_refused_is_left_out() -> None:
    """As `drain` does: the API may not know our id for its oldest event."""
    upstream = Upstream(
        error_response(410, "unknown cursor"),
        event_stream([sse(event(1), "evt-0001")]),
        NO_CONTENT,
    )
    read_events, _, _ = read(upstream)

    assert ids(read_events) == ["evt-0001"]
    assert upstream.last_event_ids == ["0", None, "evt-0001"]


def test_connections_that_end_at_once_are_the_end() -> None:
    """An API that closes an idle stream has nothing more to send."""
    read_events, out_of_time, _ = read(Upstream(*[ACCEPTED] * 4))

    assert read_events == []
    assert not out_of_time


def test_bytes_that_are_no_event_move_the_position() -> None:
    """As they move the cursor of `drain`; so does a frame without data."""
    upstream = Upstream(
        event_stream([sse(b"{garbage", "a"), b"id: b\n\n", sse(event(3), "evt-0003")]), NO_CONTENT
    )
    read_events, _, _ = read(upstream)

    assert [(type(each.event), each.after) for each in read_events] == [
        (Rejection, "a"),
        (type(None), "b"),
        (Event, "evt-0003"),
    ]


def test_a_frame_in_parts_is_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its type is read from its beginning."""
    monkeypatch.setattr("videovector_bridge.cli.operate.stream_reading._LARGEST_FRAME", 2_000)
    monkeypatch.setattr("videovector_bridge.api.frames.PART_BYTES", 1_000)
    large = event(1, payload={"pad": "x" * 10_000})
    upstream = Upstream(
        event_stream([sse(large, "evt-0001"), sse(event(2), "evt-0002")]), NO_CONTENT
    )
    read_events, _, _ = read(upstream)

    assert ids(read_events) == ["evt-0001", "evt-0002"]
    assert isinstance(read_events[0].event, Event)
    assert read_events[0].event.data == b""
