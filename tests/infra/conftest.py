"""One copy of `infra/` and one run of each test file, shared by all tests of a process."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.support.terraform import Run, copy_infra, init, run_test_file

Module = Callable[[str], Path]
"""The folder of a module after `terraform init`; the argument is its path in `infra`."""

Runs = Callable[[str], dict[str, Run]]
"""The runs of a test file, by name; the argument is its path in `infra`."""

Changes = list[Mapping[str, Any]]
"""The resources that a plan creates."""

PLANS = {
    "default": "modules/bridge/tests/default.tftest.hcl",
    "everything": "modules/bridge/tests/options.tftest.hcl",
    "second_bridge": "modules/bridge/tests/options.tftest.hcl",
    "two_environments": "tests/examples.tftest.hcl",
}
"""The test file of each run whose plan the tests read."""

# The first test that uses a test file runs all of it, which can take a minute.
_TIMEOUT_SECONDS = 1_800


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of the tests in this folder, and run those of a test file in one process."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))
            if file := _test_file(item):
                item.add_marker(pytest.mark.xdist_group(file))


def _test_file(item: pytest.Item) -> str | None:
    """The test file whose runs a test reads."""
    callspec = getattr(item, "callspec", None)
    parameters: Mapping[str, str] = callspec.params if callspec else {}
    return PLANS.get(parameters.get("plan", ""), parameters.get("file"))


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `infra/`."""
    return copy_infra(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="session")
def module(infra: Path) -> Module:
    """Modules after `terraform init`."""

    @cache
    def initialize(path: str) -> Path:
        init(infra / path)
        return infra / path

    return initialize


@pytest.fixture(scope="session")
def runs(module: Module) -> Runs:
    """Runs of test files."""

    @cache
    def run(file: str) -> dict[str, Run]:
        path = PurePosixPath(file)
        return run_test_file(module(str(path.parents[1])), path.name)

    return run


@pytest.fixture
def changes(runs: Runs, plan: str) -> Changes:
    """The changes of the plan that the test's parameter `plan` names."""
    return runs(PLANS[plan])[plan].changes
