"""Both clouds of the local stack: what functions store under their settings can be looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from google.cloud.storage import Client

from infra.local.clouds.cloud import Cloud, Observed
from infra.local.clouds.embedded import EmbeddedCloud
from infra.local.clouds.emulated import EmulatedCloud
from infra.local.clouds.emulators import Emulators, start_emulators
from infra.local.clouds.stored import stored_file
from infra.local.topology import read_topology
from tests.support.patience import until
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Files, Message, StoredFile, Timeout
from videovector_bridge.environment import Environment
from videovector_bridge.settings.cloud import read_backend

GIF = "image/gif"


def emulated(emulators: Emulators, settings: BackendSettings) -> EmulatedCloud:
    """A cloud on emulators that stay when it ends."""
    running = start_emulators(5, running=emulators.environment)
    assert isinstance(running, Emulators)
    return EmulatedCloud(running, settings)


@pytest.fixture
def fresh(gcp_settings: BackendSettings) -> BackendSettings:
    """Settings of a project and buckets that are not there yet."""
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
def theirs(cloud: Cloud) -> Backend:
    """The backend that functions open in the environment which the cloud gives them."""
    environment = Environment(cloud.environment)
    settings = read_backend(environment)
    environment.finish()
    return open_backend(settings)


@pytest.mark.filterwarnings("ignore:The return_immediately flag")
def test_a_message_that_is_published_is_on_its_topic(cloud: Cloud) -> None:
    """With its data and attributes, once for each time that it is published."""
    message = Message(b"{}", {"ce-id": "a"})
    cloud.publish("events", message)
    cloud.publish("events", message)

    seen: list[Observed] = []

    def both_arrived() -> bool:
        seen.extend(cloud.observe("events"))
        return len(seen) >= 2

    assert until(both_arrived)
    assert [(each.data, each.attributes) for each in seen] == [(b"{}", {"ce-id": "a"})] * 2


def test_files_of_functions_are_seen(cloud: Cloud, theirs: Backend) -> None:
    """A preview is there with its content, and none before it is stored."""
    assert theirs.files is not None
    assert cloud.file("videos/v/preview.gif") is None
    stored = theirs.files.write("videos/v/preview.gif", b"GIF", GIF, replaces=None, timeout=10)

    assert cloud.file("videos/v/preview.gif") == (stored, b"GIF")


def test_documents_of_functions_are_seen(cloud: Cloud, theirs: Backend) -> None:
    """A document is there with its fields, and none before it is written."""
    assert cloud.document("media", "v/1") is None
    assert cloud.cursor("default") is None
    for collection, document_id in (("media", "v/1"), ("streams", "default")):
        fields = {"cursor": "evt_1"}
        theirs.documents.write(collection, document_id, fields, replaces=None, timeout=10)

    assert cloud.document("media", "v/1") == {"cursor": "evt_1"}
    assert cloud.cursor("default") == "evt_1"


@pytest.mark.emulator
def test_both_buckets_are_made_where_they_are_not_there(
    emulators: Emulators, fresh: BackendSettings
) -> None:
    """Those of an emulator that was there before are used with what they hold."""
    wanted = {fresh.claim_bucket, fresh.preview_bucket}
    client = Client(project=fresh.project)
    client.create_bucket(fresh.preview_bucket).blob("a").upload_from_string(b"kept")
    assert wanted > {bucket.name for bucket in client.list_buckets()} & wanted
    cloud = emulated(emulators, fresh)
    cloud.build(read_topology(), {}, watch=())
    found = cloud.file("a")
    cloud.stop()

    assert found is not None
    assert found[1] == b"kept"
    assert wanted <= {bucket.name for bucket in client.list_buckets()}


class _Rewritten:
    """Files of which one is written by somebody else whenever it is read, so many times."""

    def __init__(self, files: Files, times: int) -> None:
        self.find = files.find
        self.write = files.write
        self._files = files
        self._left = times

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Read it after it was written."""
        old = self.find(name, timeout=timeout)
        if self._left:
            self._left -= 1
            self.write(name, b"%d left" % self._left, GIF, replaces=old, timeout=timeout)
        return self._files.read(name, timeout=timeout)


def test_content_is_that_of_the_file(embedded_backend: Backend) -> None:
    """However often it is replaced meanwhile, what is told of a file fits its content."""
    files = embedded_backend.files
    assert files is not None
    files.write("a", b"first", GIF, replaces=None, timeout=5)
    rewritten = _Rewritten(files, times=3)
    backend = Backend(embedded_backend.topics, embedded_backend.documents, None, rewritten)
    found = stored_file(backend, "a")
    last: StoredFile | None = files.find("a", timeout=5)

    assert found == (last, b"0 left")
