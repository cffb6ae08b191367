"""The metrics and alerts of two deployments, as planned."""

import pytest

from tests.infra.conftest import Runs
from tests.support.monitoring import Monitoring

FILE = "modules/bridge/tests/alerts.tftest.hcl"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name the test file whose plans the tests in this folder read."""
    item.add_marker(pytest.mark.test_file(FILE))


@pytest.fixture
def monitoring(runs: Runs) -> Monitoring:
    """A deployment with one stream, which is drained every minute."""
    return Monitoring.of_plan(runs(FILE)["default"].changes)


@pytest.fixture
def counting(runs: Runs) -> Monitoring:
    """The same deployment with all alerts, which count lines."""
    return Monitoring.of_plan(runs(FILE)["counting"].changes)


@pytest.fixture
def second(runs: Runs) -> Monitoring:
    """A deployment with the prefix `two-`, all alerts, different schedules, and copies."""
    return Monitoring.of_plan(runs(FILE)["second"].changes)
