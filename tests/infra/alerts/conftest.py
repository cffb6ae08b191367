"""The metrics and alerts of two deployments, as planned."""

import pytest

from tests.infra.conftest import Runs
from tests.support.monitoring import Monitoring

FILE = "tests/alerts.tftest.hcl"


@pytest.fixture
def monitoring(runs: Runs) -> Monitoring:
    """A deployment with one stream, which is drained every minute."""
    return Monitoring.of_plan(runs(FILE)["default"].changes)


@pytest.fixture
def second(runs: Runs) -> Monitoring:
    """A deployment with the prefix `two-`, streams of different schedules, and copies."""
    return Monitoring.of_plan(runs(FILE)["second"].changes)
