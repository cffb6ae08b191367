"""Starting and stopping the emulators: quickly, wholly, and honestly where there are none."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from infra.local.clouds import emulator_commands
from infra.local.clouds.emulators import Emulators, Unavailable, start_emulators
from tests.support.patience import PATIENCE_SECONDS, until
from tests.support.peers import refusing_server, stalled_server

STARTER = """
import os
from infra.local.clouds.emulators import start_emulators
emulators = start_emulators(30, running=os.environ)
print(*(host.rpartition(":")[2] for host in emulators.environment.values()), flush=True)
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
    """Whether such processes go away."""
    return until(lambda: not alive(word))


def start_and_end(end: str, environment: Mapping[str, str]) -> list[str]:
    """Have a process start emulators and `stop` them, or `kill` it; the ports that they had."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert starter.stdin
    assert starter.stdout
    ports = starter.stdout.readline().split()
    served = (port for port in ports if port not in " ".join(environment.values()))
    assert all(alive(f"--port={port}") for port in served)
    if end == "kill":
        starter.send_signal(signal.SIGKILL)
    starter.communicate("\n" if end == "stop" else None)
    return ports


@pytest.fixture
def others() -> Iterator[dict[str, str]]:
    """An environment in which Pub/Sub and Firestore answer, so that only the third is started."""
    with refusing_server(404, "not what is asked here") as host:
        yield {"PUBSUB_EMULATOR_HOST": host, "FIRESTORE_EMULATOR_HOST": host}


def reason(timeout_seconds: float = 5.0, running: Mapping[str, str] | None = None) -> str:
    """Why there are no emulators."""
    outcome = start_emulators(timeout_seconds, running=running)
    assert isinstance(outcome, Unavailable)
    return outcome.reason


def test_no_gcloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gcloud there are none, and nothing is waited for."""
    monkeypatch.setenv("PATH", "/nowhere")
    started = time.monotonic()

    assert "no gcloud" in reason(timeout_seconds=10 * PATIENCE_SECONDS)
    assert time.monotonic() - started < PATIENCE_SECONDS


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
        assert time.monotonic() - started < PATIENCE_SECONDS
        assert gone(f"sleep {mark}")


def test_no_program_of_cloud_storage(
    others: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a program for this machine there are none, as if Google's were missing."""
    monkeypatch.setattr(emulator_commands, "_STORAGE_PACKAGE", "no_such_package")

    assert "fake-gcs-server has no program for this machine" in reason(running=others)


def test_program_of_cloud_storage_that_is_not_for_this_machine(
    others: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words are the reason."""
    (tmp_path / "broken" / "bin").mkdir(parents=True)
    program = tmp_path / "broken" / "bin" / "fake-gcs-server-plan9"
    program.touch(mode=0o755)
    program.write_text("#!/bin/sh\necho wrong machine >&2; exit 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(emulator_commands, "_STORAGE_PACKAGE", "broken")

    assert reason(running=others) == "The storage emulator ended: wrong machine"


def test_cloud_storage_that_is_silent(others: dict[str, str]) -> None:
    """One that the environment names and that does not answer counts as none when time is up."""
    started = time.monotonic()
    with stalled_server() as host:
        said = reason(1.0, running=others | {"STORAGE_EMULATOR_HOST": f"http://{host}"})

    assert said == f"The storage emulator at http://{host} did not answer within 1 s"
    assert time.monotonic() - started < PATIENCE_SECONDS


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_cloud_storage_that_is_there_is_used(others: dict[str, str], scheme: str) -> None:
    """What the environment names is not started again; libraries get the form that they read."""
    host = others["PUBSUB_EMULATOR_HOST"]
    emulators = start_emulators(5, running=others | {"STORAGE_EMULATOR_HOST": f"{scheme}{host}"})
    assert isinstance(emulators, Emulators)
    emulators.stop()

    assert emulators.environment["STORAGE_EMULATOR_HOST"] == f"http://{host}"


def test_cloud_storage_that_ends_is_told(others: dict[str, str]) -> None:
    """Whoever runs on it learns that it is gone, and which."""
    emulators = start_emulators(20, running=others)
    assert isinstance(emulators, Emulators)
    assert emulators.trouble() == ""
    port = emulators.storage_host.rpartition(":")[2]
    found = subprocess.check_output(["pgrep", "-f", f"fake-gcs-server.*--port={port}"], text=True)
    for pid in map(int, found.split()):
        with suppress(ProcessLookupError):  # its keeper's line holds the words too, and ends it
            os.kill(pid, signal.SIGKILL)

    assert gone(f"--port={port}")
    assert emulators.trouble().startswith("The storage emulator ended by itself")
    emulators.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_cloud_storage_is_left_behind(others: dict[str, str], end: str) -> None:
    """Stopped, or the starting process killed with no chance to: the server is gone."""
    *_, port = start_and_end(end, os.environ | others)

    assert gone(f"--port={port}")


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
    ports = start_and_end(end, {k: v for k, v in os.environ.items() if "_EMULATOR_HOST" not in k})

    assert len(ports) == 3
    assert all(gone(f"--port={port}") for port in ports)
