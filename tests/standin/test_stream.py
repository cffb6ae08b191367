"""The event stream: live events, replay, filters and expiry."""

import threading
from collections.abc import Iterator

import pytest
from httpx_sse import connect_sse

from infra.standin import StandIn, StandInConfig
from tests.support.standin_api import open_client, request
from tests.support.standin_sse import (
    PATH,
    is_heartbeat,
    read_events,
    read_frames,
    read_until,
    stream,
)

EVENT_KEYS = {
    "event_id",
    "event_type",
    "user_id",
    "run_id",
    "video_id",
    "segment_id",
    "index_id",
    "created_at",
    "payload",
}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in without events, with short heartbeat intervals."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1)) as running:
        yield running


def emit_numbered(standin: StandIn, count: int, **fields: str) -> list[str]:
    """Emit `count` events. Return their ids."""
    return standin.control.events(*({"payload": {"n": n}, **fields} for n in range(count)))


def test_a_run_emits_complete_events(standin: StandIn) -> None:
    """Every event has every key, ids match the id lines, and times never decrease."""
    started = standin.control.runs(1, videos_per_run=2)
    received = read_events(standin, started["events"])
    events = [frame.event for frame in received]

    assert [frame.id for frame in received] == [event["event_id"] for event in events]
    assert all(set(event) == EVENT_KEYS for event in events)
    assert events[0]["event_type"] == "processing.run_started"
    assert events[-1]["event_type"].startswith("processing.run_completed")
    times = [event["created_at"] for event in events]
    assert times == sorted(times)
    done = [event for event in events if event["event_type"] == "processing.video_completed"]
    assert all(event["payload"]["gcs_uri"].startswith("gs://") for event in done)
    assert standin.control.journal()["event_ids"] == [event["event_id"] for event in events]


def test_a_failed_run_is_retried_under_its_id(standin: StandIn) -> None:
    """One run fails and later completes under the same id: a red marker can turn green."""
    started = standin.control.runs(4, videos_per_run=1)
    events = [frame.event for frame in read_events(standin, started["events"])]
    failed = [e["run_id"] for e in events if e["event_type"] == "processing.run_failed"]

    assert len(failed) == 1
    ends = [e["event_type"] for e in events if e["run_id"] == failed[0] and not e["video_id"]]
    assert [end.removeprefix("processing.") for end in ends] == [
        "run_started",
        "run_failed",
        "run_started",
        "run_completed",
    ]


def test_replay_begins_after_the_last_event_id(standin: StandIn) -> None:
    """A resumed stream replays the events after the id, then sends live events."""
    ids = emit_numbered(standin, 5)
    with stream(standin, last=ids[1]) as response:
        reader = (frame for frame in read_frames(response) if "data" in frame.fields)
        replayed = [next(reader).id for _ in range(3)]
        live = emit_numbered(standin, 1)

        assert ids[2:] == replayed
        assert live == [next(reader).id]


def test_a_start_at_latest_skips_earlier_events() -> None:
    """With `start: latest` a stream without a cursor has later events only."""
    with StandIn(StandInConfig(start="latest", heartbeat_seconds=0.05)) as standin:
        emit_numbered(standin, 3)
        with stream(standin) as response:
            reader = read_frames(response)
            assert is_heartbeat(next(reader))
            new = emit_numbered(standin, 1)
            assert new == [next(frame.id for frame in reader if not is_heartbeat(frame))]


@pytest.mark.parametrize(
    "params",
    [
        [("video_ids", "vid_a"), ("video_ids", "vid_b")],
        {"video_ids": "vid_a,vid_b"},
        {"video_ids": ["vid_a", "vid_b"], "event_types": "processing.segment_completed"},
    ],
)
def test_lists_may_repeat_or_use_commas(standin: StandIn, params: object) -> None:
    """Both list encodings select the same events."""
    for name in ("vid_a", "vid_x", "vid_b"):
        standin.control.events({"video_id": name})

    received = read_events(standin, 2, params=params)

    assert [frame.event["video_id"] for frame in received] == ["vid_a", "vid_b"]


@pytest.mark.parametrize("name", ["run_id", "index_id"])
def test_filters_by_run_and_index(standin: StandIn, name: str) -> None:
    """Only events of the run or index are sent."""
    standin.control.events({name: "a"}, {name: "b"}, {name: "a"})

    assert [frame.event[name] for frame in read_events(standin, 1, params={name: "b"})] == ["b"]


def test_filtered_events_advance_the_position(standin: StandIn) -> None:
    """A stream without a match receives its position before the next heartbeat."""
    ids = emit_numbered(standin, 3)
    with stream(standin, params={"run_id": "none"}) as response:
        received = read_until(response, is_heartbeat)

    assert [{"id": ids[-1]}] == [frame.fields for frame in received[:-1]]


@pytest.mark.parametrize("last", ["evt_0000000000000000", "nonsense"])
def test_an_unknown_cursor_is_rejected(standin: StandIn, last: str) -> None:
    """The response is 410 with the code `cursor_expired`."""
    emit_numbered(standin, 1)
    with stream(standin, last=last) as response:
        response.read()
        assert response.status_code == 410
        assert response.json()["error"]["code"] == "cursor_expired"


