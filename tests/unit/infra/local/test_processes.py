"""Child processes, the functions among them, and the watch over those."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from infra.local.processes.functions import Function, FunctionFailedError
from infra.local.processes.loopback import ask
from infra.local.processes.process import Process
from infra.local.processes.watch import Watch
from tests.support.patience import until

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def alive(session: int) -> list[str]:
    """The command lines of the session's processes."""
    listing = subprocess.run(
        ["ps", "-ewwo", "sid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    return [row[2] for row in rows if row[0] == str(session) and not row[1].startswith("Z")]


def test_stopping_ends_the_children_too(tmp_path: Path) -> None:
    """Nothing of the session is left after `stop`, which may be called again."""
    process = Process(["sh", "-c", "sleep 600 & sleep 600"], folder=tmp_path, log=tmp_path / "log")
    session = process.session()
    assert until(lambda: len(alive(session)) >= 3)

    process.stop()
    process.stop()

    assert until(lambda: not alive(session))
    assert process.ended()


def test_a_command_that_ends_is_noticed(tmp_path: Path) -> None:
    """When the command ends by itself it has ended, and its last words are known."""
    process = Process(["sh", "-c", "echo one; echo two"], folder=tmp_path, log=tmp_path / "log")

    assert until(process.ended)
    assert process.last_words() == "two"
    process.stop()


def test_the_keeper_may_be_killed(tmp_path: Path) -> None:
    """If somebody kills the keeper alone, `stop` still ends what it kept."""
    process = Process(SLEEPER, folder=tmp_path, log=tmp_path / "log")
    session = process.session()
    assert until(lambda: process.last_words() == "up")

    os.kill(session, signal.SIGKILL)

    assert until(process.ended)
    process.stop()
    assert until(lambda: not alive(session))


def test_a_scratch_folder_goes_with_the_process() -> None:
    """A process without a folder works in one that is removed at the end."""
    process = Process([sys.executable, "-c", "import os; print(os.getcwd())"])
    assert until(process.ended)
    folder = Path(process.last_words())
    assert folder.is_dir()

    process.stop()

    assert not folder.exists()


def function(folder: Path, entry_point: str = "drain", **environment: str) -> Function:
    """A function whose log is in `folder`; without settings it answers 500 to what it is asked."""
    return Function("mine", entry_point, environment, folder)


def test_requests_wait_for_a_function_that_starts(tmp_path: Path) -> None:
    """The port is there from the beginning: a request gets its answer once the function is up."""
    mine = function(tmp_path)
    try:
        mine.start()
        status, _ = ask(mine.url, timeout=60)
    finally:
        mine.close()

    assert status == 405


def test_one_worker_as_deployed(tmp_path: Path) -> None:
    """A function is a gunicorn with one worker, and all of it ends on `close`."""
    mine = function(tmp_path)
    try:
        mine.start()
        mine.wait()
        session = mine.session()
        running = [line for line in alive(session) if "functions_framework" in line]
    finally:
        mine.close()

    # The keeper's two shells carry the command line, too.
    assert len([line for line in running if not line.startswith("/bin/sh")]) == 2
    assert until(lambda: not alive(session))


def test_a_function_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    """The failure carries the function's name, its last words, and where its log is."""
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


def test_a_function_that_was_never_started_says_so(tmp_path: Path) -> None:
    """Waiting for it fails instead of hanging."""
    mine = function(tmp_path)
    try:
        with pytest.raises(FunctionFailedError, match="not started"):
            mine.wait()
        with pytest.raises(FunctionFailedError, match="not running"):
            mine.session()
    finally:
        mine.close()


def test_a_closed_function_stays_closed(tmp_path: Path) -> None:
    """Starting it after `close` starts nothing: whoever was late must not leave a process."""
    mine = function(tmp_path)
    mine.close()

    mine.start()

    with pytest.raises(FunctionFailedError, match="not running"):
        mine.session()


def test_a_function_that_dies_is_started_again(tmp_path: Path) -> None:
    """The watch says that it died, starts it again, and it answers at the same address."""
    said: list[str] = []
    mine = function(tmp_path)
    watch = Watch([mine], said.append)
    try:
        mine.start()
        mine.wait()
        watch.start()
        session = mine.session()
        for line in subprocess.check_output(["pgrep", "-s", str(session)], text=True).split():
            os.kill(int(line), signal.SIGKILL)
        assert until(lambda: bool(said))
        status, _ = ask(mine.url, timeout=60)
    finally:
        watch.stop()
        mine.close()

    assert status == 405
    assert "Function mine ended by itself" in said[0]


class Dying:
    """A function that is dead whenever one looks."""

    name = "dying"
    log = Path("dying.log")

    def __init__(self) -> None:
        self.revived = 0

    def revive(self) -> str:
        """Die once more."""
        self.revived += 1
        return "no luck"


def test_a_function_that_keeps_dying_is_started_less_and_less_often() -> None:
    """Pauses grow, up to half a minute, and begin anew after a long life."""
    dying, said = Dying(), cast("list[str]", [])
    watch = Watch([cast("Function", dying)], said.append)
    started_at = []
    for tenth in range(2_000):
        before = dying.revived
        watch._look(cast("Function", dying), 1_000 + tenth / 10)
        if dying.revived > before:
            started_at.append(tenth / 10)
    pauses = [later - earlier for earlier, later in itertools.pairwise(started_at)]

    assert pauses[:4] == pytest.approx([0.5, 1, 2, 4], abs=0.11)
    assert max(pauses) == pytest.approx(30, abs=0.11)
    watch._look(cast("Function", dying), 2_000)
    watch._look(cast("Function", dying), 2_000.6)
    assert said[-2:] == [said[0], said[0]]
