"""The stand-in's event stream: what it sends, replays, filters and forgets."""

import threading
from collections.abc import Iterator

import httpx
import pytest
from httpx_sse import connect_sse

from infra.standin import StandIn, StandInConfig
from tests.support.standin_sse import PATH, frames, is_heartbeat, stream, take, until

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
    """A stand-in in which nothing has happened yet, with quick heartbeats."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1)) as running:
        yield running


def numbered(standin: StandIn, count: int, **fields: str) -> list[str]:
    """Let `count` events happen; their ids."""
    return standin.control.events(*({"payload": {"n": n}, **fields} for n in range(count)))


def test_a_run_tells_its_whole_story(standin: StandIn) -> None:
    """Every event has every key, ids match the id line, and times never go back."""
    started = standin.control.runs(1, videos_per_run=2)
    got = take(standin, started["events"])
    events = [one.event for one in got]

    assert [one.id for one in got] == [event["event_id"] for event in events]
    assert all(set(event) == EVENT_KEYS for event in events)
    assert events[0]["event_type"] == "processing.run_started"
    assert events[-1]["event_type"].startswith("processing.run_completed")
    times = [event["created_at"] for event in events]
    assert times == sorted(times)
    done = [event for event in events if event["event_type"] == "processing.video_completed"]
    assert all(event["payload"]["gcs_uri"].startswith("gs://") for event in done)
    assert standin.control.journal()["event_ids"] == [event["event_id"] for event in events]


def test_a_failed_run_is_retried_under_its_id(standin: StandIn) -> None:
    """Some run fails and later completes under the same id, so that a red marker can turn green."""
    started = standin.control.runs(4, videos_per_run=1)
    events = [one.event for one in take(standin, started["events"])]
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
    """Everything after the id, nothing before, then what happens live."""
    ids = numbered(standin, 5)
    with stream(standin, last=ids[1]) as response:
        reader = (one for one in frames(response) if "data" in one.fields)
        replayed = [next(reader).id for _ in range(3)]
        live = numbered(standin, 1)

        assert ids[2:] == replayed
        assert live == [next(reader).id]


def test_a_start_at_latest_skips_what_was_there() -> None:
    """With `start: latest` a stream without a cursor sees only what comes."""
    with StandIn(StandInConfig(start="latest", heartbeat_seconds=0.05)) as standin:
        numbered(standin, 3)
        with stream(standin) as response:
            reader = frames(response)
            assert is_heartbeat(next(reader))
            new = numbered(standin, 1)
            assert new == [next(one.id for one in reader if not is_heartbeat(one))]


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

    got = take(standin, 2, params=params)

    assert [one.event["video_id"] for one in got] == ["vid_a", "vid_b"]


@pytest.mark.parametrize("name", ["run_id", "index_id"])
def test_filters_by_run_and_index(standin: StandIn, name: str) -> None:
    """Only the events of that run or index are sent."""
    standin.control.events({name: "a"}, {name: "b"}, {name: "a"})

    assert [one.event[name] for one in take(standin, 1, params={name: "b"})] == ["b"]


def test_filtered_traffic_moves_the_position(standin: StandIn) -> None:
    """A stream that matches nothing still learns where it stands, before the next heartbeat."""
    ids = numbered(standin, 3)
    with stream(standin, params={"run_id": "none"}) as response:
        got = until(response, is_heartbeat)

    assert [{"id": ids[-1]}] == [one.fields for one in got[:-1]]


@pytest.mark.parametrize("last", ["evt_0000000000000000", "nonsense"])
def test_an_unknown_cursor_is_refused(standin: StandIn, last: str) -> None:
    """410 and `cursor_expired`, where the shape has room for a code."""
    numbered(standin, 1)
    with stream(standin, last=last) as response:
        response.read()
        assert response.status_code == 410
        assert response.json()["error"]["code"] == "cursor_expired"


def test_an_expired_cursor_is_refused(standin: StandIn) -> None:
    """Once expired, an id cannot be resumed from; the first kept one can."""
    ids = numbered(standin, 4)
    standin.control.expire(ids[1])

    with stream(standin, last=ids[1]) as response:
        assert response.status_code == 410
    assert ids[2:] == [one.id for one in take(standin, 2)]
    assert [ids[3]] == [one.id for one in take(standin, 1, last=ids[2])]


def test_retention_and_status_of_the_refusal_are_settings() -> None:
    """Old events fall out of the log by number, and the refusal has the status that was set."""
    with StandIn(StandInConfig(retain_events=2, cursor_status=409)) as standin:
        ids = numbered(standin, 5)
        with stream(standin, last=ids[2]) as response:
            assert response.status_code == 409
        assert [ids[4]] == [one.id for one in take(standin, 1, last=ids[3])]


@pytest.mark.parametrize(("mode", "expected"), [("sequence", "1"), ("none", None)])
def test_id_lines_may_differ_from_event_ids(mode: str, expected: str | None) -> None:
    """The id line can be a number, or missing; resuming works with either kind of id."""
    with StandIn(StandInConfig(ids=mode)) as standin:  # type: ignore[arg-type]  # parametrised
        ids = numbered(standin, 2)

        assert [expected] == [one.id for one in take(standin, 1)]
        for last in filter(None, (expected, ids[0])):
            assert ids[1] == take(standin, 1, last=last)[0].event["event_id"]


def test_raw_data_and_given_ids_are_sent_and_replayed(standin: StandIn) -> None:
    """A poisonous event of one's own is part of the log like any other."""
    standin.control.events({"event_id": "mine", "data": "{not json"}, {"event_id": "next"})

    (first,) = take(standin, 1)
    assert (first.fields) == {
        "id": "mine",
        "event": "processing.segment_completed",
        "data": "{not json",
    }
    assert [one.id for one in take(standin, 1, last="mine")] == ["next"]


