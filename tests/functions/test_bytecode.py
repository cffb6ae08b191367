"""The bytecode of a deployed package: a start uses it, whatever times the files have."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bench.cold_start.package import build_package

MODULE = "videovector_bridge.settings"


def modules_compiled_again(source: Path) -> list[str]:
    """Import a room of the package at `source`; return the lines of Python on stale bytecode."""
    environment = os.environ | {"PYTHONPATH": str(source.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    trace = subprocess.run(
        [sys.executable, "-v", "-c", f"import {MODULE}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert f"import '{MODULE}'" in trace
    return [line for line in trace.splitlines() if "stale" in line and "videovector_" in line]


def test_a_start_uses_the_bytecode_of_the_build(tmp_path: Path) -> None:
    """With the variables of the build, no module is compiled again."""
    source = build_package(Path(sys.executable), tmp_path / "package")

    assert modules_compiled_again(source) == []


def test_without_the_variables_each_start_compiles(tmp_path: Path) -> None:
    """The reason for these variables. Where this fails, they are no longer necessary."""
    source = build_package(Path(sys.executable), tmp_path / "package", checked_by_hash=False)

    assert modules_compiled_again(source)
