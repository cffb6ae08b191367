"""A test leaves no changes of the process to the next test."""

import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.support.webhooks import deploy

_path_before: list[str] = []


@pytest.mark.parametrize("turn", ["first", "second"])
def test_import_path_does_not_grow(turn: str) -> None:
    """The host appends to `sys.path` for each function; the next test has the path as it was."""
    _path_before.append("\n".join(sys.path))
    deploy({})

    assert len(sys.path) > len(_path_before[0].split("\n"))
    assert set(_path_before) == {_path_before[0]}


def test_no_property_depends_on_the_machine() -> None:
    """No example has a deadline, and no machine is too slow to make one."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
