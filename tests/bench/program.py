"""Run a module that prints its measurement, in a session of its own."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Final

from infra.local.processes.functions import LOGS, ROOT
from infra.local.processes.process import Process
from tests.bench.measured import Measurement

_MAX_SECONDS: Final = 600.0
_LOGS: Final = LOGS / "bench"


def run_program(module: str, *arguments: str, environment: Mapping[str, str]) -> Measurement:
    """Run `python -m tests.bench.MODULE` and return the measurement that it prints last.

    Raises `RuntimeError` with its last line if it prints none, or takes more than 10 minutes.
    """
    log = _LOGS / f"{module}.log"
    log.unlink(missing_ok=True)
    process = Process(
        [sys.executable, "-m", f"tests.bench.{module}", *arguments],
        environment={**environment, "PYTHONPATH": "functions"},
        folder=ROOT,
        log=log,
    )
    deadline = time.monotonic() + _MAX_SECONDS
    try:
        while not process.ended():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{module} did not end within {_MAX_SECONDS:g} s (log: {log})")
            time.sleep(0.02)
    finally:
        process.stop()
    try:
        return Measurement(**json.loads(process.last_line()))
    except (ValueError, TypeError):
        raise RuntimeError(f"{module} failed: {process.last_line()} (log: {log})") from None
