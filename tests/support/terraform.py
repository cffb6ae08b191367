"""Terraform in a copy of `infra/`, so that it writes nothing into the repository."""

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

# A mirror of the providers beside the repository. TERRAFORM_PLUGIN_DIR names another one; without
# a mirror, Terraform downloads them.
_MIRROR = ROOT.parent / "shared" / "terraform"
# Files that no plan reads: Python, and files that Terraform and Python write.
_IGNORED = shutil.ignore_patterns(
    "*.py", "local", "backend.tf", "*.tfvars", ".terraform*", ".build", "*.tfstate*", "__pycache__"
)
# Terraform needs seconds for each plan with all sources of the functions, so the copy has a few.
_SOURCES = (
    "main.py",
    "requirements.txt",
    "automations.toml",
    "videovector_bridge/__init__.py",
    "videovector_bridge/cli/__init__.py",
    "videovector_bridge/__pycache__/main.cpython-313.pyc",
)


@dataclass(slots=True)
class Run:
    """A run block of a test file: its status, its problems, and the planned changes."""

    status: str = "did not run"
    problems: list[str] = field(default_factory=list)
    changes: list[Mapping[str, Any]] = field(default_factory=list)


def copy_infra(folder: Path) -> Path:
    """Copy the files that a plan reads, with few sources of functions; return the new `infra`."""
    shutil.copytree(ROOT / "infra", folder / "infra", ignore=_IGNORED)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in _SOURCES:
        source = folder / "functions" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"# {name}\n", encoding="utf-8")
    return folder / "infra"


def init(folder: Path) -> None:
    """Run `terraform init` in a folder.

    Raises:
        RuntimeError: without Terraform, or without providers.
    """
    mirror = os.environ.get("TERRAFORM_PLUGIN_DIR", str(_MIRROR if _MIRROR.is_dir() else ""))
    plugins = [f"-plugin-dir={mirror}"] if mirror else []
    done = terraform(folder, "init", "-backend=false", "-input=false", *plugins)
    if done.returncode:
        source = f"the mirror {mirror}" if mirror else "HashiCorp's registry"
        raise RuntimeError(f"No providers from {source}:\n{done.stdout}{done.stderr}")


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Terraform in a folder, and kill every process that it started."""
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
        # Its providers keep running if Terraform is killed, for example by a test's timeout.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def run_test_file(folder: Path, file: str) -> dict[str, Run]:
    """Run one test file of a module; return its runs by name."""
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
                problem = message["diagnostic"]
                run.problems.append(f"{problem['summary']}: {problem['detail']}")
    return runs


def plan_problems(folder: Path, variables: Mapping[str, object]) -> list[str]:
    """Plan a module that needs no provider; return the sentences of all errors, in order.

    The folder may have state, and a `terraform.tfvars.json` with other variables.

    Raises:
        RuntimeError: if it fails without an error that names its reason.
    """
    (folder / "case.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
    done = terraform(folder, "plan", "-input=false", "-json", "-var-file=case.tfvars.json")
    problems = [
        message["diagnostic"]["detail"].partition("\n\nThis was checked by")[0]
        for message in _messages(done.stdout)
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    if bool(done.returncode) != bool(problems):
        raise RuntimeError(
            f"terraform plan ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return problems


def _messages(output: str) -> Iterator[dict[str, Any]]:
    """Yield Terraform's JSON messages; other lines are ignored."""
    for line in output.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
