"""Each fault does what it says, once, and the next request finds nothing wrong."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.standin_sse import frames, is_heartbeat, stream, take, until

MARKER = {"target_type": "run", "target_id": "run_1", "color": "red"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in with five events and quick heartbeats."""
    with StandIn(StandInConfig(heartbeat_seconds=0.05)) as running:
        running.control.events(*({"payload": {"n": n}} for n in range(5)))
        yield running


def put_marker(standin: StandIn, **headers: str) -> httpx.Response:
    """Upsert the marker."""
    headers = {"X-API-Key": standin.keys["write"], **headers}
    return httpx.put(standin.api_url + "/markers", json=MARKER, headers=headers)


def ids_of(standin: StandIn) -> list[str]:
    """Ids of everything emitted."""
    ids: list[str] = standin.control.journal()["event_ids"]
    return ids


def broken(standin: StandIn, **fault: Any) -> bytes:
    """The bytes of a stream's body up to where it breaks off."""
    standin.control.faults({"on": "stream", "kind": "cut", **fault})
    got: list[bytes] = []
    with stream(standin) as response, pytest.raises(httpx.TransportError):
        got.extend(response.iter_raw())
    return b"".join(got)


def test_cut_after_events(standin: StandIn) -> None:
    """So many whole frames, then no terminating chunk."""
    assert broken(standin, after_events=2).count(b"\n\n") == 2
    assert len(take(standin, 5)) == 5


def test_cut_in_the_middle_of_a_frame(standin: StandIn) -> None:
    """The frame after the last whole one arrives by half."""
    got = broken(standin, after_events=2, mid_frame=True)

    assert got.count(b"\n\n") == 2
    assert not got.endswith(b"\n\n")


def test_cut_after_bytes(standin: StandIn) -> None:
    """Exactly so many bytes of the body arrive."""
    assert len(broken(standin, after_bytes=100)) == 100


def test_clean_cut_ends_properly(standin: StandIn) -> None:
    """The response is finished as HTTP wants it: an end of stream, no error."""
    standin.control.faults({"on": "stream", "kind": "cut", "after_events": 3, "clean": True})
    with stream(standin) as response:
        assert len(list(frames(response))) == 3


def test_stall_stops_heartbeats_too(standin: StandIn) -> None:
    """Nothing comes for the time of the stall; afterwards the stream goes on."""
    standin.control.faults({"on": "stream", "kind": "stall", "after_events": 2, "seconds": 0.5})
    with stream(standin) as response:
        reader = frames(response)
        began = time.monotonic()
        first = [next(reader).id for _ in range(2)]
        third = next(reader)
        waited = time.monotonic() - began

    assert ids_of(standin)[:3] == [*first, third.id]
    assert waited > 0.4


def test_drip_sends_single_bytes(standin: StandIn) -> None:
    """The frames are the same; they come a byte at a time."""
    standin.control.faults({"on": "stream", "kind": "drip", "n": 2, "seconds": 0})
    with stream(standin) as response:
        got = until(response, is_heartbeat)

    assert ids_of(standin) == [one.id for one in got if "data" in one.fields]


def test_garbage_comes_between_events(standin: StandIn) -> None:
    """The raw bytes stand where they were asked for; no event is missing."""
    raw = "id\ndata: <html>\nnonsense\n\n"
    standin.control.faults({"on": "stream", "kind": "garbage", "after_events": 1, "raw": raw})
    got = take(standin, 6)

    assert got[1].fields["data"] == "<html>"
    assert ids_of(standin) == [one.id for one in got[:1] + got[2:]]


def test_garbage_is_not_json_by_default(standin: StandIn) -> None:
    """Left alone, garbage is a frame whose data no JSON parser takes."""
    standin.control.faults({"on": "stream", "kind": "garbage"})

    with pytest.raises(orjson.JSONDecodeError):
        _ = take(standin, 1)[0].event


