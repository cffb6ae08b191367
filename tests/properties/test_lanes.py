"""Property: within an entity the order of publishing is that of the stream, under any failure."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.upstream import Replay
from tests.support.vendor_events import event
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import run_window
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.stages import Tuning

SMALL = Tuning(batch_events=4, request_messages=2, random=lambda: 0.0)
"""Several batches in flight, of several requests each."""


class Unruly:
    """A hook that fails some calls, and lets others overtake each other."""

    def __init__(self, failing: frozenset[int], slow: frozenset[int]) -> None:
        self._failing = failing
        self._slow = slow
        self._passed = threading.Event()

    def __call__(self, number: int) -> None:
        """Fail, or wait until some later call has passed (or clearly none will)."""
        if number in self._slow:
            self._passed.clear()
            self._passed.wait(0.02)
        else:
            self._passed.set()
        if number in self._failing:
            raise BackendError("refused")


def backend_in(folder: str) -> Backend:
    """An embedded backend."""
    return open_backend(BackendSettings("embedded", "", str(Path(folder) / "e"), ""))


@settings(max_examples=40)
@given(
    runs=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    lanes=st.integers(1, 4),
    failing=st.frozensets(st.integers(1, 30), max_size=4),
    lost=st.frozensets(st.integers(1, 30), max_size=4),
    slow=st.frozensets(st.integers(1, 30), max_size=6),
)
def test_an_entitys_order_is_kept_through_failures(
    runs: list[int],
    lanes: int,
    failing: frozenset[int],
    lost: frozenset[int],
    slow: frozenset[int],
) -> None:
    """All events of each entity, without repeats, are in the order of the stream."""
    upstream = [event(n, run_id=f"run-{run}") for n, run in enumerate(runs, 1)]
    with TemporaryDirectory() as folder:
        real = backend_in(folder)
        topics = WatchedTopics(
            real.topics, before=Unruly(failing, slow), after=Unruly(lost, frozenset())
        )
        documents = WatchedDocuments(real.documents, older_by=10**6)
        backend = watched(real, topics, documents)
        for _ in range(len(failing) + len(lost) + 1):
            report = run_window(backend, Replay(upstream), tuning=SMALL, lanes=lanes, linger_ms=0)
            if report.outcome != "failed":
                break

    assert report.outcome != "failed"
    for entity in set(runs):
        expected = [f"evt-{n:04d}" for n, run in enumerate(runs, 1) if run == entity]
        published = [m for t, m in topics.stored if m.attributes["ce-runid"] == f"run-{entity}"]
        firsts = list(dict.fromkeys(m.attributes["ce-id"] for m in published))
        assert firsts == expected
        assert len({m.ordering_key for m in published}) == 1
