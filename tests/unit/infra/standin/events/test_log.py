"""The event log: batches, retention, positions."""

from hypothesis import given
from hypothesis import strategies as st

from infra.standin.events.event import Filter
from infra.standin.events.flood import Flood
from infra.standin.events.log import EventLog
from tests.support.standin_events import make_event, make_log

EVERYTHING = Filter()


def read_all(log: EventLog, after: int, filters: Filter, max_events: int) -> bytes:
    """Read everything after a position, in batches."""
    data = b""
    while True:
        batch = log.read(after, filters, max_events=max_events, max_bytes=10_000)
        if batch.reached == after:
            return data
        data += batch.data
        after = batch.reached


@given(st.text())
def test_an_unknown_id_has_no_sequence_number(name: str) -> None:
    """Any text can be looked up without an error."""
    assert make_log(3).sequence_of(name) is None


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 40))
def test_batch_size_does_not_change_what_is_read(count: int, size: int, after: int) -> None:
    """Every batch size gives the same frames in the same order, with and without a filter."""
    log = make_log(count)
    for _ in Flood(events=5, data_bytes=10, entities=2, user_id="u", now=0.0).append_to(log):
        pass
    log.append(make_event(log.next_id(), "r"))

    for filters in (EVERYTHING, Filter(run_ids=frozenset({"r"}))):
        assert read_all(log, after, filters, size) == read_all(log, after, filters, 1_000)


def test_retention_keeps_the_last_events() -> None:
    """A log of 600 events that retains 10 replays exactly the last 10."""
    log = make_log(600, retain=10)

    assert log.read(0, EVERYTHING, max_events=1_000, max_bytes=10**6).count == 10
    assert log.floor == 590


def test_a_repeated_event_id_resumes_after_its_first_occurrence() -> None:
    """An id that was used twice must not skip the events between."""
    log = make_log(0)
    for name in ("a", "b", "a", "c"):
        log.append(make_event(name))

    assert log.sequence_of("a") == 1
