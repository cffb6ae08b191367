"""Functions, each in a process of its own under functions-framework, as deployed."""

import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from infra.local.processes.process import Process

ROOT = Path(__file__).resolve().parents[3]
LOGS = ROOT / "build" / "logs"
_SOURCE = ROOT / "functions" / "main.py"
_START_SECONDS = 60.0

# Passes our listening socket as descriptor 3 to gunicorn, which runs functions-framework, by the
# protocol of systemd (https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html).
_INHERIT_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class FunctionFailedError(Exception):
    """A function did not start; the message has its name and its last line of output."""


class Function:
    """One entry point, served on a port of its own.

    This process listens on the port until `close`. No other program can bind it, and requests that
    arrive during a start or a restart wait, as they do on Cloud Run.
    """

    def __init__(
        self,
        name: str,
        entry_point: str,
        environment: Mapping[str, str],
        logs: Path = LOGS,
        source: Path | None = None,
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.name = name
        self.url = "http://{}:{}".format(*self._socket.getsockname())
        self.log = logs / f"{name}.log"
        self._entry_point = entry_point
        self._source = source or _SOURCE
        self._environment = environment
        self._process: Process | None = None
        self._changing = threading.Lock()

    def start(self) -> None:
        """Start the process; `wait` returns when it responds. Does nothing after `close`."""
        with self._changing:
            if self._socket.fileno() >= 0:
                self._start()

    def wait(self) -> None:
        """Return when it responds. Raises `FunctionFailedError` if it ends or takes too long."""
        deadline = time.monotonic() + _START_SECONDS
        with (
            socket.create_connection(self._socket.getsockname()) as connection,
            selectors.DefaultSelector() as selector,
        ):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            selector.register(connection, selectors.EVENT_READ)
            while not selector.select(0.02):
                process = self._process
                if process is None or process.ended() or time.monotonic() > deadline:
                    last_line = process.last_line() if process else "it was not started"
                    raise FunctionFailedError(
                        f"Function {self.name} did not start: {last_line} (its log: {self.log})"
                    )

    def kill(self) -> None:
        """Kill the process at once."""
        with self._changing:
            self._kill()

    def close(self) -> None:
        """Kill the process and close the port."""
        with self._changing:
            self._kill()
            self._socket.close()

    def restart_if_ended(self) -> str:
        """Restart it if it ended unexpectedly; return its last line of output then, else ""."""
        with self._changing:
            if self._process is None or not self._process.ended():
                return ""
            last_line = self._process.last_line()
            self._kill()
            self._start()
            return last_line

    def session(self) -> int:
        """Return the id of its processes' session. Raises `FunctionFailedError` if none runs."""
        if self._process is None:
            raise FunctionFailedError(f"Function {self.name} is not running.")
        return self._process.session()

    def _start(self) -> None:
        self._process = Process(
            [
                *(sys.executable, "-S", "-c", _INHERIT_SOCKET, str(self._socket.fileno())),
                *(sys.executable, "-m", "functions_framework", "--source", str(self._source)),
                *("--target", self._entry_point, "--host", "127.0.0.1"),
            ],
            environment=self._environment,
            folder=ROOT,
            log=self.log,
            files=[self._socket.fileno()],
        )

    def _kill(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
