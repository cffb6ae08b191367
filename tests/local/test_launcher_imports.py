"""The launcher imports no large library before it starts the first process."""

import os
import subprocess
import sys

import pytest

from infra.local.processes.functions import ROOT

# Each takes at least a tenth of a second, and delays the first event by that.
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
def test_no_large_library_is_imported_first(command: str) -> None:
    """Importing the modules of a command imports none of the large libraries."""
    code = f"import sys, infra.local.__main__, infra.local.{command}; print(*sys.modules)"
    # Coverage, which would start in the child process, loads SQLite.
    environment = os.environ | {"PYTHONPATH": "functions", "COVERAGE_PROCESS_CONFIG": ""}
    loaded = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, text=True
    ).split()

    assert [name for name in HEAVY if name in loaded] == []
