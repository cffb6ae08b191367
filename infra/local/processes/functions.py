"""The functions, each in its own process under functions-framework, as deployed."""

import select
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

# Hands our socket to gunicorn, which serves functions-framework, in the way of systemd
# (https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html): as descriptor 3.
_ADOPT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class FunctionFailedError(Exception):
    """A function did not come up; the message says which and what it said last."""


class Function:
    """One entry point, served on a port of its own.

    The port is ours from the beginning to `close`: nobody else can take it, and requests that come
    while the process starts, or starts again, wait for it, as they do on Cloud Run.
    """

    def __init__(
        self, name: str, entry_point: str, environment: Mapping[str, str], logs: Path = LOGS
    ) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.name = name
        self.url = "http://{}:{}".format(*self._socket.getsockname())
        self.log = logs / f"{name}.log"
        self._entry_point = entry_point
        self._environment = environment
        self._process: Process | None = None
        self._changing = threading.Lock()

    def start(self) -> None:
        """Start the process; `wait` tells when it answers. Nothing once it is closed."""
        with self._changing:
            if self._socket.fileno() >= 0:
                self._start()

    def wait(self) -> None:
        """Return once it answers. Raises `FunctionFailedError` if it ends or takes too long."""
        deadline = time.monotonic() + _START_SECONDS
        with socket.create_connection(self._socket.getsockname()) as asking:
            asking.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while not select.select([asking], [], [], 0.02)[0]:
                process = self._process
                if process is None or process.ended() or time.monotonic() > deadline:
                    said = process.last_words() if process else "it was not started"
                    raise FunctionFailedError(
                        f"Function {self.name} did not come up: {said} (all it said: {self.log})"
                    )

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        with self._changing:
            self._kill()

    def close(self) -> None:
        """End the process, and give up the port."""
        with self._changing:
            self._kill()
            self._socket.close()

    def revive(self) -> str:
        """Start it again if it has ended by itself: its last words then, otherwise nothing."""
        with self._changing:
            if self._process is None or not self._process.ended():
                return ""
            said = self._process.last_words()
            self._kill()
            self._start()
            return said

    def session(self) -> int:
        """The id of the session that the function's processes are in, while it runs."""
        if self._process is None:
            raise FunctionFailedError(f"Function {self.name} is not running.")
        return self._process.session()

    def _start(self) -> None:
        self._process = Process(
            [
                *(sys.executable, "-S", "-c", _ADOPT, str(self._socket.fileno())),
                *(sys.executable, "-m", "functions_framework", "--source", str(_SOURCE)),
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
