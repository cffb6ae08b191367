"""What `make deploy` installs, with a made-up Python that records its arguments."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.processes.functions import ROOT

LOCKS = ("infra/deploy/requirements.txt", "infra/local/requirements.txt")
# Prints the packages whose modules the command line has loaded.
IMPORTED = """
import sys, importlib.metadata as metadata
import infra.deploy.run, videovector_bridge.cli.app
for module, names in metadata.packages_distributions().items():
    if module in sys.modules and getattr(sys.modules[module], "__file__", None):
        print(*names, sep="\\n")
"""
OPTIONAL = {
    "click",  # httpx uses it for a command line of its own, if it is installed
    "setuptools",  # its hook is loaded by every Python that has it
    "videovector-bridge",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with the Makefile, the locks, and a virtual environment without anything."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for lock in LOCKS:
        (tmp_path / lock).parent.mkdir(parents=True)
        shutil.copy(ROOT / lock, tmp_path / lock)
        os.utime(tmp_path / lock, (1_000_000_000, 1_000_000_000))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\n', encoding="utf-8")
    python.chmod(0o755)
    return tmp_path


def make(repository: Path, target: str) -> list[str]:
    """Run make; return what Python was called with."""
    calls = repository / "calls"
    calls.unlink(missing_ok=True)
    subprocess.run(["make", "-s", target], cwd=repository, check=True, stdout=subprocess.PIPE)
    return calls.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("target", ["plan", "deploy", "destroy"])
def test_only_the_lock_of_deploy_is_installed_and_once(repository: Path, target: str) -> None:
    """Not the emulators, the stand-in or the libraries of the functions."""
    first, second = make(repository, target), make(repository, target)

    installed = [line for line in first if " -r " in line]
    assert [line.split()[-2:] for line in installed] == [["-r", "infra/deploy/requirements.txt"]]
    assert "--require-hashes" in installed[0]
    assert first[-1] == f"-m infra.deploy {target}"
    assert second == [f"-m infra.deploy {target}"]


def test_an_environment_that_has_more_is_used_as_it_is(repository: Path) -> None:
    """`make run` or `make test` installed it."""
    (repository / ".venv" / "local.done").touch()

    assert make(repository, "deploy") == ["-m infra.deploy deploy"]


def test_an_environment_with_an_older_lock_is_updated(repository: Path) -> None:
    """It may lack what deploying needs."""
    marker = repository / ".venv" / "local.done"
    marker.touch()
    os.utime(marker, (900_000_000, 900_000_000))

    assert len(make(repository, "deploy")) > 1


def test_the_lock_has_what_the_command_line_imports() -> None:
    """`make deploy` runs it to check filters."""
    completed = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    lock = (ROOT / LOCKS[0]).read_text(encoding="utf-8")
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    imported = {name.lower().replace("_", "-") for name in completed.stdout.split()}

    assert imported > {"typer", "common-expression-language"}
    assert imported - locked - OPTIONAL == set()