def test_duplicate_repeats_the_last_frames(standin: StandIn) -> None:
    """The last n frames come again, ids and all."""
    standin.control.faults({"on": "stream", "kind": "duplicate", "after_events": 3, "n": 2})
    ids = ids_of(standin)

    assert [*ids[:3], *ids[1:3], *ids[3:]] == [one.id for one in take(standin, 7)]


def test_stream_error_ends_the_stream(standin: StandIn) -> None:
    """The event processing.stream_error, without an id, is the last thing sent."""
    standin.control.faults({"on": "stream", "kind": "stream_error", "after_events": 2})
    with stream(standin) as response:
        got = list(frames(response))

    assert len(got) == 3
    assert (got[-1].fields["event"], got[-1].id) == ("processing.stream_error", None)


def test_oversize_pads_a_real_event(standin: StandIn) -> None:
    """The next event's data has the asked size; its id and content stay, and replay is normal."""
    standin.control.faults(
        {"on": "stream", "kind": "oversize", "after_events": 1, "bytes": 200_000}
    )
    padded = take(standin, 3)[1]

    assert len(padded.fields["data"]) == 200_000
    assert (ids_of(standin)[1], 1) == (padded.event["event_id"], padded.event["payload"]["n"])
    assert len(take(standin, 2)[1].fields["data"]) < 1_000


def test_no_id_leaves_id_lines_out(standin: StandIn) -> None:
    """The next n frames have no id line; the ones after do."""
    standin.control.faults({"on": "stream", "kind": "no_id", "after_events": 1, "n": 2})
    ids = ids_of(standin)

    assert [ids[0], None, None, ids[3], ids[4]] == [one.id for one in take(standin, 5)]


def test_expired_cursor_refuses_any_cursor(standin: StandIn) -> None:
    """Even a good Last-Event-ID gets 410, once."""
    standin.control.faults({"on": "stream", "kind": "expired_cursor"})
    last = ids_of(standin)[0]

    with stream(standin, last=last) as response:
        assert response.status_code == 410
    assert len(take(standin, 4, last=last)) == 4


@pytest.mark.parametrize(("form", "header"), [("seconds", "3"), ("date", "GMT"), ("body", None)])
def test_status_with_retry_after_in_each_form(
    standin: StandIn, form: str, header: str | None
) -> None:
    """The wait stands in the header as seconds or a date, or in the body."""
    fault = {"kind": "status", "status": 503, "retry_after": 3, "retry_after_form": form}
    standin.control.faults({**fault, "on": "stream", "shape": "flat"})

    with stream(standin) as response:
        response.read()
        given = response.headers.get("retry-after")
        assert response.status_code == 503
        assert given is None if header is None else header in given
        assert (form == "body") == ("retry_after" in response.json())


def test_delay_holds_the_answer_back(standin: StandIn) -> None:
    """The answer is right, but late."""
    standin.control.faults({"on": "PUT /markers", "kind": "delay", "seconds": 0.3})
    began = time.monotonic()

    assert put_marker(standin).status_code == 200
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("act", [False, True])
def test_drop_loses_the_answer(standin: StandIn, *, act: bool, reset: bool) -> None:
    """No answer comes; whether the marker was put is as asked."""
    standin.control.faults({"on": "PUT /markers", "kind": "drop", "act": act, "reset": reset})
    with pytest.raises(httpx.TransportError):
        put_marker(standin)
    journal = standin.control.journal()

    assert int(act) == len(journal["markers"])
    assert journal["requests"]["PUT /markers"] == 1


def test_idempotency_key_survives_a_lost_answer(standin: StandIn) -> None:
    """Asked again with the same key, the first answer comes; with another body, a conflict."""
    standin.control.faults({"on": "PUT *", "kind": "drop", "act": True})
    key = {"Idempotency-Key": "k1"}
    with pytest.raises(httpx.TransportError):
        put_marker(standin, **key)
    (put,) = standin.control.journal()["markers"]

    assert put == put_marker(standin, **key).json()
    other = httpx.put(
        standin.api_url + "/markers",
        json={**MARKER, "color": "green"},
        headers={"X-API-Key": standin.keys["write"], **key},
    )
    assert other.status_code == 409


