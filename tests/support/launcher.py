"""The local stack in a process of its own, as people start it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.processes.functions import ROOT
from tests.support.patience import PATIENCE_SECONDS, until

# Variables of the caller's environment that would change the stack; they are removed.
_REMOVED = (
    *("VIDEO_VECTOR_", "STREAMS", "BACKEND", "EMBEDDED_DIR", "AUTOMATIONS_FILE", "WINDOW_SECONDS"),
    *("IDLE_SECONDS", "LEASE_SECONDS", "LANES", "LINGER_MS", "SIGNED_URL_BUCKETS", "SCHEDULE_"),
    *("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"),
    *("STORAGE_EMULATOR_HOST", "PREVIEW_BUCKET", "CLAIM_BUCKET", "RECONCILE_", "CANARY_"),
)


def processes_of(sessions: set[int]) -> list[str]:
    """Return the command lines of the processes in these sessions."""
    return [
        arguments
        for session, _, state, arguments in _table()
        if session in sessions and not state.startswith("Z")
    ]


def _table() -> list[tuple[int, int, str, str]]:
    """Return session, parent, state and command line of every process."""
    listing = subprocess.check_output(["ps", "-ewwo", "sid=,ppid=,stat=,args="], text=True)
    rows = (line.split(None, 3) for line in listing.splitlines())
    return [(int(row[0]), int(row[1]), row[2], row[3]) for row in rows if len(row) == 4]


class Launcher:
    """`python -m infra.local COMMAND` with its results in `build`; killed when the block ends."""

    def __init__(
        self, build: Path, command: str, *arguments: str, environment: Mapping[str, str]
    ) -> None:
        self._build = build
        self._output = build / "output.txt"
        build.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED)}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*(sys.executable, "-m", "infra.local", command, "--build", build), *arguments],
                cwd=ROOT,
                env={**clean, "PYTHONPATH": "functions", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Its watchdogs kill everything that it started.
        self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        """Its output so far."""
        return self._output.read_text()

    @property
    def endpoints_file(self) -> Path:
        """The file with the addresses, which exists while it serves."""
        return self._build / "endpoints.json"

    def result(self) -> dict[str, Any]:
        """The content of `run.json`."""
        result: dict[str, Any] = json.loads((self._build / "run.json").read_text())
        return result

    def endpoints(self) -> dict[str, Any]:
        """Wait for the addresses, and return them."""
        assert until(lambda: self.endpoints_file.exists() or self.ended), self.output
        endpoints: dict[str, Any] = json.loads(self.endpoints_file.read_text())
        return endpoints

    def prints(self, text: str) -> bool:
        """Wait until it prints a text, ends, or runs out of time; whether it printed the text."""
        return until(lambda: text in self.output or self.ended) and text in self.output

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def end(self, number: signal.Signals | None = None) -> int:
        """Send a signal, if any; wait for its end and return its exit status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def sessions(self) -> set[int]:
        """The sessions of the processes that it started."""
        return {session for session, parent, _, _ in _table() if parent == self.process.pid}
