"""Child processes, functions, and the supervisor that restarts functions."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.processes.functions import Function, FunctionFailedError
from infra.local.processes.loopback import request
from infra.local.processes.process import Process
from infra.local.processes.supervisor import Supervisor
from tests.support.patience import until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def alive(session: int) -> list[str]:
    """The command lines of the processes in a session."""
    listing = subprocess.run(
        ["ps", "-ewwo", "sid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(session) and not row[1].startswith("Z")]


def test_stop_kills_all_children(tmp_path: Path) -> None:
    """After `stop` the session has no process; a second `stop` does nothing."""
    process = Process(["sh", "-c", "sleep 600 & sleep 600"], folder=tmp_path, log=tmp_path / "log")
    session = process.session()
    assert until(lambda: len(alive(session)) >= 3)

    process.stop()
    process.stop()

    assert until(lambda: not alive(session))
    assert process.ended()


def test_a_command_that_ends_is_noticed(tmp_path: Path) -> None:
    """When the command ends, `ended` is true and `last_line` returns its last output."""
    process = Process(["sh", "-c", "echo one; echo two"], folder=tmp_path, log=tmp_path / "log")

    assert until(process.ended)
    assert process.last_line() == "two"
    process.stop()


def test_stop_kills_the_command_even_if_the_watchdog_was_killed(tmp_path: Path) -> None:
    """If only the watchdog is killed, `stop` still kills the command."""
    process = Process(SLEEPER, folder=tmp_path, log=tmp_path / "log")
    session = process.session()
    assert until(lambda: process.last_line() == "up")

    os.kill(session, signal.SIGKILL)

    assert until(process.ended)
    process.stop()
    assert until(lambda: not alive(session))


def test_stop_removes_the_temporary_folder() -> None:
    """A process without a folder works in a temporary one, until `stop`."""
    process = Process([sys.executable, "-c", "import os; print(os.getcwd())"])
    assert until(process.ended)
    folder = Path(process.last_line())
    assert folder.is_dir()

    process.stop()

    assert not folder.exists()


def function(folder: Path, entry_point: str = "drain", **environment: str) -> Function:
    """A function whose log is in `folder`; without settings it responds with 500 to a POST."""
    return Function("mine", entry_point, environment, folder)


def test_requests_wait_for_a_function_that_starts(tmp_path: Path) -> None:
    """The port is open from the beginning: a request gets its response when the function is up."""
    mine = function(tmp_path)
    try:
        mine.start()
        status, _ = request(mine.url, timeout=60)
    finally:
        mine.close()

    assert status == 405


def test_one_worker_as_deployed(tmp_path: Path) -> None:
    """A function is a gunicorn with one worker; `close` kills both processes."""
    mine = function(tmp_path)
    try:
        mine.start()
        mine.wait()
        session = mine.session()
        running = [line for line in alive(session) if "functions_framework" in line]
    finally:
        mine.close()

    # The watchdog's two shells have the command line in theirs.
    assert len([line for line in running if not line.startswith("/bin/sh")]) == 2
    assert until(lambda: not alive(session))


def test_a_function_that_does_not_start_reports_why(tmp_path: Path) -> None:
    """The error has the function's name, its last line of output, and the path of its log."""
    mine = function(tmp_path, "no_such_entry_point")
    try:
        mine.start()
        with pytest.raises(FunctionFailedError) as caught:
            mine.wait()
    finally:
        mine.close()

    assert "mine" in str(caught.value)
    assert "no_such_entry_point" in str(caught.value)
    assert str(tmp_path / "mine.log") in str(caught.value)


def test_waiting_for_a_function_that_was_not_started_fails(tmp_path: Path) -> None:
    """`wait` and `session` raise instead of hanging."""
    mine = function(tmp_path)
    try:
        with pytest.raises(FunctionFailedError, match="not started"):
            mine.wait()
        with pytest.raises(FunctionFailedError, match="not running"):
            mine.session()
    finally:
        mine.close()


def test_a_closed_function_stays_closed(tmp_path: Path) -> None:
    """`start` after `close` does nothing: a late thread must not leave a process behind."""
    mine = function(tmp_path)
    mine.close()

    mine.start()

    with pytest.raises(FunctionFailedError, match="not running"):
        mine.session()


def test_the_supervisor_restarts_a_function_that_was_killed(tmp_path: Path) -> None:
    """It reports the end, and the function responds at the same URL again."""
    sentences: list[str] = []
    mine = function(tmp_path)
    supervisor = Supervisor([mine], sentences.append)
    try:
        mine.start()
        mine.wait()
        supervisor.start()
        session = mine.session()
        for line in subprocess.check_output(["pgrep", "-s", str(session)], text=True).split():
            os.kill(int(line), signal.SIGKILL)
        assert until(lambda: bool(sentences))
        status, _ = request(mine.url, timeout=60)
    finally:
        supervisor.stop()
        mine.close()

    assert status == 405
    assert "Function mine ended by itself" in sentences[0]
