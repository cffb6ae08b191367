"""`.ci/run`: which commands it runs, how it prints them, and what it reports."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.patience import PATIENCE_SECONDS, until

# Says what it was called with, a line at a time, and fails or waits if `FAIL` or `WAIT` says so.
MAKE = """#!/usr/bin/env bash
for line in 1 2 3; do echo "line $line of $*"; sleep 0.01; done
if [ "${WAIT:-}" = "$*" ]; then echo $$ > "$STARTED"; sleep 3600; fi
if [ "${FAIL:-}" = "$*" ]; then exit 7; fi
"""
FIRST = ["make run", "make check"]
TOGETHER = [
    "make test SESSION=tests",
    "make test SESSION=others",
    "make test-infra",
    "env BACKEND=embedded make run",
    "make bench BENCH=--quick",
    "make acceptance",
]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose `make` runs nothing."""
    make = tmp_path / "make"
    make.write_text(MAKE, encoding="utf-8")
    make.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHON": "python3"}


def run_ci(environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output."""
    done = subprocess.run(
        [ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_every_step_runs_and_is_printed_whole(environment: dict[str, str]) -> None:
    """The first ones one by one, the others together, without mixing their lines."""
    code, output = run_ci(environment)
    steps = re.findall(r"\n===== (.+)\n((?:line .+\n)+)===== ok after \d+ s: (.+)\n", output)

    assert code == 0
    assert [name for name, _, _ in steps[:2]] == FIRST
    assert sorted(name for name, _, _ in steps[2:]) == sorted(TOGETHER)
    for name, lines, ended in steps:
        arguments = name.rpartition("make ")[2]
        assert lines == "".join(f"line {line} of {arguments}\n" for line in (1, 2, 3))
        assert ended == name


def test_a_failed_step_names_itself_and_ends_what_needs_it(environment: dict[str, str]) -> None:
    """Nothing after `make check` runs."""
    code, output = run_ci(environment | {"FAIL": "check"})

    assert code == 7
    assert re.search(r"===== FAILED with 7 after \d+ s: make check\n$", output)


@pytest.mark.parametrize("failing", ["test SESSION=others", "test-infra"])
def test_the_others_run_when_one_of_them_fails(environment: dict[str, str], failing: str) -> None:
    """Their results are reported too."""
    code, output = run_ci(environment | {"FAIL": failing})

    assert code == 7
    assert re.findall(r"===== FAILED with 7 after \d+ s: (.+)\n", output) == [f"make {failing}"]
    assert len(re.findall(r"===== ok after", output)) == len(FIRST + TOGETHER) - 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_its_steps(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """No command keeps running."""
    started = tmp_path / "started"
    process = subprocess.Popen(
        [ROOT / ".ci" / "run"],
        env=environment | {"WAIT": "test-infra", "STARTED": str(started)},
        stdout=subprocess.DEVNULL,
    )
    assert until(lambda: started.exists() and bool(started.read_text(encoding="utf-8").strip()))
    step = Path("/proc", started.read_text(encoding="utf-8").strip())

    process.send_signal(number)

    assert process.wait(PATIENCE_SECONDS) != 0
    assert until(lambda: not step.exists())
