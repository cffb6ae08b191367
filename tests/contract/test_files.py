"""The `Files` port: files that are replaced with compare-and-set."""

import hashlib
import multiprocessing
import sqlite3
import threading
import time
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from google.cloud.storage import Client

from infra.local.clouds.emulators import Emulators
from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import dead_server, dropping_proxy, refusing_server, stalled_server
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Files, StoredFile
from videovector_bridge.errors import BackendError, ConflictError, UnstorableError

GIF = "image/gif"
ODD_NAMES = [
    "a",
    "a/b",
    "a//b/",
    "/",
    "a/../b",
    "caf\u00e9 \U0001f600 100%?#&=+.gif",
    "tab\tnul\0",
    "x" * 1_024,
    "x" * 1_023 + "y",
]
NO_BUCKET = "The specified bucket does not exist."


@pytest.fixture
def files(backend: Backend) -> Files:
    """The files of each backend in turn."""
    assert backend.files is not None
    return backend.files


def files_of(settings: BackendSettings) -> Files:
    """Return the files of a backend with these settings."""
    files = open_backend(settings).files
    assert files is not None
    return files


def files_at(host: str, monkeypatch: pytest.MonkeyPatch, bucket: str = "previews") -> Files:
    """Files in a Cloud Storage at `host:port`."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
    return files_of(BackendSettings("gcp", "test-project", "", "", bucket))


def find(files: Files, name: str) -> StoredFile:
    """Return a file that must exist."""
    stored = files.find(name, timeout=10)
    assert stored is not None
    return stored


def create(files: Files, name: str, data: bytes, content_type: str = GIF) -> StoredFile:
    """Create a file that must not exist."""
    return files.write(name, data, content_type, replaces=None, timeout=10)


def replace(files: Files, old: StoredFile, data: bytes, name: str = "a") -> StoredFile:
    """Replace `old`."""
    return files.write(name, data, GIF, replaces=old, timeout=10)


def test_find_returns_none_for_a_missing_file(files: Files) -> None:
    """A missing file is not an error."""
    assert files.find("videos/none/preview.gif", timeout=10) is None


def test_missing_file_cannot_be_read(files: Files) -> None:
    """Reading a missing file is an error, at once."""
    started = time.monotonic()
    with pytest.raises(BackendError, match=r"Reading .*none.* failed"):
        files.read("none", timeout=10 * PATIENCE_SECONDS)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_a_written_file_is_found_and_read(files: Files) -> None:
    """Content, content type, size and MD5 are as written; `write` returns the same as `find`."""
    data = bytes(range(256)) * 100
    written = create(files, "a", data, "image/webp")

    assert find(files, "a") == written
    assert files.read("a", timeout=10) == data
    assert written.content_type == "image/webp"
    assert written.size == len(data)
    assert written.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_replaced_file_is_another_generation(files: Files) -> None:
    """The URI has the new content and type; writing the same content is a write too."""
    first = create(files, "a", b"one", "image/png")
    second = replace(files, first, b"two")
    third = replace(files, second, b"two")

    assert find(files, "a") == third
    assert files.read("a", timeout=10) == b"two"
    assert (first.content_type, third.content_type) == ("image/png", GIF)
    assert first.uri == second.uri == third.uri
    assert len({first.generation, second.generation, third.generation}) == 3


def test_create_twice_conflicts(files: Files) -> None:
    """The second create fails and changes nothing."""
    first = create(files, "a", b"first")
    with pytest.raises(ConflictError):
        create(files, "a", b"second")

    assert find(files, "a") == first
    assert files.read("a", timeout=10) == b"first"


def test_stale_write_conflicts(files: Files) -> None:
    """A write over an old generation fails, and succeeds after another `find`."""
    first = create(files, "a", b"1")
    second = replace(files, find(files, "a"), b"2")
    with pytest.raises(ConflictError):
        replace(files, first, b"3")
    replace(files, second, b"4")

    assert files.read("a", timeout=10) == b"4"


def test_another_files_generation_replaces_nothing(files: Files) -> None:
    """A generation belongs to one write: under another name it is never the stored one."""
    other = create(files, "a", b"a")
    stored = create(files, "b", b"b")
    for name in ("b", "never there"):
        with pytest.raises(ConflictError):
            replace(files, other, b"x", name)

    assert find(files, "b") == stored
    assert files.find("never there", timeout=10) is None


def test_any_name_is_its_own_file(files: Files) -> None:
    """Slashes, spaces, and letters of any script; one name may be the beginning of another."""
    written = [create(files, name, name.encode()) for name in ODD_NAMES]

    assert [find(files, name) for name in ODD_NAMES] == written
    assert [files.read(name, timeout=10) for name in ODD_NAMES] == [n.encode() for n in ODD_NAMES]
    assert len({stored.uri for stored in written}) == len(ODD_NAMES)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a\nb", "x" * 1_025, "\ud800", ".well-known/acme-challenge/x"]
)
def test_name_that_cloud_storage_refuses_is_a_sentence(files: Files, name: str) -> None:
    """Every backend refuses it at once, for every operation."""
    for call in (
        lambda: create(files, name, b""),
        lambda: files.find(name, timeout=10),
        lambda: files.read(name, timeout=10),
    ):
        with pytest.raises(UnstorableError, match="is not the name of a file") as caught:
            call()
        assert (caught.value.owner, caught.value.code) == ("user", "file_name_invalid")


def test_empty_file_is_a_file(files: Files) -> None:
    """Empty content is stored like any other."""
    written = create(files, "a", b"")

    assert (find(files, "a"), written.size) == (written, 0)
    assert files.read("a", timeout=10) == b""
    with pytest.raises(ConflictError):
        create(files, "a", b"")


def test_large_file(files: Files) -> None:
    """A file that needs several requests is stored whole."""
    large = b"0123456789" * 1_200_000
    first = create(files, "a", large)
    second = replace(files, first, large + b"!")

    assert find(files, "a") == second
    assert second.md5 == hashlib.md5(large + b"!", usedforsecurity=False).hexdigest()
    assert files.read("a", timeout=20) == large + b"!"


def test_racing_threads_have_one_winner(files: Files) -> None:
    """Of four threads that replace the same generation, one succeeds; repeatedly."""
    current: StoredFile | None = None
    for _ in range(5):
        barrier = threading.Barrier(4)
        wins: dict[bytes, StoredFile] = {}

        def race(
            old: StoredFile | None,
            data: bytes,
            barrier: threading.Barrier,
            wins: dict[bytes, StoredFile],
        ) -> None:
            barrier.wait()
            with suppress(ConflictError):
                wins[data] = files.write("a", data, GIF, replaces=old, timeout=20)

        threads = [
            threading.Thread(target=race, args=(current, bytes([me]) * 300_000, barrier, wins))
            for me in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        ((content, current),) = wins.items()
        assert find(files, "a") == current
        assert files.read("a", timeout=10) == content


def _add(settings: BackendSettings, barrier: Barrier, times: int) -> None:
    files = files_of(settings)
    barrier.wait(30)
    for _ in range(times):
        while True:
            old = files.find("sum", timeout=20)
            # Of a later generation than `old` it may be: the write then conflicts.
            n = int(files.read("sum", timeout=20)) if old else 0
            try:
                files.write("sum", b"%d" % (n + 1), "text/plain", replaces=old, timeout=20)
                break
            except ConflictError:
                continue


def test_processes_that_add_at_once_lose_nothing(backend_settings: BackendSettings) -> None:
    """Three processes add to one number, the first creation included: the sum is right."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    processes = [spawn.Process(target=_add, args=(backend_settings, barrier, 10)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert files_of(backend_settings).read("sum", timeout=10) == b"30"


