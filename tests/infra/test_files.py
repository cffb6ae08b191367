"""The Terraform files: format, validity, a security scan, and their own tests."""

import json
import subprocess
from collections.abc import Iterator

import hcl2
import pytest

from tests.infra.conftest import Module, Runs
from tests.support import ROOT
from tests.support.terraform import terraform

INFRA = ROOT / "infra"
SCANNER = ROOT / ".venv-scanner" / "bin" / "checkov"


def run_blocks() -> Iterator[tuple[str, str]]:
    """Yield file and name of each run block."""
    for file in sorted(INFRA.rglob("*.tftest.hcl")):
        with file.open(encoding="utf-8") as text:
            for block in hcl2.load(text)["run"]:
                names = (name.strip('"') for name in block)
                yield from ((file.relative_to(INFRA).as_posix(), name) for name in names)


def test_the_files_are_formatted() -> None:
    """`terraform fmt -recursive infra` changes nothing."""
    completed = terraform(INFRA, "fmt", "-check", "-diff", "-recursive")

    assert completed.returncode == 0, completed.stdout


def test_the_root_is_valid(module: Module) -> None:
    """`terraform validate` accepts it, with all modules, without a warning."""
    completed = terraform(module("."), "validate", "-json", "-no-tests")

    assert json.loads(completed.stdout)["diagnostics"] == []


def test_the_scanner_finds_nothing() -> None:
    """Every skipped check has a reason in the file. Examples have the same resources."""
    options = ("--framework", "terraform", "--skip-download", "--skip-path", "examples")
    completed = subprocess.run(
        [SCANNER, "--directory", INFRA, *options, "--compact", "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads(completed.stdout)["results"]

    assert {f"{each['check_id']} {each['resource']}" for each in results["failed_checks"]} == set()
    assert all(each["check_result"]["suppress_comment"] for each in results["skipped_checks"])
    assert results["passed_checks"]
    assert results["parsing_errors"] == []


@pytest.mark.parametrize(("file", "name"), list(run_blocks()))
def test_a_run_passes(runs: Runs, file: str, name: str) -> None:
    """Every assertion is true; what the run expects to fail fails."""
    run = runs(file)[name]

    assert (run.status, run.problems) == ("pass", [])


def test_each_example_is_planned() -> None:
    """`examples.tftest.hcl` has a run for each folder."""
    folders = {each.parent.name for each in INFRA.glob("examples/*/main.tf")}
    planned = {name for file, name in run_blocks() if file == "tests/examples.tftest.hcl"}

    assert planned == {folder.replace("-", "_") for folder in folders}
