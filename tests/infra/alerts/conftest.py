"""The metrics and alerts of two deployments, as planned."""

from pathlib import Path

import pytest

from tests.infra.conftest import Runs
from tests.support.monitoring import Monitoring

FILE = "modules/bridge/tests/alerts.tftest.hcl"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in this folder in one process, with one run of the test file."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(FILE))


@pytest.fixture
def monitoring(runs: Runs) -> Monitoring:
    """A deployment with one stream, which is drained every minute."""
    return Monitoring.of_plan(runs(FILE)["default"].changes)


@pytest.fixture
def second(runs: Runs) -> Monitoring:
    """A deployment with the prefix `two-`, streams of different schedules, and copies."""
    return Monitoring.of_plan(runs(FILE)["second"].changes)
