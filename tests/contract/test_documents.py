"""The `Documents` port: compare-and-set, and every JSON value."""

import multiprocessing
import sqlite3
import threading
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import Document as ProtoDocument
from hypothesis import given
from hypothesis import strategies as st

from tests.support.documents import create, read, replace
from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import dead_server, stalled_server
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.firestore_values import decode_fields, encode_fields
from videovector_bridge.backends.names import safe_name
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import BackendError, ConflictError

CLOCK_SLACK = 0.1  # seconds, between the clocks of the store and of the test
ODD_IDS = [
    "",
    ".",
    "..",
    "/",
    "a/b/c",
    "__x__",
    "caf\u00e9 \U0001f600",
    "%2F",
    "x" * 2_000,
    "x" * 1_999 + "y",
    "line\nbreak\0nul",
    "\ud800",
]

EVERYTHING: dict[str, Any] = {
    "null": None,
    "yes": True,
    "zero": 0,
    "large": 2**63 - 1,
    "float": 1.0,
    "text": "caf\u00e9 \0 \u2028",
    "list": [1, "a", None, {"k": []}],
    "nested lists": [[1, [2]], [], {"a": [[3]]}],
    "map": {"a.b": 1, "`": 2, "": 3, "__x__": 4, "%": 5, "%[]": [6], "e/1": {"\\": {}}},
    "empty map": {},
    "empty list": [],
}


def test_missing_document_reads_as_none(backend: Backend) -> None:
    """A missing document is not an error."""
    assert backend.documents.read("effects", "nobody", timeout=10) is None


def test_every_json_value_is_read_as_written(backend: Backend) -> None:
    """Nested lists, odd keys and empty maps too; integers stay integers."""
    written = create(backend, "a", EVERYTHING)
    again = read(backend, "a")

    assert EVERYTHING == again.fields == written.fields
    assert type(again.fields["float"]) is float
    assert type(again.fields["zero"]) is int


def test_create_twice_conflicts(backend: Backend) -> None:
    """The second create fails and changes nothing."""
    create(backend, "a", {"by": "first"})
    with pytest.raises(ConflictError):
        create(backend, "a", {"by": "second"})

    assert read(backend, "a").fields == {"by": "first"}


def test_stale_write_conflicts(backend: Backend) -> None:
    """A write over an old version fails; a write over the result of a write succeeds."""
    first = create(backend, "a", {"n": 1})
    second = replace(backend, "a", {"n": 2}, read(backend, "a"))
    for stale in (first, first):
        with pytest.raises(ConflictError):
            replace(backend, "a", {"n": 3}, stale)
    replace(backend, "a", {"n": 4}, second)

    assert read(backend, "a").fields == {"n": 4}


def test_equal_write_is_a_write(backend: Backend) -> None:
    """Writing the same fields makes older versions stale and renews the age, as leases need."""
    first = create(backend, "a", {"n": 1})
    time.sleep(0.3)
    began = time.monotonic()
    replace(backend, "a", {"n": 1}, first)
    age = read(backend, "a").age_seconds

    assert age <= time.monotonic() - began + CLOCK_SLACK
    with pytest.raises(ConflictError):
        replace(backend, "a", {"n": 1}, first)


def test_write_over_a_missing_document_conflicts(backend: Backend) -> None:
    """A version of another document replaces nothing."""
    other = create(backend, "a", {"n": 1})
    with pytest.raises(ConflictError):
        replace(backend, "b", {"n": 2}, other)

    assert backend.documents.read("effects", "b", timeout=10) is None


def test_a_document_that_is_created_again_has_no_old_version(
    backend: Backend, backend_settings: BackendSettings
) -> None:
    """After a deletion by hand, a write that knows the deleted document conflicts."""
    deleted = create(backend, "a", {"n": 1})
    _delete(backend_settings, "a")
    create(backend, "a", {"n": 2})
    with pytest.raises(ConflictError):
        replace(backend, "a", {"n": 3}, deleted)

    assert read(backend, "a").fields == {"n": 2}


