"""Both clouds of the local stack give access to what functions publish and store."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from google.cloud.storage import Client

from infra.local.clouds.backend_cloud import BackendCloud
from infra.local.clouds.cloud import Cloud, TopicMessage
from infra.local.clouds.embedded import EmbeddedCloud
from infra.local.clouds.emulated import EmulatedCloud
from infra.local.clouds.emulators import Emulators, start_emulators
from infra.local.topology import read_topology
from tests.support.patience import until
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Files, Message, StoredFile, Timeout
from videovector_bridge.environment import Environment
from videovector_bridge.settings.cloud import read_backend

GIF = "image/gif"


def emulated(emulators: Emulators, settings: BackendSettings) -> EmulatedCloud:
    """A cloud on emulators that it does not stop."""
    running = start_emulators(5, running=emulators.environment)
    assert isinstance(running, Emulators)
    return EmulatedCloud(running, settings)


@pytest.fixture
def fresh(gcp_settings: BackendSettings) -> BackendSettings:
    """Settings of a project and buckets that do not exist yet."""
    name = f"new-{gcp_settings.project}"
    return BackendSettings("gcp", name, "", f"{name}-claims", f"{name}-previews")


@pytest.fixture
def gcp_cloud(emulators: Emulators, fresh: BackendSettings) -> Iterator[Cloud]:
    """The cloud on the emulators."""
    cloud = emulated(emulators, fresh)
    yield cloud
    cloud.stop()


@pytest.fixture
def embedded_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """The cloud in a folder."""
    cloud = EmbeddedCloud(str(tmp_path))
    yield cloud
    cloud.stop()


@pytest.fixture(params=["embedded", pytest.param("gcp", marks=pytest.mark.emulator)])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each cloud in turn, built."""
    cloud = cast("Cloud", request.getfixturevalue(f"{request.param}_cloud"))
    cloud.build(read_topology(), {}, watch=("events",))
    return cloud


@pytest.fixture
def backend(cloud: Cloud) -> Backend:
    """The backend that functions open in the cloud's environment."""
    environment = Environment(cloud.environment)
    settings = read_backend(environment)
    environment.finish()
    return open_backend(settings)


@pytest.mark.filterwarnings("ignore:The return_immediately flag")
def test_observe_returns_published_messages(cloud: Cloud) -> None:
    """A message is returned with data and attributes, once per publish."""
    message = Message(b"{}", {"ce-id": "a"})
    cloud.publish("events", message)
    cloud.publish("events", message)

    messages: list[TopicMessage] = []

    def both_arrived() -> bool:
        messages.extend(cloud.observe("events"))
        return len(messages) >= 2

    assert until(both_arrived)
    assert [(each.data, each.attributes) for each in messages] == [(b"{}", {"ce-id": "a"})] * 2


def test_file_returns_what_functions_stored(cloud: Cloud, backend: Backend) -> None:
    """It returns a preview with its content, and None before it is stored."""
    assert backend.files is not None
    assert cloud.file("videos/v/preview.gif") is None
    stored = backend.files.write("videos/v/preview.gif", b"GIF", GIF, replaces=None, timeout=10)

    assert cloud.file("videos/v/preview.gif") == (stored, b"GIF")


def test_document_returns_what_functions_wrote(cloud: Cloud, backend: Backend) -> None:
    """It returns the fields of a document, and None before it is written."""
    assert cloud.document("media", "v/1") is None
    assert cloud.cursor("default") is None
    for collection, document_id in (("media", "v/1"), ("streams", "default")):
        fields = {"cursor": "evt_1"}
        backend.documents.write(collection, document_id, fields, replaces=None, timeout=10)

    assert cloud.document("media", "v/1") == {"cursor": "evt_1"}
    assert cloud.cursor("default") == "evt_1"


@pytest.mark.emulator
def test_missing_buckets_are_created(emulators: Emulators, fresh: BackendSettings) -> None:
    """Existing buckets of a running emulator are used with their content."""
    names = {fresh.claim_bucket, fresh.preview_bucket}
    client = Client(project=fresh.project)
    client.create_bucket(fresh.preview_bucket).blob("a").upload_from_string(b"kept")
    assert names > {bucket.name for bucket in client.list_buckets()} & names
    cloud = emulated(emulators, fresh)
    cloud.build(read_topology(), {}, watch=())
    file = cloud.file("a")
    cloud.stop()

    assert file is not None
    assert file[1] == b"kept"
    assert names <= {bucket.name for bucket in client.list_buckets()}


class _Rewritten:
    """Files where another writer replaces a file before each read, this many times."""

    def __init__(self, files: Files, times: int) -> None:
        self.find = files.find
        self.write = files.write
        self._files = files
        self._left = times

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Replace the file, then read it."""
        old = self.find(name, timeout=timeout)
        if self._left:
            self._left -= 1
            self.write(name, b"%d left" % self._left, GIF, replaces=old, timeout=timeout)
        return self._files.read(name, timeout=timeout)


def test_content_belongs_to_the_returned_generation(embedded_backend: Backend) -> None:
    """Even if the file is replaced during the read, properties and content match."""
    files = embedded_backend.files
    assert files is not None
    files.write("a", b"first", GIF, replaces=None, timeout=5)
    rewritten = _Rewritten(files, times=3)
    backend = Backend(embedded_backend.topics, embedded_backend.documents, None, rewritten)
    file = BackendCloud(backend).file("a")
    last: StoredFile | None = files.find("a", timeout=5)

    assert file == (last, b"0 left")
