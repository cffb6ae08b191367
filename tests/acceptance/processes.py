"""Programs that this run starts, and that end with it."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class StoppedError(Exception):
    """The run was stopped: no program is started any more."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program returned and printed."""

    code: int
    output: str
    errors: str


class Processes:
    """Starts programs, each in a process group of its own, and stops all of them together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self,
        command: tuple[str, ...],
        *,
        environment: Mapping[str, str],
        limit_seconds: float,
        folder: Path | None = None,
        stdin: str | None = None,
    ) -> Completed:
        """Run a program to its end; after the limit it is killed, and its code is not 0.

        Raises `StoppedError` if the run was stopped before or while the program ran.
        """
        process = self._start(command, environment, folder)
        try:
            output, errors = process.communicate(stdin, timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            signal_group(process, signal.SIGKILL)
            output, errors = process.communicate()
            errors += f"\nKilled after {limit_seconds:g} seconds."
        finally:
            # The providers of a killed Terraform are in its group.
            signal_group(process, signal.SIGKILL)
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise StoppedError
        return Completed(process.returncode, output, errors)

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl-C does, and start nothing else. It returns at once."""
        self._signal_all(signal.SIGINT)

    def kill(self) -> None:
        """Kill what runs, and start nothing else."""
        self._signal_all(signal.SIGKILL)

    def _start(
        self, command: tuple[str, ...], environment: Mapping[str, str], folder: Path | None
    ) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise StoppedError
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _signal_all(self, number: signal.Signals) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                signal_group(process, number)


def signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to a process and to those that it started, if any is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