def test_named_fields_are_replaced_whole_and_others_stay(backend: Backend) -> None:
    """Maps are not merged; keys with dots are keys; other fields are unchanged."""
    first = create(backend, "a", {"pending": {"e.1": 1, "e2": {"x": 1}}, "a.b": 1, "kept": [1]})
    second = replace(backend, "a", {"pending": {"e3": {}}, "a.b": {"c": 2}, "__new__": 3}, first)
    expected = {"pending": {"e3": {}}, "a.b": {"c": 2}, "__new__": 3, "kept": [1]}

    assert expected == second.fields == read(backend, "a").fields

    replace(backend, "a", {"pending": {}}, second)
    assert read(backend, "a").fields["pending"] == {}


def test_any_id_is_its_own_document(backend: Backend) -> None:
    """No id is refused, and no two are the same document."""
    for document_id in ODD_IDS:
        create(backend, document_id, {"id": ascii(document_id)})

    for document_id in ODD_IDS:
        assert read(backend, document_id).fields == {"id": ascii(document_id)}


def test_collections_are_separate(backend: Backend) -> None:
    """The same id in two collections is two documents."""
    create(backend, "a", {})

    assert backend.documents.read("streams", "a", timeout=10) is None


def test_age_grows_by_the_clock_of_the_store(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age is the time since the last write; a write resets it."""
    created = time.monotonic()
    written = create(backend, "a", {"n": 1})
    time.sleep(0.4)
    aged = read(backend, "a")
    longest = time.monotonic() - created
    replaced = time.monotonic()
    renewed = replace(backend, "a", {"n": 2}, aged)
    age = read(backend, "a").age_seconds

    assert written.age_seconds == renewed.age_seconds == 0
    assert 0.4 - CLOCK_SLACK <= aged.age_seconds <= longest + CLOCK_SLACK
    assert age <= time.monotonic() - replaced + CLOCK_SLACK


@pytest.mark.emulator
def test_age_ignores_this_machines_clock(
    gcp_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is a day off sees the same age."""
    create(gcp_backend, "a", {"n": 1})
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)

    assert read(gcp_backend, "a").age_seconds < 3_600


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}])
def test_values_outside_json_are_a_type_error(backend: Backend, value: object) -> None:
    """They are a programming error, which no retry fixes."""
    with pytest.raises(TypeError):
        create(backend, "a", {"value": value})


