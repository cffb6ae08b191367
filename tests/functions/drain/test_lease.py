"""`ingest.lease`: one writer per stream, over both backends."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.leases import (
    ORIGIN,
    TIMEOUT,
    acquired,
    document,
    lose_response,
    retry_write,
    stored,
    token,
    try_acquire,
)
from tests.support.watched_ports import WatchedDocuments
from tests.support.windows import NOW
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document, Timeout, seconds_left
from videovector_bridge.errors import BackendError, ConflictError, OutOfTimeError
from videovector_bridge.ingest.lease import BackingOff, Busy, Lease, LeaseLost


def test_a_new_stream_has_a_document_at_once(backend: Backend) -> None:
    """The first window creates the document, with token 1."""
    lease = acquired(backend.documents)

    assert token(lease) == 1
    assert stored(backend.documents)["cursor"] is None
    assert stored(backend.documents)["lease_owner"] == "one"


def test_others_are_busy_while_a_lease_lasts(backend: Backend) -> None:
    """While the lease is valid, no other owner gets it; the result has the seconds left."""
    acquired(backend.documents)
    other = try_acquire(backend.documents, "two")

    assert isinstance(other, Busy)
    assert other.owner == "one"
    assert 0 < other.seconds_left <= 30


def test_a_released_lease_is_free_and_the_token_rises(backend: Backend) -> None:
    """Each owner has a higher token than the one before; the cursor stays."""
    first = acquired(backend.documents)
    first.commit({"cursor": "a"}, timeout=TIMEOUT)
    first.release({"cursor": "b"}, timeout=TIMEOUT)
    second = acquired(backend.documents, "two")

    assert (token(first), token(second)) == (1, 2)
    assert second.fields["cursor"] == "b"


def test_a_lease_expires_by_the_age_of_the_document(backend: Backend) -> None:
    """The owner's own lease length counts, by the clock of the store."""
    acquired(backend.documents, lease_seconds=30.0)
    fresh = WatchedDocuments(backend.documents, older_by=20)
    stale = WatchedDocuments(backend.documents, older_by=31)

    assert isinstance(try_acquire(fresh, "two", lease_seconds=1.0), Busy)
    assert token(acquired(stale, "two", lease_seconds=1.0)) == 2


