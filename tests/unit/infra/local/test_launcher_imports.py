"""What the launcher loads before it starts anything: as little as can be."""

import os
import subprocess
import sys

import pytest

from infra.local.processes.functions import ROOT

# Each takes a tenth of a second and more, which the first event would wait for.
HEAVY = (
    "cel",
    "google.api_core",
    "grpc",
    "httpx",
    "rich",
    "starlette",
    "uvicorn",
    "flask",
    "sqlite3",
)


@pytest.mark.parametrize("command", ["run", "serve"])
def test_nothing_heavy_is_loaded_first(command: str) -> None:
    """The modules of each command load none of the large libraries by themselves."""
    code = f"import sys, infra.local.__main__, infra.local.{command}; print(*sys.modules)"
    # Coverage, which would start in the child process, loads SQLite.
    environment = os.environ | {"PYTHONPATH": "functions", "COVERAGE_PROCESS_CONFIG": ""}
    loaded = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, text=True
    ).split()

    assert [name for name in HEAVY if name in loaded] == []