def test_faults_strike_in_order_as_often_as_told(standin: StandIn) -> None:
    """A request takes the first that fits; the script shows what is left; clearing forgets it."""
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


def test_a_fault_can_be_about_one_thing(standin: StandIn) -> None:
    """It befalls every request with that text in its path or body, and no other request."""
    standin.control.faults(
        {"on": "* /markers*", "kind": "status", "status": 422, "containing": "run_1", "times": None}
    )
    other = {**MARKER, "target_id": "run_2"}
    headers = {"X-API-Key": standin.keys["admin"]}
    url = standin.api_url + "/markers"

    put = httpx.put(url, json=other, headers=headers)

    assert put.status_code == 200
    assert put_marker(standin).status_code == 422
    assert httpx.delete(f"{url}/run_1", headers=headers).status_code == 422
    assert httpx.delete(f"{url}/{put.json()['marker_id']}", headers=headers).status_code == 204
    standin.control.clear_faults()
    assert put_marker(standin).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "containing": "run_1"},
        {"kind": "delay", "on": "delivery", "containing": "run_1"},
        {"kind": "unheard"},
        {"kind": "cut", "aftr_events": 1},
        {"kind": "status", "status": 200},
        {"kind": "status", "shape": "round"},
        {"kind": "cut", "times": 0},
        {"kind": "cut", "after_events": "2"},
    ],
)
def test_a_fault_with_a_mistake_is_refused(standin: StandIn, fault: dict[str, Any]) -> None:
    """A script with a mistake in it is 422 at once, not a test that proves nothing."""
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        standin.control.faults(fault)


def test_markers_are_listed_deleted_and_guarded(standin: StandIn) -> None:
    """PUT replaces per target, GET is a bare array, DELETE needs admin, and types are checked."""
    url = standin.api_url + "/markers"
    first = put_marker(standin).json()
    second = put_marker(standin).json()
    read, admin = ({"X-API-Key": standin.keys[scope]} for scope in ("read", "admin"))
    write = {"X-API-Key": standin.keys["write"]}

    assert first["marker_id"] == second["marker_id"]
    assert [second] == httpx.get(url, headers=read).json()
    assert httpx.put(url, json=MARKER, headers=read).status_code == 403
    assert httpx.put(url, json={**MARKER, "target_type": "x"}, headers=write).status_code == 422
    one = f"{url}/{second['marker_id']}"
    assert [
        httpx.delete(one, headers=headers).status_code for headers in (write, admin, admin)
    ] == [403, 204, 404]


def test_previews_are_pictures(standin: StandIn) -> None:
    """GIF and thumbnail come with their types; unknown ids are 404."""
    headers = {"X-API-Key": standin.keys["read"]}
    url = standin.api_url
    page = httpx.get(url + "/playground/videos", headers=headers).json()["data"]
    body = {"video_ids": [page[0]["video_id"]]}
    (found,) = httpx.post(url + "/videos/batch/segments", json=body, headers=headers).json()
    segment_id = found["segments"][0]["segment_id"]

    gif = httpx.get(f"{url}/videos/{page[0]['video_id']}/gif", headers=headers)
    jpeg = httpx.get(f"{url}/videos/segments/{segment_id}/thumbnail", headers=headers)

    assert (gif.headers["content-type"], gif.content[:6]) == ("image/gif", b"GIF89a")
    assert (jpeg.headers["content-type"], jpeg.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert httpx.get(url + "/videos/vid_none/gif", headers=headers).status_code == 404
    assert httpx.get(url + "/nowhere", headers=headers).json() == {"detail": "Not Found"}
