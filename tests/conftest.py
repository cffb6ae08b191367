"""What every test may use, and what no test may change for the next one."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.emulators"]

# Loaded before any test module, whose own settings then start from it. A property holds or not: how
# long a machine takes to make or to run an example says nothing of it.
settings.register_profile("bridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bridge")


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    """Leave `sys.path` as it was.

    functions-framework appends to it with every function that it loads. httpcore tries to import a
    module that is not installed, five times in each request, which searches all of it: after 1,000
    such tests a request took 70 ms of CPU in place of 2.
    """
    before = sys.path.copy()
    yield
    sys.path[:] = before


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests that passed have recorded as `summary`: how much they tried."""
    lines = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "summary" and report.when == "call"
    ]
    if lines:
        terminalreporter.section("crash schedules")
        for line in sorted(lines):
            terminalreporter.write_line(line)
