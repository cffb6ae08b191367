"""Starting and stopping the emulators: quickly, wholly, and honestly where there are none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local.emulators import Emulators, Unavailable, start_emulators

STARTER = """
from infra.local.emulators import start_emulators
emulators = start_emulators(30)
print(*(host.split(":")[1] for host in emulators.environment.values()), flush=True)
input()
emulators.stop()
"""


@pytest.fixture
def fake_gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to write a gcloud into, first on the PATH."""
    folder = tmp_path / "sdk" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    gcloud = folder / "gcloud"
    gcloud.touch(mode=0o755)
    return gcloud


def alive(word: str) -> list[str]:
    """The command lines of running processes that contain `word`."""
    listing = subprocess.run(
        ["ps", "-ewwo", "stat=,args="], capture_output=True, text=True, check=True
    )
    lines = listing.stdout.splitlines()
    return [line for line in lines if word in line and not line.startswith("Z")]


def gone(word: str) -> bool:
    """Whether such processes are gone within five seconds."""
    deadline = time.monotonic() + 5
    while alive(word) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(word)


def reason(timeout_seconds: float = 5.0) -> str:
    """Why there are no emulators."""
    outcome = start_emulators(timeout_seconds)
    assert isinstance(outcome, Unavailable)
    return outcome.reason


def test_no_gcloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gcloud there are none, and that takes no time."""
    monkeypatch.setenv("PATH", "/nowhere")
    started = time.monotonic()

    assert "no gcloud" in reason()
    assert time.monotonic() - started < 0.5


def test_no_java(fake_gcloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java there are none."""
    monkeypatch.setenv("PATH", str(fake_gcloud.parent))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert "Java" in reason()


@pytest.mark.skipif(not shutil.which("java"), reason="needs Java")
class TestWithJava:
    """What may be wrong with a gcloud."""

    def test_gcloud_without_the_components(self, fake_gcloud: Path) -> None:
        """An installation that lacks them is not even asked."""
        (fake_gcloud.parent.parent / ".install").mkdir()

        assert "lacks pubsub's" in reason()

    def test_gcloud_that_fails(self, fake_gcloud: Path) -> None:
        """Its last words are the reason."""
        fake_gcloud.write_text("#!/bin/sh\necho you lack the component >&2; exit 1\n")

        assert "you lack the component" in reason()

    def test_gcloud_that_hangs(self, fake_gcloud: Path) -> None:
        """It counts as none when time is up, and none of its children is left."""
        mark = f"86{os.getpid()}"
        fake_gcloud.write_text(f"#!/bin/sh\nsleep {mark} & sleep {mark}\n")
        started = time.monotonic()

        assert "did not answer within 1 s" in reason(1.0)
        assert time.monotonic() - started < 3
        assert gone(f"sleep {mark}")


@pytest.mark.emulator
def test_running_emulators_are_used_and_left_running(emulators: Emulators) -> None:
    """What the environment names is not started again, nor stopped."""
    again = start_emulators(5, running=emulators.environment)
    assert isinstance(again, Emulators)
    again.stop()

    assert again.environment == emulators.environment
    assert isinstance(start_emulators(5, running=emulators.environment), Emulators)


@pytest.mark.emulator
@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("by", ["java", "gcloud"])
def test_nothing_is_left_behind(emulators: Emulators, fake_gcloud: Path, by: str, end: str) -> None:
    """Stopped, or the starting process killed with no chance to: the Java processes are gone."""
    # A gcloud that is not where its files are has to be run: it makes process groups of its own.
    real = shutil.which("gcloud", path=os.environ["PATH"].partition(os.pathsep)[2])
    if by == "gcloud":
        fake_gcloud.write_text(f'#!/bin/sh\n"{real}" "$@"\n')
    else:
        fake_gcloud.unlink()
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdin
    assert starter.stdout
    ports = starter.stdout.readline().split()
    assert all(alive(f"--port={port}") for port in ports)
    if end == "kill":
        starter.send_signal(signal.SIGKILL)
    starter.communicate("\n" if end == "stop" else None)

    assert len(ports) == 2
    assert all(gone(f"--port={port}") for port in ports)
