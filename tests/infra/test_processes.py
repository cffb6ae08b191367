"""Processes that Terraform starts end with it."""

import os
import time
from pathlib import Path

import pytest

from tests.support.terraform import terraform

PROVIDER = """#!/bin/sh
sleep 3600 >/dev/null 2>&1 &
echo $!
"""


def test_processes_that_terraform_leaves_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers keep running when Terraform is killed."""
    fake = tmp_path / "terraform"
    fake.write_text(PROVIDER)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    provider = Path("/proc") / terraform(tmp_path, "test").stdout.strip()

    while provider.exists() and " Z " not in (provider / "stat").read_text():
        time.sleep(0.01)