def test_batch_size_is_checked(standin: StandIn) -> None:
    """A batch size out of bounds is a validation error; one within is accepted."""
    for size in ("0", "x", "1000000"):
        with stream(standin, params={"batch_size": size}) as response:
            assert response.status_code == 422
    ids = numbered(standin, 5)
    assert ids == [one.id for one in take(standin, 5, params={"batch_size": 2})]


def test_the_stream_needs_a_key_that_may_read(standin: StandIn) -> None:
    """No key is 401, a search key 403."""
    url = standin.api_url + PATH

    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"X-API-Key": standin.keys["search"]}).status_code == 403


def test_httpx_sse_reads_it(standin: StandIn) -> None:
    """The library that the bridge uses sees the same ids, types and data."""
    ids = numbered(standin, 3)
    headers = {"X-API-Key": standin.keys["read"]}
    with (
        httpx.Client() as client,
        connect_sse(client, "GET", standin.api_url + PATH, headers=headers) as source,
    ):
        reader = source.iter_sse()
        got = [next(reader) for _ in range(3)]

    assert ids == [event.json()["event_id"] for event in got] == [event.id for event in got]
    assert {"processing.segment_completed"} == {event.event for event in got}


def test_a_flood_is_whole_in_order_and_resumable(standin: StandIn) -> None:
    """Every event once, the asked size, each entity counting up; resuming in the middle works."""
    prepared = standin.control.flood(5_000, data_bytes=400, entities=7)
    got = take(standin, 5_000)
    middle = take(standin, 2_500, last=got[2_499].id)
    filtered = take(standin, 3, params={"run_id": "run_flood_0003"})

    assert standin.control.journal()["event_ids"] == [one.id for one in got]
    assert prepared["last_event_id"] == got[-1].id
    assert {400} == {len(one.fields["data"]) for one in got}
    seen: dict[str, int] = {}
    for one in got:
        n = one.event["payload"]["n"]
        assert n == seen.get(one.event["run_id"], -1) + 1
        seen[one.event["run_id"]] = n
    assert [one.id for one in got[2_500:]] == [one.id for one in middle]
    assert [got[n].id for n in (3, 10, 17)] == [one.id for one in filtered]


def test_live_events_follow_a_flood(standin: StandIn) -> None:
    """What happens after a flood comes after it."""
    prepared = standin.control.flood(10)
    after = numbered(standin, 1)

    assert after == [one.id for one in take(standin, 1, last=prepared["last_event_id"])]


def test_streams_end_when_the_stand_in_stops() -> None:
    """A reader sees a clean end, not a hang."""
    standin = StandIn(StandInConfig(heartbeat_seconds=60)).start()
    numbered(standin, 1)
    with stream(standin) as response:
        reader = frames(response)
        next(reader)
        stopping = threading.Thread(target=standin.stop)
        stopping.start()

        assert list(reader) == []
        stopping.join()
