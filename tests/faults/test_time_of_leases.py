"""Invariant 6: no window outlasts its limits because a lease or a store stalls."""

import itertools

import pytest

from tests.support.upstream import (
    Ending,
    Replay,
    Upstream,
    event_stream,
    heartbeats,
    trickle,
)
from tests.support.vendor_events import event, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics, WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.ingest.stages import Tuning

SLACK = 1.0  # what the invariant allows

ONE_EVENT = Tuning(batch_events=1, random=lambda: 0.0)
"""Batches of one event."""


EVENTS = [event(n, run_id=f"run-{n}") for n in range(1, 201)]


@pytest.mark.parametrize("since", ["the start", "the lease", "the first commit"])
@pytest.mark.parametrize("ending", [heartbeats, trickle(0.1)])
def test_a_store_that_stalls_ends_with_the_window(
    embedded_backend: Backend, since: str, ending: Ending
) -> None:
    """A window ends on time although Firestore accepts requests and never responds."""
    number = {"the start": 0, "the lease": 1, "the first commit": 2}[since]
    time = VirtualTime()

    def stall(written: int) -> None:
        documents.stall = written >= number

    documents = WatchedDocuments(embedded_backend.documents, after=stall, time=time)
    documents.stall = number == 0
    started = time.time()
    report = run_window(
        watched(embedded_backend, documents=documents),
        Upstream(event_stream([sse(event(1), "1")], then=ending)),
        time=time,
        window_seconds=2.5,
        idle_seconds=60.0,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "state_unavailable")
    assert time.time() - started <= 2.5 + SLACK


def test_a_store_that_stalls_past_the_lease_stops_publishing(embedded_backend: Backend) -> None:
    """Nothing is published after the lease has expired: another window may have it."""
    time = VirtualTime()
    documents = WatchedDocuments(
        embedded_backend.documents, after=lambda _n: setattr(documents, "stall", True), time=time
    )
    started, published_at = time.time(), list[float]()
    topics = WatchedTopics(
        embedded_backend.topics, before=lambda _n: published_at.append(time.time() - started)
    )
    report = run_window(
        watched(embedded_backend, topics, documents),
        Upstream(event_stream(then=trickle(0.1))),
        time=time,
        window_seconds=20.0,
        idle_seconds=60.0,
        lease_seconds=4.0,
    )

    assert report.outcome == "failed"
    assert published_at
    assert max(published_at) <= 4.0
    assert report.window_seconds <= 20.0 + SLACK


def test_the_lease_is_renewed_through_the_flush(embedded_backend: Backend) -> None:
    """Reading ends at once, publishing takes three leases: no request is refused.

    A request may take as long as the lease is sure to last, which is a little less than two thirds.
    """
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 5.0)
    written: list[float] = []
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda _n: written.append(time.time())
    )
    report = run_window(
        watched(embedded_backend, topics, documents),
        Replay(EVENTS[:6]),
        time=time,
        tuning=ONE_EVENT,
        lanes=1,
        window_seconds=40.0,
        lease_seconds=10.0,
    )

    assert (report.outcome, report.stop_reason, report.published) == ("drained", "server_closed", 6)
    assert 30.0 <= report.window_seconds < 31.0
    assert max(after - before for before, after in itertools.pairwise(written)) < 10.0


def test_a_lease_that_is_lost_stops_the_flush(embedded_backend: Backend) -> None:
    """A takeover that a commit detects cancels the requests that wait."""
    time = VirtualTime()
    topics = SlowTopics(embedded_backend.topics, time, 1.0)

    def overtake(number: int) -> None:
        if number == 2:
            stored = embedded_backend.documents.read("streams", "default", timeout=5)
            rival = {"fencing_token": 99, "lease_owner": "rival"}
            embedded_backend.documents.write(
                "streams", "default", rival, replaces=stored, timeout=5
            )

    documents = WatchedDocuments(embedded_backend.documents, before=overtake)
    report = run_window(
        watched(embedded_backend, topics, documents),
        Replay(EVENTS, then=heartbeats),
        time=time,
        lanes=64,
        window_seconds=60.0,
        lease_seconds=3.0,
    )

    assert (report.outcome, report.stop_reason) == ("failed", "lease_lost")
    assert report.window_seconds < 4.0
    assert len(topics.ids()) < len(EVENTS)
    assert document(embedded_backend)["lease_owner"] == "rival"


def test_a_window_of_a_lease_shorter_than_itself_keeps_it(embedded_backend: Backend) -> None:
    """The lease is renewed as long as the window lasts, with and without events."""
    time = VirtualTime()
    written: list[float] = []
    documents = WatchedDocuments(
        embedded_backend.documents, before=lambda _n: written.append(time.time())
    )
    report = run_window(
        watched(embedded_backend, documents=documents),
        Upstream(event_stream(then=heartbeats)),
        time=time,
        window_seconds=12.0,
        idle_seconds=60.0,
        lease_seconds=1.0,
    )

    assert (report.outcome, report.stop_reason) == ("idle", "deadline")
    assert max(after - before for before, after in itertools.pairwise(written)) < 1.0
