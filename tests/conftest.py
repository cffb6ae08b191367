"""Settings and fixtures of all tests."""

import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.emulators"]

# A shell that starts the tests in the background lets them ignore SIGINT, and every process that a
# test starts would inherit that. With a handler here, they do not.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Loaded before any test module, so that the settings of each property start from it. A slow machine
# must not fail a property.
settings.register_profile("bridge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bridge")


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    """Restore `sys.path` after each test.

    functions-framework appends a folder for every function that it loads. In each request httpcore
    tries five times to import a module that is not installed, and searches all folders: after 1,000
    such tests a request took 70 ms of CPU time instead of 2.
    """
    before = sys.path.copy()
    yield
    sys.path[:] = before


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the `summary` that passed tests recorded: how many schedules they tried."""
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
