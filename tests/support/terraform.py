"""Terraform over a copy of `infra/`, so that nothing it writes is left behind."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import ROOT

# Providers come from there, or are downloaded: from a mirror that TERRAFORM_PLUGIN_DIR names, or
# one that stands beside the repository.
_MIRROR = ROOT.parent / "shared" / "terraform"
# What no plan reads: the local stack, what Terraform and Python leave behind.
_LEFT_OUT = shutil.ignore_patterns(
    "local", "backend.tf", "*.tfvars", ".terraform*", ".build", "*.tfstate*", "__pycache__"
)


@dataclass(slots=True)
class Run:
    """A run block of a test file: how it went, and the changes of what it planned."""

    status: str = "did not run"
    problems: list[str] = field(default_factory=list)
    changes: list[Mapping[str, Any]] = field(default_factory=list)


def copied(folder: Path) -> Path:
    """Copy what plans are made of; `infra` in that copy, its providers there."""
    for name in ("infra", "functions"):
        shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
    mirror = os.environ.get("TERRAFORM_PLUGIN_DIR", str(_MIRROR if _MIRROR.is_dir() else ""))
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    done = terraform(folder / "infra", "init", "-backend=false", "-input=false", *plugins)
    if done.returncode:
        source = f"the mirror {mirror}" if mirror else "HashiCorp's registry"
        raise RuntimeError(f"No providers from {source}:\n{done.stdout}{done.stderr}")
    return folder / "infra"


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Terraform there, and end all that it started with it."""
    if shutil.which("terraform") is None:
        raise RuntimeError("Install Terraform: https://developer.hashicorp.com/terraform/install")
    quiet = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    command = ["terraform", *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **quiet},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate()
    finally:
        # Its providers are processes that outlive it when it is killed, as by a test's timeout.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def tested(folder: Path, file: str) -> dict[str, Run]:
    """Run one test file; each of its runs by name."""
    done = terraform(folder, "test", f"-filter=tests/{file}", "-json", "-verbose")
    runs: dict[str, Run] = {}
    for message in _messages(done.stdout):
        run = runs.setdefault(message.get("@testrun", ""), Run())
        match message["type"]:
            case "test_run" if "status" in message["test_run"]:
                run.status = message["test_run"]["status"]
            case "test_plan":
                run.changes = message["test_plan"].get("resource_changes", [])
            case "diagnostic" if message["diagnostic"]["severity"] == "error":
                found = message["diagnostic"]
                run.problems.append(f"{found['summary']}: {found['detail']}")
    return runs


def _messages(output: str) -> Iterator[dict[str, Any]]:
    """Terraform's messages; what is no JSON is its word about something else."""
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
