"""One copy of `infra/` and one run of each test file, for all that look at them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.terraform import Run, copied, tested

Runs = Callable[[str], dict[str, Run]]
# A whole test file is planned within the first test that looks at it: a minute and more.
_TIMEOUT_SECONDS = 1_800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of this folder more time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `infra/` that Terraform is ready in."""
    return copied(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def runs(infra: Path) -> Runs:
    """The runs of a test file, by name."""
    return cache(lambda file: tested(infra, file))