def test_racing_threads_have_one_winner(backend: Backend) -> None:
    """Of four threads that replace the same version at once, one succeeds; repeatedly."""
    current = create(backend, "a", {"winner": -1})
    for _ in range(5):
        barrier = threading.Barrier(4)
        wins: list[Document] = []

        def race(old: Document, me: int, barrier: threading.Barrier, wins: list[Document]) -> None:
            barrier.wait()
            try:
                wins.append(replace(backend, "a", {"winner": me}, old))
            except ConflictError:
                return

        threads = [
            threading.Thread(target=race, args=(current, me, barrier, wins)) for me in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(wins) == 1
        current = read(backend, "a")
        assert current.fields == wins[0].fields


def _add(settings: BackendSettings, barrier: Barrier, times: int) -> None:
    documents = open_backend(settings).documents
    barrier.wait(30)
    for _ in range(times):
        while True:
            old = documents.read("effects", "sum", timeout=20)
            n = old.fields["n"] if old else 0
            try:
                documents.write("effects", "sum", {"n": n + 1}, replaces=old, timeout=20)
                break
            except ConflictError:
                continue


def test_processes_that_add_at_once_lose_nothing(backend_settings: BackendSettings) -> None:
    """Three processes add to one number, the first creation included: the sum is right."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    arguments = (backend_settings, barrier, 10)
    processes = [spawn.Process(target=_add, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert read_sum(backend_settings) == 30


def read_sum(settings: BackendSettings) -> object:
    """Return the sum of the processes."""
    document = open_backend(settings).documents.read("effects", "sum", timeout=10)
    return document and document.fields["n"]


def test_an_expiring_document_is_read_like_any_other(backend: Backend) -> None:
    """Its expiry is not among its fields."""
    documents = backend.documents
    first = documents.write("effects", "a", {"n": 1}, replaces=None, timeout=10, keep_seconds=60)
    documents.write("effects", "a", {"n": 2}, replaces=first, timeout=10, keep_seconds=60)

    document = documents.read("effects", "a", timeout=10)
    assert document is not None
    assert document.fields == {"n": 2}


@pytest.mark.emulator
def test_firestore_stores_the_expiry_of_a_document(gcp_settings: BackendSettings) -> None:
    """In a timestamp `expire_at`, which the TTL policy names; other documents have none."""
    documents = open_backend(gcp_settings).documents
    documents.write("effects", "for ever", {}, replaces=None, timeout=10)
    before = time.time()
    documents.write("effects", "a while", {}, replaces=None, timeout=10, keep_seconds=600)
    after = time.time()

    raw = {
        name: _stored(gcp_settings, f"effects/{safe_name(name)}").fields
        for name in ("for ever", "a while")
    }
    assert "expire_at" not in raw["for ever"]
    end = raw["a while"]["expire_at"].timestamp_value.seconds
    assert int(before) + 600 <= end <= after + 600


_OWNER = (("authorization", "Bearer owner"),)


def _delete(settings: BackendSettings, document_id: str) -> None:
    """Delete a document of `effects`, as an operator does: the port cannot."""
    if settings.kind == "embedded":
        with sqlite3.connect(Path(settings.embedded_dir) / "documents.sqlite3") as connection:
            connection.execute("DELETE FROM documents WHERE id = ?", (document_id,))
        return
    _client().delete_document(name=_name(settings, f"effects/{document_id}"), metadata=_OWNER)


def _client() -> FirestoreClient:
    return FirestoreClient(
        transport=open_transport(FirestoreGrpcTransport, "FIRESTORE_EMULATOR_HOST")
    )


def _name(settings: BackendSettings, path: str) -> str:
    return f"projects/{settings.project}/databases/(default)/documents/{path}"


def _stored(settings: BackendSettings, path: str) -> Any:
    """Return a document as Firestore stores it."""
    client, name = _client(), _name(settings, path)
    return ProtoDocument.pb(client.get_document({"name": name}, retry=None, metadata=_OWNER))


@pytest.mark.parametrize("kind", ["dead", "stalled"])
def test_calls_end_at_their_timeout(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is down or stalled takes no longer than the timeout."""
    settings = BackendSettings("gcp", "test-project", "", "")
    with stalled_server() as stalled:
        host = stalled if kind == "stalled" else dead_server()
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", host)
        documents = open_backend(settings).documents
        started = time.monotonic()
        with pytest.raises(BackendError, match=r"within 0\.7 s"):
            documents.read("streams", "default", timeout=0.7)
        with pytest.raises(BackendError, match=r"within 0\.7 s"):
            documents.write("streams", "default", {}, replaces=None, timeout=0.7)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_embedded_calls_end_at_their_timeout(embedded_settings: BackendSettings) -> None:
    """A folder that cannot be written is a BackendError."""
    Path(embedded_settings.embedded_dir).write_text("a file in the way")
    documents = open_backend(embedded_settings).documents
    with pytest.raises(BackendError):
        documents.read("streams", "default", timeout=0.5)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.sampled_from("%[]_ab")), JSON, max_size=5))
def test_firestore_values_round_trip(fields: dict[str, Any]) -> None:
    """Decoding is the inverse of encoding, and encoded fields are legal in Firestore."""
    encoded = encode_fields(fields)

    assert decode_fields(encoded) == fields
    assert all(key and not (key.startswith("__") and key.endswith("__")) for key in encoded)
