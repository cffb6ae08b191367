"""Emulators of Google's services on this machine: start, wait until they answer, stop.

Google's own of Pub/Sub and Firestore, and fake-gcs-server, as Google has none of Cloud Storage.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException

from infra.local.clouds.emulator_commands import NotHereError, emulator_command
from infra.local.processes.loopback import ask
from infra.local.processes.process import Process, free_port

_VARIABLES = {
    "pubsub": "PUBSUB_EMULATOR_HOST",
    "firestore": "FIRESTORE_EMULATOR_HOST",
    "storage": "STORAGE_EMULATOR_HOST",
}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """There are no emulators here, and why: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Emulators:
    """All emulators, answering. Those that were there before are never stopped.

    Pub/Sub's and Firestore's are at `host:port`, that of Cloud Storage at `http://host:port`.
    """

    pubsub_host: str
    firestore_host: str
    storage_host: str
    _processes: tuple[tuple[str, Process], ...] = field(default=(), repr=False)
    _started: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Google's libraries find the emulators."""
        return {
            _VARIABLES["pubsub"]: self.pubsub_host,
            _VARIABLES["firestore"]: self.firestore_host,
            _VARIABLES["storage"]: self.storage_host,
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
    """Start all emulators at once on free ports of 127.0.0.1; return when all answer.

    `running` is an environment: an emulator that its `*_EMULATOR_HOST` names is used as it is
    instead of starting one. Ends within `timeout_seconds`. Where it returns `Unavailable`, nothing
    is left running; nor when this process ends, in whatever way.
    """
    return StartingEmulators(timeout_seconds, running=running).wait()


class StartingEmulators:
    """All emulators on their way, as in `start_emulators`: there is time for other things."""

    def __init__(self, timeout_seconds: float, *, running: Mapping[str, str] | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._started = ExitStack()
        self._hosts: dict[str, str] = {}
        self._processes: dict[str, Process] = {}
        self._unavailable: Unavailable | None = None
        for name, variable in _VARIABLES.items():
            self._hosts[name] = _host(name, (running or {}).get(variable, ""))
            if not self._hosts[name] and self._unavailable is None:
                self._start(name)

    def wait(self) -> Emulators | Unavailable:
        """Return when all answer, or when it is clear that they will not."""
        for name in _VARIABLES:
            self._unavailable = self._unavailable or self._wait(name)
        if self._unavailable is not None:
            self.stop()
            return self._unavailable
        processes = tuple(self._processes.items())
        hosts = self._hosts
        return Emulators(
            hosts["pubsub"],
            hosts["firestore"],
            hosts["storage"],
            processes,
            self._started.pop_all(),
        )

    def stop(self) -> None:
        """Kill what was started; nothing to do after `wait`."""
        self._started.close()

    def _start(self, name: str) -> None:
        port = free_port()
        try:
            command = emulator_command(name, port)
        except NotHereError as error:
            self._unavailable = Unavailable(str(error))
            return
        self._hosts[name] = _host(name, f"127.0.0.1:{port}")
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


def _host(name: str, host: str) -> str:
    """Return a host in the form of its variable: of the three, the last comes with a scheme."""
    plain = name != "storage" or not host or "://" in host
    return host if plain else f"http://{host}"


def _answers(host: str) -> bool:
    """Return whether the emulator answers HTTP, as those of gRPC do on the same port."""
    try:
        ask(host if "://" in host else f"http://{host}/", timeout=1.0)
    except (OSError, HTTPException):
        return False
    return True
