"""Each fault has its documented effect, once; the next request is normal."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.standin_api import request
from tests.support.standin_sse import is_heartbeat, read_events, read_frames, read_until, stream

MARKER = {"target_type": "run", "target_id": "run_1", "color": "red"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in with five events and short heartbeat intervals."""
    with StandIn(StandInConfig(heartbeat_seconds=0.05)) as running:
        running.control.events(*({"payload": {"n": n}} for n in range(5)))
        yield running


def put_marker(standin: StandIn, **headers: str) -> httpx.Response:
    """Upsert the marker."""
    return request(standin, "PUT", "/markers", scope="write", json=MARKER, headers=headers)


def ids_of(standin: StandIn) -> list[str]:
    """Return the ids of all events."""
    ids: list[str] = standin.control.journal()["event_ids"]
    return ids


def read_until_broken(standin: StandIn, **fault: Any) -> bytes:
    """Return the bytes of a stream's body until the connection breaks."""
    standin.control.faults({"on": "stream", "kind": "cut", **fault})
    received: list[bytes] = []
    with stream(standin) as response, pytest.raises(httpx.TransportError):
        received.extend(response.iter_raw())
    return b"".join(received)


def test_cut_after_events(standin: StandIn) -> None:
    """Two whole frames arrive, then the connection breaks without a final chunk."""
    assert read_until_broken(standin, after_events=2).count(b"\n\n") == 2
    assert len(read_events(standin, 5)) == 5


def test_cut_in_the_middle_of_a_frame(standin: StandIn) -> None:
    """Half a frame follows the last whole frame."""
    received = read_until_broken(standin, after_events=2, mid_frame=True)

    assert received.count(b"\n\n") == 2
    assert not received.endswith(b"\n\n")


def test_cut_after_bytes(standin: StandIn) -> None:
    """Exactly this number of body bytes arrives."""
    assert len(read_until_broken(standin, after_bytes=100)) == 100


def test_clean_cut_ends_properly(standin: StandIn) -> None:
    """The response is complete: the stream ends without an error."""
    standin.control.faults({"on": "stream", "kind": "cut", "after_events": 3, "clean": True})
    with stream(standin) as response:
        assert len(list(read_frames(response))) == 3


def test_stall_stops_heartbeats_too(standin: StandIn) -> None:
    """Nothing arrives during the stall; then the stream continues."""
    standin.control.faults({"on": "stream", "kind": "stall", "after_events": 2, "seconds": 0.5})
    started_at = time.monotonic()
    with stream(standin) as response:
        reader = read_frames(response)
        first = [next(reader).id for _ in range(2)]
        third = next(reader)
        waited = time.monotonic() - started_at

    assert ids_of(standin)[:3] == [*first, third.id]
    assert waited > 0.4


def test_drip_sends_single_bytes(standin: StandIn) -> None:
    """The frames are unchanged and arrive byte by byte."""
    standin.control.faults({"on": "stream", "kind": "drip", "n": 2, "seconds": 0})
    with stream(standin) as response:
        received = read_until(response, is_heartbeat)

    assert ids_of(standin) == [frame.id for frame in received if "data" in frame.fields]


def test_garbage_is_sent_between_events(standin: StandIn) -> None:
    """The raw bytes follow the first event; no event is missing."""
    raw = "id\ndata: <html>\nnonsense\n\n"
    standin.control.faults({"on": "stream", "kind": "garbage", "after_events": 1, "raw": raw})
    received = read_events(standin, 6)

    assert received[1].fields["data"] == "<html>"
    assert ids_of(standin) == [frame.id for frame in received[:1] + received[2:]]


def test_garbage_is_not_json_by_default(standin: StandIn) -> None:
    """The default garbage is a frame whose data is not JSON."""
    standin.control.faults({"on": "stream", "kind": "garbage"})

    with pytest.raises(orjson.JSONDecodeError):
        _ = read_events(standin, 1)[0].event


def test_duplicate_repeats_the_last_frames(standin: StandIn) -> None:
    """The last n frames are sent again, with their ids."""
    standin.control.faults({"on": "stream", "kind": "duplicate", "after_events": 3, "n": 2})
    ids = ids_of(standin)

    assert [*ids[:3], *ids[1:3], *ids[3:]] == [frame.id for frame in read_events(standin, 7)]


def test_stream_error_ends_the_stream(standin: StandIn) -> None:
    """`processing.stream_error`, without an id, is the last frame."""
    standin.control.faults({"on": "stream", "kind": "stream_error", "after_events": 2})
    with stream(standin) as response:
        received = list(read_frames(response))

    assert len(received) == 3
    assert (received[-1].fields["event"], received[-1].id) == ("processing.stream_error", None)


def test_oversize_pads_a_real_event(standin: StandIn) -> None:
    """The next event's data has the requested size, with its id and content; a replay is normal."""
    standin.control.faults(
        {"on": "stream", "kind": "oversize", "after_events": 1, "bytes": 200_000}
    )
    padded = read_events(standin, 3)[1]

    assert len(padded.fields["data"]) == 200_000
    assert (ids_of(standin)[1], 1) == (padded.event["event_id"], padded.event["payload"]["n"])
    assert len(read_events(standin, 2)[1].fields["data"]) < 1_000