def test_a_zombie_can_neither_commit_nor_release(backend: Backend) -> None:
    """An owner whose lease was taken over loses every write; the document is the newer owner's."""
    zombie = acquired(backend.documents)
    stale = WatchedDocuments(backend.documents, older_by=31)
    newer = acquired(stale, "two")
    newer.commit({"cursor": "new"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost, match="took the lease over"):
        zombie.commit({"cursor": "old"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        zombie.release({"cursor": "old"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "new"
    assert stored(backend.documents)["lease_owner"] == "two"


def test_a_zombie_loses_after_the_newer_owner_released(backend: Backend) -> None:
    """A lease that was taken over and released is not the zombie's again."""
    zombie = acquired(backend.documents)
    newer = acquired(WatchedDocuments(backend.documents, older_by=31), "two")
    newer.release({"cursor": "new"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        zombie.release({"cursor": "old"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "new"


def test_each_commit_renews_the_lease(backend: Backend) -> None:
    """A commit without changes is a new version, and the lease ends later."""
    clock = iter(n / 100 for n in range(1_000))
    lease = acquired(backend.documents, clock=lambda: next(clock))
    before, revision = lease.expires_at, document(backend.documents).revision
    lease.commit({}, timeout=TIMEOUT)

    assert lease.expires_at > before
    assert document(backend.documents).revision != revision


@pytest.mark.parametrize("lose", [lose_response, retry_write])
def test_a_lost_response_to_acquire_is_no_lost_lease(
    backend: Backend, lose: Callable[[int], Callable[[int], None]]
) -> None:
    """The lease whose response was lost is this owner's, at once or at the next attempt."""
    documents = WatchedDocuments(backend.documents, after=lose(1))
    try:
        lease = acquired(documents)
    except BackendError:
        lease = acquired(documents)

    assert token(lease) == stored(backend.documents)["fencing_token"]
    assert isinstance(try_acquire(documents, "two"), Busy)
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    assert stored(backend.documents)["cursor"] == "a"


@pytest.mark.parametrize("went_through", [True, False])
def test_a_commit_succeeds_after_a_lost_response(backend: Backend, *, went_through: bool) -> None:
    """Whether the write happened or not, the next commit continues from it."""
    hook: dict[str, Any] = {"after" if went_through else "before": lose_response(2)}
    lease = acquired(WatchedDocuments(backend.documents, **hook))
    with pytest.raises(BackendError):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    lease.commit({}, timeout=TIMEOUT)
    lease.commit({"cursor": "b"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "b"


def test_a_commit_that_a_client_retried_is_written_once_more(backend: Backend) -> None:
    """A conflict with one's own write is no lost lease."""
    lease = acquired(WatchedDocuments(backend.documents, after=retry_write(2)))
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    lease.commit({"cursor": "b"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "b"


def test_a_release_that_a_client_retried_is_a_release(backend: Backend) -> None:
    """A conflict with one's own release means that it went through."""
    lease = acquired(WatchedDocuments(backend.documents, after=retry_write(2)))
    lease.release({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "a"
    assert token(acquired(backend.documents, "two")) == 2


def test_the_loser_of_a_race_is_busy(backend: Backend) -> None:
    """A window that another overtakes between its read and its write does not get the lease."""
    inner = backend.documents

    def overtake(number: int) -> None:
        if number == 1:
            acquired(inner, "two")

    assert isinstance(try_acquire(WatchedDocuments(inner, before=overtake)), Busy)
    assert stored(inner)["lease_owner"] == "two"


def test_time_limits_hold_over_all_attempts(backend: Backend) -> None:
    """However many conflicts there are, each request gets only the time that is left."""
    asked: list[float] = []

    class Timed(WatchedDocuments):
        def write(self, *arguments: Any, timeout: Timeout, **named: Any) -> Document:
            asked.append(seconds_left(timeout))
            return super().write(*arguments, timeout=timeout, **named)

    seconds = iter(range(1_000))
    documents = Timed(backend.documents, before=lambda _number: conflict())

    def conflict() -> None:
        raise ConflictError("again")

    try_acquire(documents, timeout=60.0, clock=lambda: float(next(seconds)))
    assert asked == sorted(asked, reverse=True)
    assert len(set(asked)) == len(asked) > 1


def test_a_failure_of_the_store_is_raised(backend: Backend) -> None:
    """A `BackendError` passes through, and no lease is acquired."""

    def fail(_number: int) -> None:
        raise BackendError("down")

    with pytest.raises(BackendError):
        try_acquire(WatchedDocuments(backend.documents, before=fail))
    assert isinstance(try_acquire(backend.documents), Lease)


def test_no_request_is_sent_once_the_time_is_over(embedded_backend: Backend) -> None:
    """The time that is left is computed where the request starts, not where the call does."""
    seconds = [0.0]

    def pass_time(number: int) -> None:
        if number == 2:
            seconds.append(TIMEOUT)

    documents = WatchedDocuments(embedded_backend.documents, before=pass_time)
    lease = acquired(documents, clock=lambda: sum(seconds))
    with pytest.raises(OutOfTimeError):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(embedded_backend.documents)["cursor"] is None


def test_a_stream_that_backs_off_has_no_lease(backend: Backend) -> None:
    """Nothing is written before the time that VideoVector asked for; then the time is removed."""
    until = NOW + timedelta(seconds=90)
    acquired(backend.documents).release({"not_before": until.isoformat()}, timeout=TIMEOUT)
    before = document(backend.documents).revision

    assert try_acquire(backend.documents) == BackingOff(until)
    assert document(backend.documents).revision == before
    assert acquired(backend.documents, now=lambda: until).fields["not_before"] is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, ""),
        ({"start_from": "earliest"}, ""),
        ({"filters": '{"run_id": "r"}'}, "filters_changed"),
        ({"api_host": "other.example.test"}, "host_changed"),
        ({"api_host": "other.example.test", "filters": "[]"}, "host_changed"),
    ],
    ids=range(5),
)
def test_a_cursor_belongs_to_a_host_and_filters(
    backend: Backend, changed: dict[str, str], reason: str
) -> None:
    """`acquire` keeps the host and filters of a cursor, if there is one, to detect a change."""
    origin = replace(ORIGIN, **changed)
    acquired(backend.documents).release({}, timeout=TIMEOUT)
    without = acquired(backend.documents, origin=origin)
    assert origin.find_change(without.fields) == ""
    without.release({}, timeout=TIMEOUT)
    lease = acquired(backend.documents)
    lease.release(lease.progress("a", "latest", ids_differ=False), timeout=TIMEOUT)
    for _ in range(2):  # the first window does not hide it from the second
        lease = acquired(backend.documents, origin=origin)
        assert origin.find_change(lease.fields) == reason
        lease.release({}, timeout=TIMEOUT)
    lease = acquired(backend.documents, origin=origin)
    lease.release(lease.progress("b", "latest", ids_differ=False), timeout=TIMEOUT)

    assert origin.find_change(acquired(backend.documents, origin=origin).fields) == ""
