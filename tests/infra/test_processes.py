"""Terraform's own processes end with it."""

import os
import time
from pathlib import Path

import pytest

from tests.support.terraform import terraform

PROVIDER = """#!/bin/sh
sleep 3600 >/dev/null 2>&1 &
echo $!
"""


def test_what_terraform_leaves_behind_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As providers, which stay when Terraform is killed."""
    made_up = tmp_path / "terraform"
    made_up.write_text(PROVIDER)
    made_up.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    provider = Path("/proc") / terraform(tmp_path, "test").stdout.strip()

    while provider.exists() and " Z " not in (provider / "stat").read_text():
        time.sleep(0.01)
