"""`ingest.lease`: one writer per stream, over both backends."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.watched_ports import WatchedDocuments
from tests.support.windows import NOW
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document, Documents, Timeout, seconds_left
from videovector_bridge.errors import BackendError, ConflictError, OutOfTimeError
from videovector_bridge.ingest.lease import BackingOff, Busy, Lease, LeaseLost, acquire
from videovector_bridge.ingest.stream_document import COLLECTION, Origin

TIMEOUT = 5.0
ORIGIN = Origin("api.example.test", "{}", "latest")


def take(documents: Documents, owner: str = "one", **changed: Any) -> Lease | Busy | BackingOff:
    """Try to take the lease of stream `s`."""
    arguments: dict[str, Any] = {
        "origin": ORIGIN,
        "lease_seconds": 30.0,
        "timeout": TIMEOUT,
        "now": lambda: NOW,
    }
    return acquire(documents, "s", owner=owner, **(arguments | changed))


def taken(documents: Documents, owner: str = "one", **changed: Any) -> Lease:
    """Take the lease, which must be free."""
    lease = take(documents, owner, **changed)
    assert isinstance(lease, Lease)
    return lease


def token(lease: Lease) -> int:
    """The fencing token of a lease."""
    return int(lease.fields["fencing_token"])


def stored(documents: Documents) -> Mapping[str, Any]:
    """The fields of stream `s`."""
    return document(documents).fields


def document(documents: Documents) -> Document:
    """The document of stream `s`."""
    document = documents.read(COLLECTION, "s", timeout=TIMEOUT)
    assert document is not None
    return document


def edit(documents: Documents, **fields: Any) -> None:
    """Change the document by hand."""
    documents.write(COLLECTION, "s", fields, replaces=document(documents), timeout=TIMEOUT)


def lost_answer(at: int) -> Callable[[int], None]:
    """A hook that loses the answer to write number `at`."""

    def hook(number: int) -> None:
        if number == at:
            raise BackendError("the answer was lost")

    return hook


def retried(at: int) -> Callable[[int], None]:
    """A hook that behaves as a client that lost the answer to write `at` and tried again."""

    def hook(number: int) -> None:
        if number == at:
            raise ConflictError("another writer was first")

    return hook


def test_a_new_stream_has_a_document_at_once(backend: Backend) -> None:
    """The first window makes the document, its token 1."""
    lease = taken(backend.documents)

    assert token(lease) == 1
    assert stored(backend.documents)["cursor"] is None
    assert stored(backend.documents)["lease_owner"] == "one"


def test_a_held_lease_makes_others_busy(backend: Backend) -> None:
    """While the lease lasts nobody else gets it; the answer says how long it lasts."""
    taken(backend.documents)
    other = take(backend.documents, "two")

    assert isinstance(other, Busy)
    assert other.owner == "one"
    assert 0 < other.seconds_left <= 30


def test_a_released_lease_is_free_and_the_token_rises(backend: Backend) -> None:
    """Each owner has a higher token than the one before; the cursor stays."""
    first = taken(backend.documents)
    first.commit({"cursor": "a"}, timeout=TIMEOUT)
    first.release({"cursor": "b"}, timeout=TIMEOUT)
    second = taken(backend.documents, "two")

    assert (token(first), token(second)) == (1, 2)
    assert second.fields["cursor"] == "b"


def test_a_lease_expires_by_the_age_of_the_document(backend: Backend) -> None:
    """The owner's own lease length counts, by the clock of the store."""
    taken(backend.documents, lease_seconds=30.0)
    fresh = WatchedDocuments(backend.documents, older_by=20)
    stale = WatchedDocuments(backend.documents, older_by=31)

    assert isinstance(take(fresh, "two", lease_seconds=1.0), Busy)
    assert token(taken(stale, "two", lease_seconds=1.0)) == 2


