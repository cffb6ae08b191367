"""One copy of `infra/` and one run of each test file, shared by all tests."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.terraform import Run, copy_infra, run_test_file

Runs = Callable[[str], dict[str, Run]]
# The first test that uses a test file runs all of it, which takes more than a minute.
_TIMEOUT_SECONDS = 1_800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of the tests in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `infra/` after `terraform init`."""
    return copy_infra(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def runs(infra: Path) -> Runs:
    """The runs of a test file, by name."""
    return cache(lambda file: run_test_file(infra, file))