def test_no_id_omits_id_lines(standin: StandIn) -> None:
    """The next n frames have no id line; later frames have one."""
    standin.control.faults({"on": "stream", "kind": "no_id", "after_events": 1, "n": 2})
    ids = ids_of(standin)

    assert [ids[0], None, None, ids[3], ids[4]] == [frame.id for frame in read_events(standin, 5)]


def test_expired_cursor_rejects_any_cursor(standin: StandIn) -> None:
    """A valid Last-Event-ID gets 410, once."""
    standin.control.faults({"on": "stream", "kind": "expired_cursor"})
    last = ids_of(standin)[0]

    with stream(standin, last=last) as response:
        assert response.status_code == 410
    assert len(read_events(standin, 4, last=last)) == 4


@pytest.mark.parametrize(("form", "header"), [("seconds", "3"), ("date", "GMT"), ("body", None)])
def test_status_with_retry_after_in_each_form(
    standin: StandIn, form: str, header: str | None
) -> None:
    """The wait is in the header, as seconds or a date, or in the body."""
    fault = {"kind": "status", "status": 503, "retry_after": 3, "retry_after_form": form}
    standin.control.faults({**fault, "on": "stream", "shape": "flat"})

    with stream(standin) as response:
        response.read()
        retry_after = response.headers.get("retry-after")
        assert response.status_code == 503
        assert retry_after is None if header is None else header in retry_after
        assert (form == "body") == ("retry_after" in response.json())


def test_delay_delays_the_response(standin: StandIn) -> None:
    """The response is correct, but late."""
    standin.control.faults({"on": "PUT /markers", "kind": "delay", "seconds": 0.3})
    started_at = time.monotonic()

    assert put_marker(standin).status_code == 200
    assert time.monotonic() - started_at >= 0.3


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("act", [False, True])
def test_drop_loses_the_response(standin: StandIn, *, act: bool, reset: bool) -> None:
    """There is no response; `act` decides whether the marker exists."""
    standin.control.faults({"on": "PUT /markers", "kind": "drop", "act": act, "reset": reset})
    with pytest.raises(httpx.TransportError):
        put_marker(standin)
    journal = standin.control.journal()

    assert int(act) == len(journal["markers"])
    assert journal["requests"]["PUT /markers"] == 1


def test_idempotency_key_survives_a_lost_response(standin: StandIn) -> None:
    """A repeat with the same key gets the first response; with another body, a conflict."""
    standin.control.faults({"on": "PUT *", "kind": "drop", "act": True})
    key = {"Idempotency-Key": "k1"}
    with pytest.raises(httpx.TransportError):
        put_marker(standin, **key)
    (put,) = standin.control.journal()["markers"]

    assert put == put_marker(standin, **key).json()
    green = {**MARKER, "color": "green"}
    other = request(standin, "PUT", "/markers", scope="write", json=green, headers=key)
    assert other.status_code == 409


def test_faults_apply_in_order_and_are_counted_down(standin: StandIn) -> None:
    """A request takes the first fault that applies. The script can be listed and cleared."""
    standin.control.faults(
        {"on": "PUT /markers", "kind": "status", "status": 500, "times": 2},
        {"on": "GET /markers", "kind": "status", "status": 502},
        {"kind": "status", "status": 504, "times": None},
    )

    assert [put_marker(standin).status_code for _ in range(3)] == [500, 500, 504]
    assert [(fault["on"], fault["times"]) for fault in standin.control.faults_left()] == [
        ("GET /markers", 1),
        ("*", None),
    ]
    standin.control.clear_faults()
    assert put_marker(standin).status_code == 200


def test_a_fault_can_apply_to_one_target(standin: StandIn) -> None:
    """It applies to every request with the text in its path or body, and to no other."""
    standin.control.faults(
        {"on": "* /markers*", "kind": "status", "status": 422, "containing": "run_1", "times": None}
    )
    other = {**MARKER, "target_id": "run_2"}

    put = request(standin, "PUT", "/markers", scope="admin", json=other)
    path = f"/markers/{put.json()['marker_id']}"

    assert put.status_code == 200
    assert put_marker(standin).status_code == 422
    assert request(standin, "DELETE", "/markers/run_1", scope="admin").status_code == 422
    assert request(standin, "DELETE", path, scope="admin").status_code == 204
    standin.control.clear_faults()
    assert put_marker(standin).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "containing": "run_1"},
        {"kind": "delay", "on": "delivery", "containing": "run_1"},
        {"kind": "unknown"},
        {"kind": "cut", "aftr_events": 1},
        {"kind": "status", "status": 200},
        {"kind": "status", "shape": "round"},
        {"kind": "cut", "times": 0},
        {"kind": "cut", "after_events": "2"},
    ],
)
def test_an_invalid_fault_is_rejected(standin: StandIn, fault: dict[str, Any]) -> None:
    """A mistake in a script is 422 immediately, so that no test passes without its fault."""
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        standin.control.faults(fault)
