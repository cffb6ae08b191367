"""Fixtures of the unit tests, and the rule that none of them does I/O."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.io_guard import IOGuard

_GUARD = IOGuard()
sys.addaudithook(_GUARD)


@pytest.fixture(autouse=True)
def _no_io(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a unit test that connects, binds, starts a process, opens a database or an emulator."""
    if request.node.get_closest_marker("emulator"):
        pytest.fail("A unit test needs no emulator; move it to tests/contract or tests/functions.")
    with _GUARD.refuse() as attempts:
        yield
    if attempts:
        pytest.fail(
            f"A unit test does no I/O, but this one did: {'; '.join(attempts)}. "
            "Pass a fake, or move the test to the folder of its kind."
        )
