"""The Terraform files: format, validity, a security scan, and their own tests."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hcl2
import pytest

from tests.infra.conftest import Runs
from tests.support import ROOT
from tests.support.terraform import terraform

TESTS = ROOT / "infra" / "tests"
SCANNER = ROOT / ".venv-scanner" / "bin" / "checkov"


def run_blocks() -> Iterator[tuple[str, str]]:
    """Yield file and name of each run block."""
    for file in sorted(TESTS.glob("*.tftest.hcl")):
        with file.open(encoding="utf-8") as text:
            for block in hcl2.load(text)["run"]:
                yield from ((file.name, name.strip('"')) for name in block)


def test_the_files_are_formatted() -> None:
    """`terraform fmt -recursive infra` changes nothing."""
    completed = terraform(ROOT / "infra", "fmt", "-check", "-diff", "-recursive")

    assert completed.returncode == 0, completed.stdout


def test_the_files_are_valid(infra: Path) -> None:
    """`terraform validate` accepts them."""
    completed = terraform(infra, "validate")

    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_the_scanner_finds_nothing() -> None:
    """Every skipped check has a reason in the file."""
    options = ("--framework", "terraform", "--skip-download", "--compact", "--output", "json")
    completed = subprocess.run(
        [SCANNER, "--directory", ROOT / "infra", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    results = json.loads(completed.stdout)["results"]

    assert [f"{each['check_id']} {each['resource']}" for each in results["failed_checks"]] == []
    assert all(each["check_result"]["suppress_comment"] for each in results["skipped_checks"])
    assert results["passed_checks"]
    assert results["parsing_errors"] == []


@pytest.mark.parametrize(("file", "name"), list(run_blocks()))
def test_a_run_passes(runs: Runs, file: str, name: str) -> None:
    """Every assertion is true; a wrong variable fails its own validation."""
    run = runs(file)[name]

    assert (run.status, run.problems) == ("pass", [])