def test_an_expired_cursor_is_rejected(standin: StandIn) -> None:
    """A stream cannot resume from an expired id, but can from a later one."""
    ids = emit_numbered(standin, 4)
    standin.control.expire(ids[1])

    with stream(standin, last=ids[1]) as response:
        assert response.status_code == 410
    assert ids[2:] == [frame.id for frame in read_events(standin, 2)]
    assert [ids[3]] == [frame.id for frame in read_events(standin, 1, last=ids[2])]


def test_retention_and_error_status_are_settings() -> None:
    """The log retains a number of events, and the error has the configured status."""
    with StandIn(StandInConfig(retain_events=2, cursor_status=409)) as standin:
        ids = emit_numbered(standin, 5)
        with stream(standin, last=ids[2]) as response:
            assert response.status_code == 409
        assert [ids[4]] == [frame.id for frame in read_events(standin, 1, last=ids[3])]


@pytest.mark.parametrize(("mode", "expected"), [("sequence", "1"), ("none", None)])
def test_id_lines_may_differ_from_event_ids(mode: str, expected: str | None) -> None:
    """The id line can be a number or missing; a stream resumes from either kind of id."""
    with StandIn(StandInConfig(ids=mode)) as standin:  # type: ignore[arg-type]  # parametrised
        ids = emit_numbered(standin, 2)

        assert [expected] == [frame.id for frame in read_events(standin, 1)]
        for last in filter(None, (expected, ids[0])):
            assert ids[1] == read_events(standin, 1, last=last)[0].event["event_id"]


def test_raw_data_and_custom_ids_are_sent_and_replayed(standin: StandIn) -> None:
    """An invalid event is part of the log like any other."""
    standin.control.events({"event_id": "mine", "data": "{not json"}, {"event_id": "next"})

    (first,) = read_events(standin, 1)
    assert (first.fields) == {
        "id": "mine",
        "event": "processing.segment_completed",
        "data": "{not json",
    }
    assert [frame.id for frame in read_events(standin, 1, last="mine")] == ["next"]


def test_batch_size_is_checked(standin: StandIn) -> None:
    """A batch size out of bounds is a validation error; a valid one is accepted."""
    for size in ("0", "x", "1000000"):
        with stream(standin, params={"batch_size": size}) as response:
            assert response.status_code == 422
    ids = emit_numbered(standin, 5)
    assert ids == [frame.id for frame in read_events(standin, 5, params={"batch_size": 2})]


def test_the_stream_needs_the_read_scope(standin: StandIn) -> None:
    """No key is 401; a search key is 403."""
    assert request(standin, "GET", PATH).status_code == 401
    assert request(standin, "GET", PATH, scope="search").status_code == 403


def test_httpx_sse_reads_the_stream(standin: StandIn) -> None:
    """The bridge's SSE library returns the same ids, types and data."""
    ids = emit_numbered(standin, 3)
    headers = {"X-API-Key": standin.keys["read"]}
    with (
        open_client() as client,
        connect_sse(client, "GET", standin.api_url + PATH, headers=headers) as source,
    ):
        reader = source.iter_sse()
        received = [next(reader) for _ in range(3)]

    assert (
        ids == [event.json()["event_id"] for event in received] == [event.id for event in received]
    )
    assert {"processing.segment_completed"} == {event.event for event in received}


def test_a_flood_is_complete_ordered_and_resumable(standin: StandIn) -> None:
    """Each event once, of the requested size, ordered per run; a stream resumes in the middle."""
    prepared = standin.control.flood(5_000, data_bytes=400, entities=7)
    received = read_events(standin, 5_000)
    middle = read_events(standin, 2_500, last=received[2_499].id)
    filtered = read_events(standin, 3, params={"run_id": "run_flood_0003"})

    assert standin.control.journal()["event_ids"] == [frame.id for frame in received]
    assert prepared["last_event_id"] == received[-1].id
    assert {400} == {len(frame.fields["data"]) for frame in received}
    last_n: dict[str, int] = {}
    for frame in received:
        n = frame.event["payload"]["n"]
        assert n == last_n.get(frame.event["run_id"], -1) + 1
        last_n[frame.event["run_id"]] = n
    assert [frame.id for frame in received[2_500:]] == [frame.id for frame in middle]
    assert [received[n].id for n in (3, 10, 17)] == [frame.id for frame in filtered]


def test_live_events_follow_a_flood(standin: StandIn) -> None:
    """Events emitted after a flood follow it."""
    prepared = standin.control.flood(10)
    live = emit_numbered(standin, 1)

    assert live == [frame.id for frame in read_events(standin, 1, last=prepared["last_event_id"])]


def test_streams_end_when_the_stand_in_stops() -> None:
    """A reader gets a clean end of the response."""
    standin = StandIn(StandInConfig(heartbeat_seconds=60)).start()
    emit_numbered(standin, 1)
    with stream(standin) as response:
        reader = read_frames(response)
        next(reader)
        stopping = threading.Thread(target=standin.stop)
        stopping.start()

        assert list(reader) == []
        stopping.join()
