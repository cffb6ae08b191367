"""The Terraform files: their form, whether they are valid, and their own tests."""

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
    """Each run of each test file."""
    for file in sorted(TESTS.glob("*.tftest.hcl")):
        with file.open(encoding="utf-8") as text:
            for block in hcl2.load(text)["run"]:
                yield from ((file.name, name.strip('"')) for name in block)


def test_they_are_in_form() -> None:
    """As `terraform fmt -recursive infra` puts them."""
    done = terraform(ROOT / "infra", "fmt", "-check", "-diff", "-recursive")

    assert done.returncode == 0, done.stdout


def test_they_are_valid(infra: Path) -> None:
    """By the schemas of the providers."""
    done = terraform(infra, "validate")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scanner_finds_nothing() -> None:
    """Save what says why it is an exception, where it stands."""
    options = ("--framework", "terraform", "--skip-download", "--compact", "--output", "json")
    done = subprocess.run(
        [SCANNER, "--directory", ROOT / "infra", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["results"]

    assert [f"{each['check_id']} {each['resource']}" for each in found["failed_checks"]] == []
    assert all(each["check_result"]["suppress_comment"] for each in found["skipped_checks"])
    assert found["passed_checks"]
    assert found["parsing_errors"] == []


@pytest.mark.parametrize(("file", "name"), list(run_blocks()))
def test_what_is_planned(runs: Runs, file: str, name: str) -> None:
    """Every assertion of a run holds; where a variable is wrong, it is the one that is named."""
    run = runs(file)[name]

    assert (run.status, run.problems) == ("pass", [])
