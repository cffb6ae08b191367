"""Deployments of `receive_webhook`, and its clock."""

from datetime import UTC, datetime

import pytest

from tests.support.webhooks import Deployment
from videovector_bridge.backends import BackendSettings


@pytest.fixture
def receiver(backend_settings: BackendSettings) -> Deployment:
    """A deployment over each backend in turn."""
    return Deployment(backend_settings)


@pytest.fixture
def embedded(embedded_settings: BackendSettings) -> Deployment:
    """A deployment over the embedded backend."""
    return Deployment(embedded_settings)


@pytest.fixture
def now(embedded: Deployment) -> list[datetime]:
    """The time of the embedded deployment, as the first of this list."""
    clock = [datetime(2026, 11, 24, 2, tzinfo=UTC)]
    embedded.change(now=lambda: clock[0])
    return clock
