"""Fixtures of the tests of whole processes."""

from pathlib import Path

import pytest

from tests.support.made_up_deployment import MadeUpDeployment, make_deployment


@pytest.fixture
def made(tmp_path: Path) -> MadeUpDeployment:
    """A deployment in an empty, made-up project."""
    return make_deployment(tmp_path)
