"""The `Blobs` port: objects put once."""

import threading
import time
from pathlib import Path

import pytest
from google.cloud.storage import Client

from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import dead_server, stalled_server
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Blobs
from videovector_bridge.errors import BackendError, OutOfTimeError


@pytest.fixture
def blobs(backend: Backend) -> Blobs:
    """The blobs of each backend in turn."""
    assert backend.blobs is not None
    return backend.blobs


@pytest.mark.parametrize("name", ["claims/2026/abc.json", "caf\u00e9 100%?#.bin", "x" * 200])
def test_bytes_come_back(blobs: Blobs, name: str) -> None:
    """What was put is read under the URI that was returned, whatever the name."""
    data = bytes(range(256)) * 100
    uri = blobs.put(name, data, "application/json", timeout=10)

    assert blobs.get(uri, timeout=10) == data


def test_object_larger_than_a_message(blobs: Blobs) -> None:
    """That is what they are for."""
    data = b"0123456789" * 1_200_000

    assert blobs.get(blobs.put("large", data, "text/plain", timeout=20), timeout=20) == data


def test_first_put_wins(blobs: Blobs) -> None:
    """A name that exists is left as it is, and its URI is returned all the same."""
    first = blobs.put("name", b"first", "text/plain", timeout=10)
    second = blobs.put("name", b"second", "text/plain", timeout=10)

    assert first == second
    assert blobs.get(first, timeout=10) == b"first"


def test_two_writers_leave_one_of_their_contents_whole(blobs: Blobs) -> None:
    """Writers at the same time both succeed; a reader sees one content, entire, and always that."""
    contents = [bytes([n]) * 300_000 for n in range(4)]
    barrier = threading.Barrier(len(contents))
    uris: list[str] = []

    def put(data: bytes) -> None:
        barrier.wait()
        uris.append(blobs.put("name", data, "text/plain", timeout=20))

    threads = [threading.Thread(target=put, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(uris) == len(contents)
    assert len(set(uris)) == 1
    assert blobs.get(uris[0], timeout=10) in contents


def test_missing_object_is_a_backend_error(blobs: Blobs) -> None:
    """Nothing there fails at once."""
    uri = blobs.put("there", b"x", "text/plain", timeout=10)
    started = time.monotonic()
    for wrong in (uri + "-not", "http://example.com/x", "", "gs://", "file:///etc/passwd"):
        with pytest.raises(BackendError):
            blobs.get(wrong, timeout=10 * PATIENCE_SECONDS)

    assert time.monotonic() - started < PATIENCE_SECONDS


def test_without_time_nothing_is_stored(blobs: Blobs) -> None:
    """The time is asked for before each request, and is all that went wrong."""
    writer = blobs.open("in parts", "text/plain")
    for call in (
        lambda: blobs.put("whole", b"x", "text/plain", timeout=lambda: 0.0),
        lambda: writer.write(b"x" * 1_048_576, timeout=lambda: 0.0),
        lambda: blobs.open("empty", "text/plain").finish(timeout=lambda: -1.0),
    ):
        with pytest.raises(OutOfTimeError):
            call()

    uri = blobs.put("whole", b"y", "text/plain", timeout=10)
    assert blobs.get(uri, timeout=10) == b"y"
    with pytest.raises(OutOfTimeError):
        blobs.get(uri, timeout=lambda: 0.0)


@pytest.mark.emulator
def test_content_type_is_kept(gcp_backend: Backend, gcp_settings: BackendSettings) -> None:
    """Browsers and BigQuery rely on it."""
    assert gcp_backend.blobs is not None
    uri = gcp_backend.blobs.put("a/b.json", b"{}", "application/json", timeout=10)
    client = Client(project=gcp_settings.project)

    assert uri == f"gs://{gcp_settings.claim_bucket}/a/b.json"
    stored = client.bucket(gcp_settings.claim_bucket).get_blob("a/b.json")
    assert stored is not None
    assert stored.content_type == "application/json"


def test_no_file_is_left_half_written(embedded_settings: BackendSettings) -> None:
    """After puts that won and lost, the folder holds the blobs and nothing else."""
    blobs = open_backend(embedded_settings).blobs
    assert blobs is not None
    for _ in range(2):
        blobs.put("one", b"1", "text/plain", timeout=5)
    files = [path.name for path in Path(embedded_settings.embedded_dir, "blobs").iterdir()]

    assert files == ["one"]


def test_no_bucket_no_blobs() -> None:
    """Where no bucket is configured, the port says so by being None."""
    assert open_backend(BackendSettings("gcp", "test-project", "", "")).blobs is None


@pytest.mark.parametrize("kind", ["dead", "stalled"])
def test_put_and_get_end_at_their_timeout(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is down, or silent, costs the timeout and no more."""
    with stalled_server() as stalled:
        host = stalled if kind == "stalled" else dead_server()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
        blobs = open_backend(BackendSettings("gcp", "test-project", "", "claims")).blobs
        assert blobs is not None
        started = time.monotonic()
        with pytest.raises(BackendError, match="did not succeed within 1 s"):
            blobs.put("name", b"x", "text/plain", timeout=1)
        with pytest.raises(BackendError, match="did not succeed within 1 s"):
            blobs.get("gs://claims/name", timeout=1)

    assert time.monotonic() - started < PATIENCE_SECONDS
