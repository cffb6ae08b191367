"""Google's Pub/Sub and Firestore emulators on this machine: start, wait until they answer, stop."""

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from infra.local.loopback import ask
from infra.local.processes import Process, free_port

_VARIABLES = {"pubsub": "PUBSUB_EMULATOR_HOST", "firestore": "FIRESTORE_EMULATOR_HOST"}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """There are no emulators here, and why: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Emulators:
    """Both emulators, answering at `host:port`. Those that were there before are never stopped."""

    pubsub_host: str
    firestore_host: str
    _processes: tuple[tuple[str, Process], ...] = field(default=(), repr=False)
    _started: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Google's libraries find the emulators."""
        return {
            _VARIABLES["pubsub"]: self.pubsub_host,
            _VARIABLES["firestore"]: self.firestore_host,
        }

    def trouble(self) -> str:
        """A sentence if one that was started has ended by itself; otherwise nothing."""
        for name, process in self._processes:
            if process.ended():
                return f"The {name} emulator ended by itself: {process.last_words()}"
        return ""

    def stop(self) -> None:
        """Kill what was started, with all its children. Safe to call again."""
        self._started.close()


def start_emulators(
    timeout_seconds: float = 20.0, *, running: Mapping[str, str] | None = None
) -> Emulators | Unavailable:
    """Start both emulators at once on free ports of 127.0.0.1; return when both answer.

    `running` is an environment: an emulator that its `*_EMULATOR_HOST` names is used as it is
    instead of starting one. Ends within `timeout_seconds`. Where it returns `Unavailable`, nothing
    is left running; nor when this process ends, in whatever way.
    """
    return StartingEmulators(timeout_seconds, running=running).wait()


class StartingEmulators:
    """Both emulators on their way, as in `start_emulators`: there is time for other things."""

    def __init__(self, timeout_seconds: float, *, running: Mapping[str, str] | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._started = ExitStack()
        self._hosts: dict[str, str] = {}
        self._processes: dict[str, Process] = {}
        self._unavailable: Unavailable | None = None
        for name, variable in _VARIABLES.items():
            self._hosts[name] = (running or {}).get(variable, "")
            if not self._hosts[name] and self._unavailable is None:
                self._start(name)

    def wait(self) -> Emulators | Unavailable:
        """Return when both answer, or when it is clear that they will not."""
        for name in _VARIABLES:
            self._unavailable = self._unavailable or self._wait(name)
        if self._unavailable is not None:
            self.stop()
            return self._unavailable
        processes = tuple(self._processes.items())
        hosts = self._hosts
        return Emulators(hosts["pubsub"], hosts["firestore"], processes, self._started.pop_all())

    def stop(self) -> None:
        """Kill what was started; nothing to do after `wait`."""
        self._started.close()

    def _start(self, name: str) -> None:
        port = free_port()
        command = _command(name, port)
        if isinstance(command, Unavailable):
            self._unavailable = command
            return
        self._hosts[name] = f"127.0.0.1:{port}"
        # A gcloud that lacks a component would ask whether to install it, and wait.
        environment = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
        self._processes[name] = Process(command, environment=environment)
        self._started.callback(self._processes[name].stop)

    def _wait(self, name: str) -> Unavailable | None:
        again = True
        while True:
            # Ended or not comes first: on a port that was taken, somebody else may answer.
            process = self._processes.get(name)
            if process and process.ended():
                if not (again and _answers(self._hosts[name])):
                    return Unavailable(f"The {name} emulator ended: {process.last_words()}")
                again = False
                self._start(name)
                continue
            if _answers(self._hosts[name]):
                return None
            if time.monotonic() > self._deadline:
                said = f"; it said last: {process.last_words()}" if process else ""
                return Unavailable(
                    f"The {name} emulator at {self._hosts[name]} did not answer within "
                    f"{self._timeout_seconds:g} s{said}"
                )
            time.sleep(0.05)


def _command(name: str, port: int) -> list[str] | Unavailable:
    """Return the command that starts an emulator: Java itself where its files are found.

    That is what gcloud runs too, after three seconds of its own.
    """
    gcloud = shutil.which("gcloud")
    if not gcloud:
        return Unavailable("There are no emulators here: no gcloud on the PATH.")
    java = _java()
    if not java:
        return Unavailable("There are no emulators here: they need Java, and there is none.")
    sdk = Path(gcloud).resolve().parent.parent
    address = ["--host=127.0.0.1", f"--port={port}"]
    if name == "pubsub":
        jars = sorted(sdk.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar"))
        if jars:
            return [java, "-jar", str(jars[-1]), *address]
    else:
        jar = sdk / "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
        main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
        if jar.exists():
            # The first compiler only: up sooner, and its work is not the sort that needs more.
            flags = ["-Duser.language=en", "-XX:TieredStopAtLevel=1"]
            mode = "--database-mode=firestore-native"
            return [java, *flags, "-cp", str(jar), main, "start", *address, mode]
    if (sdk / ".install").is_dir():
        return Unavailable(f"There are no emulators here: the gcloud in {sdk} lacks {name}'s.")
    command = [gcloud, "beta", "emulators", name, "start", f"--host-port=127.0.0.1:{port}"]
    # Pub/Sub's keeps a file in its folder: not one that two of them share.
    return [*command, "--quiet", *(["--data-dir=."] if name == "pubsub" else [])]


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return (home and shutil.which(f"{home}/bin/java")) or shutil.which("java")


def _answers(host: str) -> bool:
    """Return whether the emulator answers HTTP, which it does on the port of its gRPC."""
    try:
        ask(f"http://{host}/", timeout=1.0)
    except (OSError, HTTPException):
        return False
    return True
