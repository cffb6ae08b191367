"""The functions, each in its own process under functions-framework, as deployed."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from infra.local.processes import Process, free_port

ROOT = Path(__file__).resolve().parents[2]
_SOURCE = ROOT / "functions" / "main.py"
_START_SECONDS = 30.0


class FunctionFailedError(Exception):
    """A function did not come up; the message says which and what it said last."""


class Function:
    """One entry point, served on a port of its own."""

    def __init__(self, name: str, entry_point: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = ROOT / "build" / "logs" / f"{name}.log"
        self._entry_point = entry_point
        self._environment = environment
        self._process: Process | None = None

    def start(self) -> None:
        """Start the process; `wait` tells when it answers."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        port = self.url.rpartition(":")[2]
        self._process = Process(
            [
                *(sys.executable, "-m", "functions_framework", "--source", str(_SOURCE)),
                *("--target", self._entry_point, "--host", "127.0.0.1", "--port", port),
            ],
            environment=self._environment,
            folder=ROOT,
            log=self.log,
        )

    def wait(self) -> None:
        """Return once it answers. Raises `FunctionFailedError` if it ends or takes too long."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                httpx.get(self.url, timeout=_START_SECONDS, trust_env=False)
                return
            except httpx.HTTPError:
                if self._process is None or self._process.ended() or time.monotonic() > deadline:
                    said = self._process.last_words() if self._process else "it was not started"
                    raise FunctionFailedError(
                        f"Function {self.name} did not come up: {said} (see {self.log})"
                    ) from None
                time.sleep(0.03)

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def session(self) -> int:
        """The id of the session that the function's processes are in, while it runs."""
        if self._process is None:
            raise FunctionFailedError(f"Function {self.name} is not running.")
        return self._process.session()
