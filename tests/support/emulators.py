"""Fixtures: both backends, on Google's emulators and in a folder. A pytest plugin.

Tests marked `emulator` are skipped, with the reason, where there are no emulators; in CI
(`CI=true`) they fail instead.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from google.cloud.storage import Client
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from infra.local.clouds.emulators import (
    Emulators,
    StartingEmulators,
    Unavailable,
    start_emulators,
)
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.gcp.channels import open_transport

STARTUP_SECONDS = 300.0
SHARED = "shared_emulators"
TOPICS = ("events", "rejected", "media-urls")
BUCKETS = ("claims", "previews")


class SharedEmulators:
    """Starts the emulators for all workers, in the process that starts these workers.

    Otherwise each worker would start its own: two Java programs, and seconds of CPU time.
    """

    def __init__(self) -> None:
        self._starting = StartingEmulators(STARTUP_SECONDS, running=os.environ)
        self._outcome: Emulators | Unavailable | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Pass the addresses to a worker, if there are emulators."""
        if self._outcome is None:
            self._outcome = self._starting.wait()
        if isinstance(self._outcome, Emulators):
            node.workerinput[SHARED] = self._outcome.environment

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Stop the emulators after all workers have ended."""
        self._starting.stop()
        if isinstance(self._outcome, Emulators):
            self._outcome.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that `make test` uses."""
    parser.addoption(
        "--share-emulators",
        action="store_true",
        help="with -n: start the emulators once, before the workers",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the shared emulators, except in the workers."""
    if config.getoption("share_emulators") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SharedEmulators())


@pytest.fixture(scope="session")
def _emulators_or_reason(request: pytest.FixtureRequest) -> Iterator[Emulators | Unavailable]:
    shared = getattr(request.config, "workerinput", {}).get(SHARED, {})
    outcome = start_emulators(STARTUP_SECONDS, running={**os.environ, **shared})
    yield outcome
    if isinstance(outcome, Emulators):
        outcome.stop()


@pytest.fixture(scope="session")
def emulators(_emulators_or_reason: Emulators | Unavailable) -> Emulators:
    """All emulators, for the whole session; skips or fails the test if there are none."""
    if isinstance(_emulators_or_reason, Unavailable):
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(_emulators_or_reason.reason, pytrace=False)
        pytest.skip(_emulators_or_reason.reason)
    return _emulators_or_reason


@pytest.fixture
def gcp_settings(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> BackendSettings:
    """Settings of a new project with the bridge's topics and buckets, on the emulators."""
    for variable, host in emulators.environment.items():
        monkeypatch.setenv(variable, host)
    # Project ids have 6 to 30 characters.
    project = f"test-{uuid.uuid4().hex[:12]}"
    claims, previews = (f"{project}-{name}" for name in BUCKETS)
    transport = open_transport(PublisherGrpcTransport, "PUBSUB_EMULATOR_HOST")
    with PublisherClient(transport=transport) as publisher:
        for topic in TOPICS:
            publisher.create_topic(name=f"projects/{project}/topics/{topic}")
    # With its emulator in the environment the library needs no credentials.
    for bucket in (claims, previews):
        Client(project=project).create_bucket(bucket)
    return BackendSettings("gcp", project, "", claims, previews)


@pytest.fixture
def embedded_settings(tmp_path: Path) -> BackendSettings:
    """Settings of an embedded backend in a new folder."""
    folder = str(tmp_path / "embedded")
    return BackendSettings(kind="embedded", project="", embedded_dir=folder, claim_bucket="")


@pytest.fixture
def gcp_backend(gcp_settings: BackendSettings) -> Backend:
    """Google's emulators as a backend, in a new project."""
    return open_backend(gcp_settings)


@pytest.fixture
def embedded_backend(embedded_settings: BackendSettings) -> Backend:
    """The embedded backend in a new folder."""
    return open_backend(embedded_settings)


@pytest.fixture(params=["embedded", pytest.param("gcp", marks=pytest.mark.emulator)])
def backend_settings(request: pytest.FixtureRequest) -> BackendSettings:
    """The settings of each backend in turn: for a contract that needs several processes."""
    return cast("BackendSettings", request.getfixturevalue(f"{request.param}_settings"))


@pytest.fixture
def backend(backend_settings: BackendSettings) -> Backend:
    """Each backend in turn."""
    return open_backend(backend_settings)
