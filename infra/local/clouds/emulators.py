"""Emulators of Google's services on this machine: start, wait until they respond, stop.

Google has emulators for Pub/Sub and Firestore. fake-gcs-server emulates Cloud Storage.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException

from infra.local.clouds.emulator_commands import EmulatorUnavailableError, find_emulator_command
from infra.local.processes.loopback import free_port, request
from infra.local.processes.process import Process

_VARIABLES = {
    "pubsub": "PUBSUB_EMULATOR_HOST",
    "firestore": "FIRESTORE_EMULATOR_HOST",
    "storage": "STORAGE_EMULATOR_HOST",
}
# Between the choice of a free port and its use, another program may bind it. The Pub/Sub emulator
# then prints this exception, and its process stays.
_PORT_IN_USE = "java.net.BindException"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The emulators cannot be used; `reason` is one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Emulators:
    """All emulators, running. `stop` never stops emulators that were running before.

    The hosts of Pub/Sub and Firestore are `host:port`, that of Cloud Storage `http://host:port`.
    """

    pubsub_host: str
    firestore_host: str
    storage_host: str
    _processes: tuple[tuple[str, Process], ...] = field(default=(), repr=False)
    _started: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which Google's libraries find the emulators."""
        return {
            _VARIABLES["pubsub"]: self.pubsub_host,
            _VARIABLES["firestore"]: self.firestore_host,
            _VARIABLES["storage"]: self.storage_host,
        }

    def crash_report(self) -> str:
        """Return a sentence if one that was started here ended unexpectedly, else ""."""
        for name, process in self._processes:
            if process.ended():
                return f"The {name} emulator ended by itself: {process.last_line()}"
        return ""

    def stop(self) -> None:
        """Kill what was started, with all its children. May be called more than once."""
        self._started.close()


def start_emulators(
    timeout_seconds: float = 20.0, *, running: Mapping[str, str] | None = None
) -> Emulators | Unavailable:
    """Start all emulators concurrently on free ports of 127.0.0.1; return when all respond.

    `running` is an environment: an emulator that its `*_EMULATOR_HOST` names is used, not started.
    Ends within `timeout_seconds`. After `Unavailable`, and after this process has ended for any
    reason, nothing is left running.
    """
    return StartingEmulators(timeout_seconds, running=running).wait()


class StartingEmulators:
    """Emulators that are starting, as in `start_emulators`, while the caller does other work.

    `java_options` are those of the Java machines that it starts.
    """

    def __init__(
        self,
        timeout_seconds: float,
        *,
        running: Mapping[str, str] | None = None,
        java_options: str = "",
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._java_options = java_options
        self._started = ExitStack()
        self._hosts: dict[str, str] = {}
        self._processes: dict[str, Process] = {}
        self._unavailable: Unavailable | None = None
        for name, variable in _VARIABLES.items():
            self._hosts[name] = _complete_host(name, (running or {}).get(variable, ""))
            if not self._hosts[name] and self._unavailable is None:
                self._start(name)

    def wait(self) -> Emulators | Unavailable:
        """Return when all respond, or when one has ended or timed out."""
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
        """Kill what was started. Does nothing after `wait`."""
        self._started.close()

    def _start(self, name: str) -> None:
        port = free_port()
        try:
            command = find_emulator_command(name, port)
        except EmulatorUnavailableError as error:
            self._unavailable = Unavailable(str(error))
            return
        self._hosts[name] = _complete_host(name, f"127.0.0.1:{port}")
        # A gcloud that lacks a component asks whether to install it, and waits.
        environment = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
        if self._java_options:
            environment["JAVA_TOOL_OPTIONS"] = self._java_options
        self._processes[name] = Process(command, environment=environment)
        self._started.callback(self._processes[name].stop)

    def _wait(self, name: str) -> Unavailable | None:
        may_retry = True
        while True:
            # Check the process first: another program may have bound the port and respond on it.
            process = self._processes.get(name)
            if process and (process.ended() or process.has_printed(_PORT_IN_USE)):
                is_port_in_use = process.has_printed(_PORT_IN_USE) or _responds(self._hosts[name])
                if not (may_retry and is_port_in_use):
                    return Unavailable(f"The {name} emulator ended: {process.last_line()}")
                may_retry = False
                process.stop()
                self._start(name)
                continue
            if _responds(self._hosts[name]):
                return None
            if time.monotonic() > self._deadline:
                output = f"; its last line: {process.last_line()}" if process else ""
                return Unavailable(
                    f"The {name} emulator at {self._hosts[name]} did not respond within "
                    f"{self._timeout_seconds:g} s{output}"
                )
            time.sleep(0.05)


def _complete_host(name: str, host: str) -> str:
    """Return a host in the form of its variable: only that of Cloud Storage has a scheme."""
    is_complete = name != "storage" or not host or "://" in host
    return host if is_complete else f"http://{host}"


def _responds(host: str) -> bool:
    """Return whether the emulator responds to HTTP. gRPC emulators do so on the same port."""
    try:
        request(host if "://" in host else f"http://{host}/", timeout=1.0)
    except (OSError, HTTPException):
        return False
    return True
