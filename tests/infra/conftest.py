"""One copy of `infra/` and one run of each test file, for all that look at them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.infra.terraform import Run, copied, tested

Runs = Callable[[str], dict[str, Run]]


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `infra/` that Terraform is ready in."""
    return copied(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def runs(infra: Path) -> Runs:
    """The runs of a test file, by name."""
    return cache(lambda file: tested(infra, file))
