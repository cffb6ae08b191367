"""The stand-in's pure parts: ids, the log, runs, limits and pages."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.standin.api.pages import page_of
from infra.standin.api.stream_faults import Disturbance
from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError
from infra.standin.events.event import Event, Filter, frame, padded, without_id
from infra.standin.events.flood import Flood
from infra.standin.events.log import EventLog
from infra.standin.faults import Fault, Script
from infra.standin.http.rate_limit import RateLimiter
from infra.standin.ids import EventIds
from infra.standin.library.catalog import Library
from infra.standin.runs.plan import plan_run
from infra.standin.runs.records import Records

EVERYTHING = Filter()


def event(event_id: str, run_id: str | None = None) -> Event:
    """An event of no particular kind."""
    return Event(
        event_id=event_id,
        event_type="processing.test",
        user_id="u",
        run_id=run_id,
        video_id=None,
        segment_id=None,
        index_id=None,
        created_at="2026-01-01T00:00:00.000000Z",
    )


def log_of(count: int, retain: int | None = None) -> EventLog:
    """A log of `count` events, every third of run r."""
    log = EventLog(EventIds(1), mode="event_id", retain=retain)
    for n in range(count):
        log.append(event(log.next_id(), "r" if n % 3 == 0 else None))
    return log


def read_all(log: EventLog, after: int, where: Filter, max_events: int) -> bytes:
    """Everything after a position, in batches."""
    got = b""
    while True:
        batch = log.read(after, where, max_events=max_events, max_bytes=10_000)
        if batch.reached == after:
            return got
        got += batch.data
        after = batch.reached


@given(st.integers(1, 2**40), st.integers())
def test_event_ids_lead_back_to_their_sequence(sequence: int, seed: int) -> None:
    """The map is one to one, whatever the seed."""
    ids = EventIds(seed)

    assert ids.sequence(ids.of(sequence)) == sequence


@given(st.text())
def test_foreign_ids_are_nobodys(name: str) -> None:
    """Any text at all is looked up without an error, and is not one of a few events."""
    assert log_of(3).sequence_of(name) is None


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 40))
def test_batches_do_not_change_what_is_read(count: int, size: int, after: int) -> None:
    """Reading in any batch size, filtered or not, gives the same frames in the same order."""
    log = log_of(count)
    for _ in Flood(events=5, data_bytes=10, entities=2, user_id="u", now=0.0).pour(log):
        pass
    log.append(event(log.next_id(), "r"))

    for where in (EVERYTHING, Filter(run_ids=frozenset({"r"}))):
        assert read_all(log, after, where, size) == read_all(log, after, where, 1_000)


def test_retention_keeps_the_last_events() -> None:
    """The log of 600 events that keeps 10 replays exactly the last 10."""
    log = log_of(600, retain=10)

    assert log.read(0, EVERYTHING, max_events=1_000, max_bytes=10**6).count == 10
    assert log.floor == 590


def test_a_repeated_event_id_resumes_after_its_first() -> None:
    """An id that was given twice must not skip what lies between."""
    log = log_of(0)
    for name in ("a", "b", "a", "c"):
        log.append(event(name))

    assert log.sequence_of("a") == 1


@given(st.text(max_size=60).filter(lambda text: "\n\n" not in text))
def test_frames_keep_whatever_data(text: str) -> None:
    """Any data ends up in data lines, and exactly one frame comes out."""
    framed = frame("id", "type", text.encode())

    assert framed.count(b"\n\n") == 1
    assert without_id(framed) == frame(None, "type", text.encode())


@given(st.integers(300, 5_000))
def test_padding_reaches_the_asked_size(size: int) -> None:
    """An oversized event has exactly the bytes that were asked for."""
    framed = padded(frame("i", "t", event("e").data()), size)

    assert len(framed.partition(b"data: ")[2].removesuffix(b"\n\n")) == size


@given(st.integers(1, 30), st.integers(1, 8))
def test_plans_repeat_and_make_sense(number: int, count: int) -> None:
    """A plan is the same every time, begins with a start and ends with an end of the run."""
    config = StandInConfig()
    library = Library(config)
    videos = library.indexed(library.index_ids[0])[:count]
    plan = plan_run(config, number, videos)

    assert plan == plan_run(config, number, videos)
    assert plan[0].event_type == "processing.run_started"
    assert plan[-1].event_type.startswith("processing.run_completed")
    assert len({step.run_id for step in plan}) == 1
    for before, after in pairwise(plan):
        if before.event_type in {"processing.video_completed", "processing.video_failed"}:
            assert after.segment_id is None


def test_rate_limiter_refills() -> None:
    """Two at once, then one every half second."""
    limiter = RateLimiter(rate=2.0, burst=2)

    assert [limiter.wait("a", now) for now in (0.0, 0.0, 0.0, 0.5)] == [0, 0, 0.5, 0]
    assert limiter.wait("b", 0.0) == 0


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_pages_cover_a_list_once(items: list[int], limit: int) -> None:
    """Following the cursors gives the list back."""
    got: list[int] = []
    cursor: str | None = None
    while True:
        page = page_of(items, limit, cursor)
        got += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert items == got


@pytest.mark.parametrize("cursor", ["x", "ö", "bzox!", "cTox"])
def test_foreign_page_cursors_are_refused(cursor: str) -> None:
    """A cursor not ours is a validation error."""
    with pytest.raises(ApiError, match="cursor"):
        page_of([1], 1, cursor)


@given(st.integers(0, 12), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_a_cut_at_bytes_is_exact_however_it_is_written(room: int, sizes: list[int]) -> None:
    """Never a byte more than allowed, in whatever pieces they come."""
    trouble = Disturbance(Fault(kind="cut", after_bytes=room))
    got = 0
    for size in sizes:
        if not trouble.ended:
            got += len(trouble.limited(b"x" * size))

    assert got == min(room, sum(sizes))
    assert trouble.broken == (sum(sizes) >= room)


def test_a_fault_befalls_only_requests_that_contain_its_text() -> None:
    """In the path or in the body; others take the next fault that fits, and use up neither."""
    script = Script()
    one = Fault(on="POST /videos/*", kind="status", status=422, containing="vid_1", times=2)
    script.add([one, Fault(on="POST *", kind="delay")])
    route = "POST /videos/batch"

    assert script.reads(route)
    assert not script.reads("GET /markers")
    assert script.take(route, "/videos/vid_1", "") == one
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_2"]}') == Fault(
        on="POST *", kind="delay"
    )
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_2"]}') is None
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_1"]}') == one
    assert script.take(route, "/videos/batch", '{"video_ids": ["vid_1"]}') is None


def test_records_forget_old_runs() -> None:
    """A video shows its last runs only, however many there were, and old runs are dropped."""
    records = Records()
    for n in range(200):
        records.apply(replace(event(f"e{n}", f"run_{n}"), video_id="v"))

    assert [run.run_id for run, _ in records.runs_of("v")] == [f"run_{n}" for n in range(150, 200)]
    assert len(records.runs) == 50
