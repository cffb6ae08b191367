"""Where events come from: the stand-in, or the API that the environment names."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.local.functions import ROOT
from infra.local.processes import Process
from infra.local.standin import Control

_START_SECONDS = 20.0
_VENDOR = "https://api.vectormethods.com/api/v2"


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API to drain. `control` and `process` are None where it is not the stand-in."""

    api_url: str
    api_keys: dict[str, str]
    control: Control | None
    process: Process | None

    @property
    def key(self) -> str:
        """The key that the functions use."""
        return self.api_keys.get("write") or next(iter(self.api_keys.values()))

    @property
    def effects_allowed(self) -> bool:
        """Whether automations may act: never by surprise on somebody's real account."""
        on_this_machine = urlsplit(self.api_url).hostname in ("127.0.0.1", "localhost", "::1")
        return on_this_machine or bool(os.environ.get("AUTOMATIONS_FILE"))

    def stop(self) -> None:
        """End the stand-in."""
        if self.control is not None:
            self.control.close()
        if self.process is not None:
            self.process.stop()


def real_upstream() -> Upstream | None:
    """The API that `VIDEO_VECTOR_API_KEY` (and `_BASE_URL`) in the environment name, if any."""
    key = os.environ.get("VIDEO_VECTOR_API_KEY", "").strip()
    if not key:
        return None
    url = os.environ.get("VIDEO_VECTOR_BASE_URL", "").strip() or _VENDOR
    return Upstream(url.rstrip("/"), {"given": key}, None, None)


class StandInProcess:
    """The stand-in in a process of its own; `wait` returns it once it answers."""

    def __init__(self, *, run_every_seconds: float, retain: int = 100_000) -> None:
        self._endpoints = ROOT / "build" / "standin.json"
        self._endpoints.unlink(missing_ok=True)
        self._log = ROOT / "build" / "logs" / "standin.log"
        self._process = Process(
            [
                *(sys.executable, "-m", "infra.local.standin"),
                *("--endpoints", str(self._endpoints)),
                *("--run-every", str(run_every_seconds), "--retain", str(retain)),
            ],
            folder=ROOT,
            log=self._log,
        )

    def wait(self) -> Upstream:
        """Return the stand-in as an upstream. RuntimeError if it does not come up."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._endpoints.exists():
            if self._process.ended() or time.monotonic() > deadline:
                raise RuntimeError(
                    f"The stand-in API did not come up: {self._process.last_words()} "
                    f"(see {self._log})"
                )
            time.sleep(0.02)
        found = json.loads(self._endpoints.read_text(encoding="utf-8"))
        Path(self._endpoints).unlink(missing_ok=True)
        control = Control(found["control_url"])
        return Upstream(found["api_url"], found["api_keys"], control, self._process)

    def stop(self) -> None:
        """End the process."""
        self._process.stop()
