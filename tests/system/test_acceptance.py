"""`make acceptance` where it has no cloud, and how it ends the programs that it started."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.acceptance.processes import Processes, StoppedError
from tests.support import ROOT
from tests.support.launcher import processes_of
from tests.support.patience import PATIENCE_SECONDS, until

# A program that starts another one, as Terraform starts its providers, and waits for it.
_PARENT = """
import subprocess, sys, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
child.wait()
"""


def run_acceptance(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program with only these variables for a cloud."""
    of_a_cloud = ("PROJECT", "REGION", "FAKEGCP", "REAL_TF_MIRROR")
    kept = {name: value for name, value in os.environ.items() if name not in of_a_cloud}
    return subprocess.run(
        [sys.executable, "-m", "tests.acceptance", *arguments],
        cwd=ROOT,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def test_without_a_cloud_it_says_what_is_missing_and_succeeds() -> None:
    """So that continuous integration can call it everywhere and print the reason."""
    done = run_acceptance()

    assert done.returncode == 0
    assert "left out: REAL_TF_MIRROR and FAKEGCP are not set" in done.stdout


def test_wrong_settings_are_named_together() -> None:
    """An unknown step beside a variable without the other one."""
    done = run_acceptance("--only", "no-such-step", FAKEGCP="no/such/folder")

    assert done.returncode == 2
    for name in ("no-such-step", "no/such/folder", "REAL_TF_MIRROR"):
        assert name in done.stderr


def test_it_lists_its_steps() -> None:
    """Without a cloud too."""
    done = run_acceptance("--list")

    assert done.returncode == 0
    assert "destroy-protected" in done.stdout


@pytest.mark.parametrize("method", ["stop", "kill"])
def test_stopping_ends_a_program_and_what_it_started(method: str, tmp_path: Path) -> None:
    """The thread that waits for it sees the stop, and nothing is started afterwards."""
    processes, pid_file = Processes(), tmp_path / "pid"
    stopped: list[bool] = []

    def run() -> None:
        try:
            processes.run(
                (sys.executable, "-c", _PARENT, str(pid_file)),
                environment=os.environ,
                limit_seconds=PATIENCE_SECONDS,
            )
        except StoppedError:
            stopped.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    assert until(lambda: pid_file.exists() and pid_file.read_text() != "")
    session = os.getsid(int(pid_file.read_text()))
    getattr(processes, method)()
    thread.join(PATIENCE_SECONDS)

    assert stopped == [True]
    assert until(lambda: processes_of({session}) == [])
    with pytest.raises(StoppedError):
        processes.run(("true",), environment={}, limit_seconds=1)
