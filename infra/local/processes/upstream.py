"""The API to drain: the stand-in, or the API that the environment names."""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.processes.functions import LOGS, ROOT
from infra.local.processes.process import Process
from videovector_bridge.settings import ApiSettings

if TYPE_CHECKING:
    from infra.standin import Control

_START_SECONDS = 30.0


class UpstreamFailedError(Exception):
    """The stand-in did not start; the message has its last line of output."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API to drain. `control` and `process` are None unless it is the stand-in."""

    api_url: str
    api_keys: Mapping[str, str]
    control: "Control | None" = None
    process: Process | None = None

    @property
    def key(self) -> str:
        """The key that the functions use. Deleting markers requires scope `admin`."""
        return self.api_keys.get("admin") or next(iter(self.api_keys.values()))

    def crash_report(self) -> str:
        """Return a sentence if the stand-in ended unexpectedly, else ""."""
        if self.process is None or not self.process.ended():
            return ""
        return f"The stand-in API ended by itself: {self.process.last_line()}"

    def stop(self) -> None:
        """Stop the stand-in."""
        if self.control is not None:
            self.control.close()
        if self.process is not None:
            self.process.stop()


def build_real_upstream(api: ApiSettings) -> Upstream:
    """Return the API that the settings name, which is not the stand-in."""
    return Upstream(api.base_url, {"configured": api.key.current()})


class StandInProcess:
    """The stand-in in a process of its own; `wait` returns it when it responds."""

    def __init__(
        self, *, run_every_seconds: float, retain: int = 100_000, logs: Path = LOGS
    ) -> None:
        self._log = logs / "standin.log"
        self._log.unlink(missing_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="bridge-")
        self._endpoints = Path(self._folder.name) / "endpoints.json"
        self._process = Process(
            [
                *(sys.executable, "-m", "infra.standin"),
                *("--endpoints", str(self._endpoints)),
                *("--run-every", str(run_every_seconds), "--retain", str(retain)),
            ],
            folder=ROOT,
            log=self._log,
        )

    def wait(self) -> Upstream:
        """Return the stand-in as an upstream. Raises `UpstreamFailedError` if it does not start."""
        # This import takes as long as the stand-in takes to start: do both at once.
        from infra.standin import Control  # noqa: PLC0415

        deadline = time.monotonic() + _START_SECONDS
        while not self._endpoints.exists():
            if self._process.ended() or time.monotonic() > deadline:
                raise UpstreamFailedError(
                    f"The stand-in API did not start: {self._process.last_line()} "
                    f"(its log: {self._log})"
                )
            time.sleep(0.02)
        endpoints = json.loads(self._endpoints.read_text(encoding="utf-8"))
        control = Control(endpoints["control_url"])
        return Upstream(endpoints["api_url"], endpoints["api_keys"], control, self._process)

    def stop(self) -> None:
        """Stop the process."""
        self._process.stop()
        self._folder.cleanup()