def test_a_zombie_can_neither_commit_nor_release(backend: Backend) -> None:
    """An owner whose lease was taken over loses every write; the document is the newer owner's."""
    zombie = taken(backend.documents)
    stale = WatchedDocuments(backend.documents, older_by=31)
    newer = taken(stale, "two")
    newer.commit({"cursor": "new"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost, match="took the lease over"):
        zombie.commit({"cursor": "old"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        zombie.release({"cursor": "old"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "new"
    assert stored(backend.documents)["lease_owner"] == "two"


def test_a_zombie_loses_after_the_newer_owner_released(backend: Backend) -> None:
    """A lease that was taken over and released is not the zombie's again."""
    zombie = taken(backend.documents)
    newer = taken(WatchedDocuments(backend.documents, older_by=31), "two")
    newer.release({"cursor": "new"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        zombie.release({"cursor": "old"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "new"


def test_each_commit_renews_the_lease(backend: Backend) -> None:
    """A commit without changes is a new version, and the lease ends later."""
    clock = iter(float(n) for n in range(100))
    lease = taken(backend.documents, clock=lambda: next(clock))
    before, revision = lease.expires_at, document(backend.documents).revision
    lease.commit({}, timeout=TIMEOUT)

    assert lease.expires_at > before
    assert document(backend.documents).revision != revision


@pytest.mark.parametrize("lose", [lost_answer, retried])
def test_a_lost_answer_to_acquire_still_takes_it(
    backend: Backend, lose: Callable[[int], Callable[[int], None]]
) -> None:
    """The lease that went through unseen is this owner's, at once or at the next try."""
    documents = WatchedDocuments(backend.documents, after=lose(1))
    try:
        lease = taken(documents)
    except BackendError:
        lease = taken(documents)

    assert token(lease) == stored(backend.documents)["fencing_token"]
    assert isinstance(take(documents, "two"), Busy)
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    assert stored(backend.documents)["cursor"] == "a"


@pytest.mark.parametrize("went_through", [True, False])
def test_the_next_commit_repairs_a_lost_answer(backend: Backend, *, went_through: bool) -> None:
    """Whether the write happened or not, the next commit moves on from it."""
    hook: dict[str, Any] = {"after" if went_through else "before": lost_answer(2)}
    lease = taken(WatchedDocuments(backend.documents, **hook))
    with pytest.raises(BackendError):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    lease.commit({}, timeout=TIMEOUT)
    lease.commit({"cursor": "b"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "b"


def test_a_commit_that_a_client_retried_is_written_once_more(backend: Backend) -> None:
    """A conflict with one's own write is no lost lease."""
    lease = taken(WatchedDocuments(backend.documents, after=retried(2)))
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    lease.commit({"cursor": "b"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "b"


def test_a_release_that_a_client_retried_is_a_release(backend: Backend) -> None:
    """A conflict with one's own release means that it went through."""
    lease = taken(WatchedDocuments(backend.documents, after=retried(2)))
    lease.release({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "a"
    assert token(taken(backend.documents, "two")) == 2


def test_the_loser_of_a_race_is_busy(backend: Backend) -> None:
    """A window that another overtakes between its read and its write does not get the lease."""
    inner = backend.documents

    def overtake(number: int) -> None:
        if number == 1:
            taken(inner, "two")

    assert isinstance(take(WatchedDocuments(inner, before=overtake)), Busy)
    assert stored(inner)["lease_owner"] == "two"


def test_a_person_may_edit_other_fields(backend: Backend) -> None:
    """A field that a person adds while a window runs survives its commits."""
    lease = taken(backend.documents)
    edit(backend.documents, note="watch this", last_error=None, lease_seconds="oops")
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(backend.documents)["note"] == "watch this"
    assert stored(backend.documents)["cursor"] == "a"
    assert lease.expires_at > time.monotonic()


def test_a_cursor_set_by_hand_wins(backend: Backend) -> None:
    """A person who sets the cursor while a window runs stops that window."""
    lease = taken(backend.documents)
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    edit(backend.documents, cursor="by hand")
    with pytest.raises(LeaseLost, match="was set to 'by hand'"):
        lease.commit({"cursor": "b"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        lease.release({}, timeout=TIMEOUT)

    assert stored(backend.documents)["cursor"] == "by hand"


@pytest.mark.parametrize(
    "fields",
    [{"lease_owner": ""}, {"lease_owner": "a person"}, {"fencing_token": 9}, {"fencing_token": 0}],
)
def test_a_lease_taken_away_by_hand_is_lost(backend: Backend, fields: dict[str, Any]) -> None:
    """An operator who clears owner or token stops the window."""
    lease = taken(backend.documents)
    edit(backend.documents, **fields)

    with pytest.raises(LeaseLost):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)
    with pytest.raises(LeaseLost):
        lease.commit({}, timeout=TIMEOUT)
    if fields != {"lease_owner": ""}:  # which is what a release of our own looks like
        with pytest.raises(LeaseLost):
            lease.release({"cursor": "a"}, timeout=TIMEOUT)
    assert stored(backend.documents)["cursor"] is None


def test_a_document_that_was_deleted_is_a_lost_lease(backend: Backend) -> None:
    """A window never writes a document again that was deleted while it ran."""

    class Deleted(WatchedDocuments):
        gone = False

        def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
            document = super().read(collection, document_id, timeout=timeout)
            return None if self.gone else document

    documents = Deleted(backend.documents, before=retried(2))
    lease = taken(documents)
    documents.gone = True

    with pytest.raises(LeaseLost):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)


@pytest.mark.parametrize(
    "fields",
    [
        {"cursor": "kept"},
        {"cursor": "kept", "lease_owner": None, "fencing_token": None, "events": None},
        {"cursor": "kept", "fencing_token": "3", "windows": 2.0, "lease_owner": ""},
        {"cursor": "kept", "lease_owner": "gone", "lease_seconds": "soon", "fencing_token": "x"},
        {"cursor": "kept", "lease_owner": "gone", "events": {}, "published": [], "filters": None},
        {"cursor": "kept", "fencing_token": "inf"},
    ],
    ids=range(6),
)
def test_a_document_with_odd_fields_is_taken_over(backend: Backend, fields: dict[str, Any]) -> None:
    """Missing or mistyped fields never stop a stream, nor cost it its cursor."""
    backend.documents.write(COLLECTION, "s", fields, replaces=None, timeout=TIMEOUT)
    lease = taken(backend.documents)
    lease.commit({}, timeout=TIMEOUT)

    assert lease.fields["cursor"] == "kept"
    assert lease.fields["filters"] == "{}"
    assert token(lease) >= 1
    assert stored(backend.documents)["events"] == 0


@pytest.mark.parametrize(("given", "cursor"), [(12, "12"), ("", None), (None, None)])
def test_a_cursor_typed_into_the_console_is_text(
    backend: Backend, given: object, cursor: str | None
) -> None:
    """A number is its text, and the empty text is no cursor."""
    backend.documents.write(COLLECTION, "s", {"cursor": given}, replaces=None, timeout=TIMEOUT)

    assert taken(backend.documents).fields["cursor"] == cursor


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

    take(documents, timeout=60.0, clock=lambda: float(next(seconds)))
    assert asked == sorted(asked, reverse=True)
    assert len(set(asked)) == len(asked) > 1


def test_a_failure_of_the_store_is_raised(backend: Backend) -> None:
    """A `BackendError` passes through, and no lease is taken."""

    def fail(_number: int) -> None:
        raise BackendError("down")

    with pytest.raises(BackendError):
        take(WatchedDocuments(backend.documents, before=fail))
    assert isinstance(take(backend.documents), Lease)


def test_no_request_is_sent_once_the_time_is_over(embedded_backend: Backend) -> None:
    """The time that is left is computed where the request starts, not where the call does."""
    seconds = [0.0]

    def pass_time(number: int) -> None:
        if number == 2:
            seconds.append(TIMEOUT)

    documents = WatchedDocuments(embedded_backend.documents, before=pass_time)
    lease = taken(documents, clock=lambda: sum(seconds))
    with pytest.raises(OutOfTimeError):
        lease.commit({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(embedded_backend.documents)["cursor"] is None


def test_a_stream_that_backs_off_is_not_taken(backend: Backend) -> None:
    """Nothing is written before the time that VideoVector asked for; then it is forgotten."""
    until = NOW + timedelta(seconds=90)
    taken(backend.documents).release({"not_before": until.isoformat()}, timeout=TIMEOUT)
    before = document(backend.documents).revision

    assert take(backend.documents) == BackingOff(until)
    assert document(backend.documents).revision == before
    assert taken(backend.documents, now=lambda: until).fields["not_before"] is None


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
    """Acquire keeps what the cursor belongs to, so that a change is seen; no cursor, no change."""
    origin = replace(ORIGIN, **changed)
    taken(backend.documents).release({}, timeout=TIMEOUT)
    without = taken(backend.documents, origin=origin)
    assert origin.change_since(without.fields) == ""
    without.release({}, timeout=TIMEOUT)
    lease = taken(backend.documents)
    lease.release(lease.progress("a", "latest", ids_differ=False), timeout=TIMEOUT)
    for _ in range(2):  # the first window does not hide it from the second
        lease = taken(backend.documents, origin=origin)
        assert origin.change_since(lease.fields) == reason
        lease.release({}, timeout=TIMEOUT)
    lease = taken(backend.documents, origin=origin)
    lease.release(lease.progress("b", "latest", ids_differ=False), timeout=TIMEOUT)

    assert origin.change_since(taken(backend.documents, origin=origin).fields) == ""


def release_at(lease: Lease, cursor: str | None, start_from: str) -> None:
    """End a window that stands at `cursor`, or would begin at `start_from`."""
    lease.release(lease.progress(cursor, start_from, ids_differ=False), timeout=TIMEOUT)


def start_under(documents: Documents, setting: str) -> str:
    """Where a window with that START_FROM would begin."""
    lease = taken(documents, origin=replace(ORIGIN, start_from=setting))
    lease.release({}, timeout=TIMEOUT)
    return str(lease.fields["start_from"])


def test_a_stream_that_has_not_begun_follows_the_setting(backend: Backend) -> None:
    """Each window looks at START_FROM again, also after a position without a cursor."""
    for setting in ("latest", "earliest", "evt-5", "latest"):
        assert start_under(backend.documents, setting) == setting
    release_at(taken(backend.documents), None, "latest")

    assert start_under(backend.documents, "earliest") == "earliest"


@pytest.mark.parametrize("policy", ["latest", "earliest"])
@pytest.mark.parametrize("setting", ["latest", "earliest"])
def test_a_start_that_a_policy_chose_stays(backend: Backend, policy: str, setting: str) -> None:
    """Whatever the setting was at that moment, is at the next window, and becomes after it."""
    release_at(taken(backend.documents, origin=replace(ORIGIN, start_from=setting)), "a", setting)
    lease = taken(backend.documents, origin=replace(ORIGIN, start_from=setting))
    release_at(lease, None, policy)

    for later in ("evt-5", "earliest", "latest", "evt-5"):
        assert start_under(backend.documents, later) == policy


def test_a_refused_start_is_replaced_by_that_of_the_policy(backend: Backend) -> None:
    """START_FROM named an event that VideoVector refuses; a new setting comes too late."""
    release_at(taken(backend.documents, origin=replace(ORIGIN, start_from="evt-5")), None, "latest")

    assert start_under(backend.documents, "evt-5") == "latest"
    assert start_under(backend.documents, "earliest") == "latest"


@pytest.mark.parametrize("setting", ["latest", "by hand"])
def test_a_start_that_a_person_chose_stays(backend: Backend, setting: str) -> None:
    """Also when a setting equals it for a while; emptied, the stream follows the setting again."""
    start_under(backend.documents, "latest")
    edit(backend.documents, start_from="by hand")
    for later in (setting, "earliest", "by hand", "latest"):
        assert start_under(backend.documents, later) == "by hand"
    edit(backend.documents, start_from="")

    assert start_under(backend.documents, "latest") == "latest"
    assert start_under(backend.documents, "earliest") == "earliest"


def test_a_cursor_that_a_person_removes_leads_to_the_setting_of_today(backend: Backend) -> None:
    """The setting may have changed while the stream had a cursor."""
    release_at(taken(backend.documents), "a", "latest")
    start_under(backend.documents, "earliest")
    edit(backend.documents, cursor=None)

    assert start_under(backend.documents, "earliest") == "earliest"


def test_a_start_set_by_hand_ends_the_window(backend: Backend) -> None:
    """A window that began elsewhere neither commits a cursor nor writes its own start back."""
    lease = taken(backend.documents)
    edit(backend.documents, start_from="by hand")
    with pytest.raises(LeaseLost, match="start_from was set to 'by hand'"):
        lease.commit(lease.progress("a", "latest", ids_differ=False), timeout=TIMEOUT)

    assert stored(backend.documents)["start_from"] == "by hand"
    assert stored(backend.documents)["cursor"] is None


@pytest.mark.parametrize("cursor", [{}, ["a"], 12])
def test_an_odd_cursor_set_by_hand_ends_the_window(backend: Backend, cursor: object) -> None:
    """Of whatever type it is."""
    lease = taken(backend.documents)
    edit(backend.documents, cursor=cursor)
    with pytest.raises(LeaseLost, match="its cursor was set to"):
        lease.commit({"cursor": "b"}, timeout=TIMEOUT)


@pytest.mark.parametrize("seconds", [1e12, "inf", "1e12"])
def test_a_lease_that_no_setting_allows_ends_all_the_same(
    backend: Backend, seconds: object
) -> None:
    """A slip of the hand must not stop the stream for years."""
    taken(backend.documents)
    edit(backend.documents, lease_seconds=seconds)

    assert isinstance(take(backend.documents, "two"), Busy)
    assert isinstance(take(WatchedDocuments(backend.documents, older_by=3_601), "two"), Lease)


@pytest.mark.parametrize(
    "fields", [{"lease_seconds": "soon"}, {"fencing_token": "x"}, {"start_from": None}]
)
def test_an_edit_behind_a_lost_answer_does_no_harm(
    embedded_backend: Backend, fields: dict[str, Any]
) -> None:
    """The lease that went through unseen is taken again, from whatever is there by then."""
    inner = embedded_backend.documents

    def edited(number: int) -> None:
        if number == 1:
            edit(inner, **fields)
            raise ConflictError("another writer was first")

    lease = taken(WatchedDocuments(inner, after=edited))
    lease.release({"cursor": "a"}, timeout=TIMEOUT)

    assert (lease.fields["start_from"], stored(inner)["cursor"]) == ("latest", "a")
