"""`ingest.lease`: documents of streams that people edit."""

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leases import (
    ORIGIN,
    TIMEOUT,
    acquired,
    edit,
    retry_write,
    stored,
    token,
    try_acquire,
)
from tests.support.watched_ports import WatchedDocuments
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.errors import ConflictError
from videovector_bridge.ingest.lease import Busy, Lease, LeaseLost
from videovector_bridge.ingest.stream_document import COLLECTION


def test_a_person_may_edit_other_fields(backend: Backend) -> None:
    """A field that a person adds while a window runs survives its commits."""
    lease = acquired(backend.documents)
    edit(backend.documents, note="watch this", last_error=None, lease_seconds="oops")
    lease.commit({"cursor": "a"}, timeout=TIMEOUT)

    assert stored(backend.documents)["note"] == "watch this"
    assert stored(backend.documents)["cursor"] == "a"
    assert lease.expires_at > time.monotonic()


def test_a_cursor_set_by_hand_wins(backend: Backend) -> None:
    """A person who sets the cursor while a window runs stops that window."""
    lease = acquired(backend.documents)
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
def test_a_lease_cleared_by_hand_is_lost(backend: Backend, fields: dict[str, Any]) -> None:
    """An operator who clears owner or token stops the window."""
    lease = acquired(backend.documents)
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

    documents = Deleted(backend.documents, before=retry_write(2))
    lease = acquired(documents)
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
def test_a_document_with_odd_fields_can_be_leased(backend: Backend, fields: dict[str, Any]) -> None:
    """Missing or mistyped fields neither stop a stream nor lose its cursor."""
    backend.documents.write(COLLECTION, "s", fields, replaces=None, timeout=TIMEOUT)
    lease = acquired(backend.documents)
    lease.commit({}, timeout=TIMEOUT)

    assert lease.fields["cursor"] == "kept"
    assert lease.fields["filters"] == "{}"
    assert token(lease) >= 1
    assert stored(backend.documents)["events"] == 0


@pytest.mark.parametrize(("value", "cursor"), [(12, "12"), ("", None), (None, None)])
def test_a_cursor_typed_into_the_console_is_text(
    backend: Backend, value: object, cursor: str | None
) -> None:
    """A number is its text, and the empty text is no cursor."""
    backend.documents.write(COLLECTION, "s", {"cursor": value}, replaces=None, timeout=TIMEOUT)

    assert acquired(backend.documents).fields["cursor"] == cursor


def release_at(lease: Lease, cursor: str | None, start_from: str) -> None:
    """End a window at `cursor`, or with `start_from` and without a cursor."""
    lease.release(lease.progress(cursor, start_from, ids_differ=False), timeout=TIMEOUT)


def start_under(documents: Documents, setting: str) -> str:
    """Return where a window with that START_FROM would begin."""
    lease = acquired(documents, origin=replace(ORIGIN, start_from=setting))
    lease.release({}, timeout=TIMEOUT)
    return str(lease.fields["start_from"])


def test_a_stream_that_has_not_begun_follows_the_setting(backend: Backend) -> None:
    """Each window reads START_FROM again, also after a position without a cursor."""
    for setting in ("latest", "earliest", "evt-5", "latest"):
        assert start_under(backend.documents, setting) == setting
    release_at(acquired(backend.documents), None, "latest")

    assert start_under(backend.documents, "earliest") == "earliest"


@pytest.mark.parametrize("policy", ["latest", "earliest"])
@pytest.mark.parametrize("setting", ["latest", "earliest"])
def test_a_start_that_a_policy_chose_stays(backend: Backend, policy: str, setting: str) -> None:
    """The setting does not matter: at that moment, at the next window, or later."""
    release_at(
        acquired(backend.documents, origin=replace(ORIGIN, start_from=setting)), "a", setting
    )
    lease = acquired(backend.documents, origin=replace(ORIGIN, start_from=setting))
    release_at(lease, None, policy)

    for later in ("evt-5", "earliest", "latest", "evt-5"):
        assert start_under(backend.documents, later) == policy


def test_a_refused_start_is_replaced_by_that_of_the_policy(backend: Backend) -> None:
    """START_FROM named an event that VideoVector refuses; a new setting is too late."""
    release_at(
        acquired(backend.documents, origin=replace(ORIGIN, start_from="evt-5")), None, "latest"
    )

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
    release_at(acquired(backend.documents), "a", "latest")
    start_under(backend.documents, "earliest")
    edit(backend.documents, cursor=None)

    assert start_under(backend.documents, "earliest") == "earliest"


def test_a_start_set_by_hand_ends_the_window(backend: Backend) -> None:
    """A window that began elsewhere neither commits a cursor nor writes its own start back."""
    lease = acquired(backend.documents)
    edit(backend.documents, start_from="by hand")
    with pytest.raises(LeaseLost, match="start_from was set to 'by hand'"):
        lease.commit(lease.progress("a", "latest", ids_differ=False), timeout=TIMEOUT)

    assert stored(backend.documents)["start_from"] == "by hand"
    assert stored(backend.documents)["cursor"] is None


@pytest.mark.parametrize("cursor", [{}, ["a"], 12])
def test_an_odd_cursor_set_by_hand_ends_the_window(backend: Backend, cursor: object) -> None:
    """Of any type."""
    lease = acquired(backend.documents)
    edit(backend.documents, cursor=cursor)
    with pytest.raises(LeaseLost, match="its cursor was set to"):
        lease.commit({"cursor": "b"}, timeout=TIMEOUT)


@pytest.mark.parametrize("seconds", [1e12, "inf", "1e12"])
def test_a_lease_that_no_setting_allows_ends_too(backend: Backend, seconds: object) -> None:
    """A slip of the hand must not stop the stream for years."""
    acquired(backend.documents)
    edit(backend.documents, lease_seconds=seconds)

    assert isinstance(try_acquire(backend.documents, "two"), Busy)
    assert isinstance(
        try_acquire(WatchedDocuments(backend.documents, older_by=3_601), "two"), Lease
    )


@pytest.mark.parametrize(
    "fields", [{"lease_seconds": "soon"}, {"fencing_token": "x"}, {"start_from": None}]
)
def test_an_edit_after_a_lost_response_does_no_harm(
    embedded_backend: Backend, fields: dict[str, Any]
) -> None:
    """The lease whose response was lost is acquired again, from the document as it is."""
    inner = embedded_backend.documents

    def edited(number: int) -> None:
        if number == 1:
            edit(inner, **fields)
            raise ConflictError("another writer was first")

    lease = acquired(WatchedDocuments(inner, after=edited))
    lease.release({"cursor": "a"}, timeout=TIMEOUT)

    assert (lease.fields["start_from"], stored(inner)["cursor"]) == ("latest", "a")