@pytest.mark.emulator
def test_after_a_lost_response_the_retry_conflicts(
    emulators: Emulators, gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write has happened; the retry conflicts with it, and `find` shows its content."""
    with dropping_proxy(emulators.storage_host, drops=1) as host:
        files = files_at(host, monkeypatch, gcp_settings.preview_bucket)
        with pytest.raises(ConflictError):
            create(files, "a", b"ours")
        stored = find(files, "a")

        assert stored.md5 == hashlib.md5(b"ours", usedforsecurity=False).hexdigest()
        assert replace(files, stored, b"ours too") == find(files, "a")


@pytest.mark.parametrize("size", [0, 9_000_000])
@pytest.mark.parametrize("generation", [0, 1_700_000_000_000_001])
def test_the_upload_names_the_replaced_generation(
    size: int, generation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request of any upload has the generation; 412 is a conflict and ends the upload.

    The emulator itself does not compare where an upload takes several requests.
    """
    paths: list[str] = []
    old = StoredFile("gs://previews/a", generation, GIF, 1, "") if generation else None
    with refusing_server(412, "At least one of the pre-conditions did not hold.", paths) as host:
        files = files_at(host, monkeypatch)
        with pytest.raises(ConflictError):
            files.write("a", b"x" * size, GIF, replaces=old, timeout=10)

    assert len(paths) == 1
    assert f"&ifGenerationMatch={generation}" in paths[0] + "&"


@pytest.mark.emulator
def test_files_are_objects_for_other_clients(gcp_settings: BackendSettings) -> None:
    """The URI names an object with its content type."""
    written = create(files_of(gcp_settings), "videos/a b/preview.gif", b"GIF89a")
    bucket = Client(project=gcp_settings.project).bucket(gcp_settings.preview_bucket)
    stored = bucket.get_blob("videos/a b/preview.gif")

    assert written.uri == f"gs://{gcp_settings.preview_bucket}/videos/a b/preview.gif"
    assert stored is not None
    assert (stored.content_type, stored.generation) == (GIF, written.generation)


@pytest.mark.emulator
def test_object_without_md5(gcp_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composed objects have none; the file is found with an empty MD5."""
    files = files_of(gcp_settings)
    written = create(files, "a", b"x")
    monkeypatch.setattr("google.cloud.storage.Blob.md5_hash", None)

    assert find(files, "a") == StoredFile(written.uri, written.generation, GIF, 1, "")


def test_embedded_uri_names_the_row(embedded_settings: BackendSettings) -> None:
    """No program can open its scheme, and its name is encoded."""
    written = create(files_of(embedded_settings), "videos/a b/\u00e9.gif", b"")

    assert written.uri == "embedded:///previews/videos/a%20b/%C3%A9.gif"


def test_embedded_files_survive_the_process(embedded_settings: BackendSettings) -> None:
    """They are on the disk, for the next process that opens the folder."""
    written = create(files_of(embedded_settings), "a", b"x")

    assert find(files_of(embedded_settings), "a") == written


def test_no_bucket_no_files() -> None:
    """Without a bucket, the port is None."""
    assert open_backend(BackendSettings("gcp", "test-project", "", "claims")).files is None


def assert_all_fail(files: Files, match: str, timeout: float) -> None:
    """Assert that every operation raises an error that matches."""
    with pytest.raises(BackendError, match=match):
        files.find("a", timeout=timeout)
    with pytest.raises(BackendError, match=match):
        files.write("a", b"x", GIF, replaces=None, timeout=timeout)
    with pytest.raises(BackendError, match=match):
        files.write("a", b"x" * 9_000_000, GIF, replaces=None, timeout=timeout)
    with pytest.raises(BackendError, match=match):
        files.read("a", timeout=timeout)


@pytest.mark.parametrize(
    ("status", "message", "match"),
    [
        (404, NO_BUCKET, r"There is no such bucket or object\. .*bucket does not exist"),
        (403, "It lacks storage.objects.get.", "grant it roles/storage.objectUser on the bucket"),
        (400, "Invalid bucket name: ''", "Google answered: .*Invalid bucket name"),
    ],
)
def test_refusals_are_sentences_at_once(
    status: int, message: str, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that a retry cannot fix is not retried, and has advice."""
    started = time.monotonic()
    with refusing_server(status, message) as host:
        assert_all_fail(files_at(host, monkeypatch), match, 20)

    assert time.monotonic() - started < PATIENCE_SECONDS


@pytest.mark.emulator
def test_writing_where_there_is_no_bucket(
    gcp_settings: BackendSettings, emulators: Emulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write to a missing bucket is an error, not a missing file."""
    files = files_at(emulators.storage_host.removeprefix("http://"), monkeypatch, "not-there")
    with pytest.raises(BackendError, match="no such bucket"):
        create(files, "a", b"")


@pytest.mark.parametrize("kind", ["dead", "stalled", "overloaded"])
def test_calls_end_at_their_timeout(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is down, stalled or always busy takes no longer than the timeout."""
    with stalled_server() as stalled, refusing_server(503, "busy") as overloaded:
        host = {"dead": dead_server(), "stalled": stalled, "overloaded": overloaded}[kind]
        files = files_at(host, monkeypatch)
        started = time.monotonic()
        assert_all_fail(files, "did not succeed within 1 s", 1)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_embedded_files_that_cannot_be_stored(embedded_settings: BackendSettings) -> None:
    """A folder that cannot be used is a BackendError."""
    Path(embedded_settings.embedded_dir).write_text("a file in the way")

    assert_all_fail(files_of(embedded_settings), "failed within 0.5 s", 0.5)


def test_embedded_writer_waits_no_longer_than_its_timeout(
    embedded_settings: BackendSettings,
) -> None:
    """While another writer holds the lock, a write ends at its timeout and changes nothing."""
    files = files_of(embedded_settings)
    written = create(files, "a", b"x")
    started = time.monotonic()
    database = sqlite3.connect(Path(embedded_settings.embedded_dir, "files.sqlite3"))
    database.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendError, match=r"within 0\.5 s"):
        files.write("a", b"y", GIF, replaces=written, timeout=0.5)
    database.close()

    assert time.monotonic() - started < PATIENCE_SECONDS
    assert find(files, "a") == written
