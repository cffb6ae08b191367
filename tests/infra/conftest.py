"""One copy of `infra/` and one run of each test file, shared by all tests."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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

# A test may wait for all runs.
_TIMEOUT_SECONDS = 1_800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the timeout of the tests in this folder; those that wait for test files run last."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS))
    waiting = set(filter(find_test_file, ours))
    items.sort(key=waiting.__contains__)


def find_test_file(item: pytest.Item) -> str | None:
    """Return the test file whose runs a test reads: its mark, or that of its parameter."""
    if mark := item.get_closest_marker("test_file"):
        return str(mark.args[0])
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


@pytest.fixture(scope="session", autouse=True)
def runs(request: pytest.FixtureRequest, module: Module) -> Iterator[Runs]:
    """Runs of test files. Those that the tests need start at once, one on each CPU."""
    files = dict.fromkeys(filter(None, map(find_test_file, request.session.items)))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        started = {
            file: threads.submit(run_test_file, module(folder(file)), PurePosixPath(file).name)
            for file in files
        }
        yield lambda file: started[file].result()
        threads.shutdown(cancel_futures=True)


def folder(file: str) -> str:
    """The module of a test file."""
    return str(PurePosixPath(file).parents[1])


@pytest.fixture
def changes(runs: Runs, plan: str) -> Changes:
    """The changes of the plan that the test's parameter `plan` names."""
    return runs(PLANS[plan])[plan].changes
