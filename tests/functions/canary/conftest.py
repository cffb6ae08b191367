"""Fixtures of the tests of `canary`."""

from collections.abc import Iterator

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.canaries import Canary
from videovector_bridge.backends import BackendSettings


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in whose streams send a heartbeat every 50 ms."""
    config = StandInConfig(videos=1, playground_videos=0, heartbeat_seconds=0.05)
    with StandIn(config) as running:
        yield running


@pytest.fixture
def canary(standin: StandIn, backend_settings: BackendSettings) -> Canary:
    """A canary over each backend in turn."""
    return Canary(standin, backend_settings)


@pytest.fixture
def embedded(standin: StandIn, embedded_settings: BackendSettings) -> Canary:
    """A canary over the embedded backend."""
    return Canary(standin, embedded_settings)
