"""`ingest.rewind` and windows over both backends: who wins."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.leases import ORIGIN, TIMEOUT, acquired, document, edit, stored
from tests.support.upstream import Replay, Upstream, event_stream
from tests.support.vendor_events import event, events, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document as fields_of
from tests.support.windows import run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.ingest.committer import COMMIT_SECONDS
from videovector_bridge.ingest.lease import LeaseLost
from videovector_bridge.ingest.rewind import RewindRefused, check_state, read_record, rewind, undo

PAUSED = {"since": "", "reason": "made up", "by": ""}


def rewind_to(
    documents: Documents, cursor: str | None, previewed: Document, name: str = "s"
) -> None:
    """Rewind as after a preview."""
    rewind(documents, name, previewed, cursor=cursor, origin=ORIGIN, id_="one", timeout=TIMEOUT)


def at(documents: Documents, cursor: str) -> None:
    """Let stream `s` be at a cursor, paused and without a window."""
    lease = acquired(documents)
    lease.release(lease.progress(cursor, "latest", ids_differ=True), timeout=TIMEOUT)
    edit(documents, paused=PAUSED)


def test_a_window_whose_lease_ended_loses_to_a_rewind(backend: Backend) -> None:
    """It stops at its next write, publishes nothing more, and the cursor stays."""
    time = VirtualTime()
    published: list[float] = []
    topics = WatchedTopics(backend.topics, before=lambda _number: published.append(time.time()))
    later = WatchedDocuments(backend.documents, older_by=10**6)
    rewound: list[float] = []
    person_writes = threading.Lock()

    def wait_for_the_person(_number: int) -> None:
        """Keep the window from a write between pause and rewind: it would see the pause."""
        with person_writes:
            pass

    def pause_and_rewind() -> None:
        with person_writes:
            try_until_rewound()

    def try_until_rewound() -> None:
        while not rewound:
            previewed = later.read("streams", "default", timeout=5)
            try:
                later.write("streams", "default", {"paused": PAUSED}, replaces=previewed, timeout=5)
                previewed = later.read("streams", "default", timeout=5)
                assert previewed is not None
                rewind_to(later, "evt-rewound", check_state("default", previewed), "default")
            except (ConflictError, RewindRefused):  # the window wrote between
                continue
            rewound.append(time.time())

    async def two_a_second(_request: httpx.Request) -> AsyncIterator[bytes]:
        for number in itertools.count(1):
            await asyncio.sleep(0.5)
            if number == 10:
                await asyncio.to_thread(pause_and_rewind)
            yield sse(event(number), f"evt-{number:04d}")

    zombie = run_window(
        watched(backend, topics, WatchedDocuments(backend.documents, before=wait_for_the_person)),
        Upstream(event_stream(then=two_a_second)),
        time=time,
        window_seconds=60,
        idle_seconds=60,
    )

    assert (zombie.outcome, zombie.stop_reason) == ("failed", "lease_lost")
    assert max(published) <= rewound[0] + COMMIT_SECONDS
    assert fields_of(backend)["cursor"] == "evt-rewound"
    assert (fields_of(backend)["lease_owner"], fields_of(backend)["paused"]) == ("", PAUSED)


def test_no_commit_of_an_older_lease_moves_the_cursor(backend: Backend) -> None:
    """Neither a commit nor the release of a window from before."""
    lease = acquired(backend.documents)
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    edit(backend.documents, paused=PAUSED)
    later = WatchedDocuments(backend.documents, older_by=10**6)
    rewind_to(later, "b", document(later))
    for write in (lease.commit, lease.release):
        with pytest.raises(LeaseLost, match="a person rewound the stream"):
            write({"cursor": "c"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "b"


def test_a_document_written_after_the_preview_is_refused(backend: Backend) -> None:
    """By a window or by a person; nothing is changed."""
    at(backend.documents, "a")
    previewed = document(backend.documents)
    edit(backend.documents, note="changed")
    before = stored(backend.documents)
    with pytest.raises(RewindRefused, match="nothing was changed"):
        rewind_to(backend.documents, "b", previewed)
    with pytest.raises(RewindRefused, match="no rewind to undo"):
        undo(backend.documents, "s", previewed, id_="two", timeout=TIMEOUT)

    assert stored(backend.documents) == before


def test_a_rewind_and_its_undo_restore_every_field(backend: Backend) -> None:
    """Of the position; only the token grows."""
    at(backend.documents, "a")
    before = stored(backend.documents)
    rewind_to(backend.documents, None, document(backend.documents))
    during = stored(backend.documents)
    record = read_record(during)
    undo(backend.documents, "s", document(backend.documents), id_="two", timeout=TIMEOUT)
    after = stored(backend.documents)

    assert record is not None
    assert (during["cursor"], during["start_from"], during["start_setting"]) == (
        None,
        "earliest",
        None,
    )
    assert not record.moved_since(during)
    assert record.moved_since({**during, "cursor": "x"})
    assert after["fencing_token"] == before["fencing_token"] + 2
    unchanged = before.keys() - {"fencing_token", "rewind"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert read_record(after) is None


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_response_is_found_out(backend: Backend, *, lost: bool) -> None:
    """A retry of our own write meets it; a failure is reported as one."""
    at(backend.documents, "a")

    def fail(_number: int) -> None:
        raise ConflictError("own write") if lost else BackendError("made up")

    documents = WatchedDocuments(backend.documents, after=fail)
    if lost:
        rewind_to(documents, "b", document(backend.documents))
    else:
        with pytest.raises(BackendError):
            rewind_to(documents, "b", document(backend.documents))

    assert stored(backend.documents)["cursor"] == "b"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"paused": None}, "is not paused"),
        ({"lease_owner": "a window", "lease_seconds": 600}, "A window still drains"),
    ],
)
def test_a_stream_in_use_is_not_rewound(
    embedded_backend: Backend, fields: dict[str, Any], problem: str
) -> None:
    """Not paused, or with a live lease."""
    at(embedded_backend.documents, "a")
    edit(embedded_backend.documents, **fields)
    with pytest.raises(RewindRefused, match=problem):
        rewind_to(embedded_backend.documents, "b", document(embedded_backend.documents))
    with pytest.raises(RewindRefused, match="is not paused"):
        check_state("s", None)

    assert stored(embedded_backend.documents)["cursor"] == "a"


def test_events_after_a_rewind_are_published_again(backend: Backend) -> None:
    """Up to the old cursor and beyond."""
    run_window(backend, Replay(events(5)))
    topics = WatchedTopics(backend.topics)
    before = backend.documents.read("streams", "default", timeout=TIMEOUT)
    backend.documents.write(
        "streams", "default", {"paused": PAUSED}, replaces=before, timeout=TIMEOUT
    )
    previewed = backend.documents.read("streams", "default", timeout=TIMEOUT)
    assert previewed is not None
    origin = previewed.fields
    rewind_to(backend.documents, "evt-0002", previewed, "default")
    paused = backend.documents.read("streams", "default", timeout=TIMEOUT)
    resumed = {"paused": None, "api_host": origin["api_host"], "filters": origin["filters"]}
    backend.documents.write("streams", "default", resumed, replaces=paused, timeout=TIMEOUT)
    run_window(watched(backend, topics), Replay(events(6)))

    assert sorted(topics.ids()) == ["evt-0003", "evt-0004", "evt-0005", "evt-0006"]
