"""`make serve`: everything kept running, with its addresses in a file."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from infra.local.configuration import Configuration
from infra.local.scheduler import Clock, Tick
from infra.local.stack import Stack, running_stack, write_endpoints

_RUN_EVERY_SECONDS = 4.0
_ATTEMPT_SECONDS = 1_800.0
_LOOK_SECONDS = 0.5


def serve(configuration: Configuration, build: Path, emulator_seconds: float) -> int:
    """Run until a signal ends it, or something ends that cannot be started again (then 1)."""
    endpoints = build / "endpoints.json"
    endpoints.unlink(missing_ok=True)
    with running_stack(
        configuration,
        run_every_seconds=_RUN_EVERY_SECONDS,
        watch=(),
        logs=build / "logs" / "serve",
        emulator_seconds=emulator_seconds,
        tell=_tell,
    ) as stack:
        stack.complete()
        try:
            write_endpoints(stack, endpoints)
            _tell(f"Endpoints are in {endpoints}. Ctrl-C ends everything.")
            return _serve(stack)
        finally:
            endpoints.unlink(missing_ok=True)


def _serve(stack: Stack) -> int:
    configuration = stack.configuration
    clock = Clock(
        stack.drain.url,
        configuration.drain.streams,
        pause_seconds=configuration.schedule_seconds,
        attempt_seconds=_ATTEMPT_SECONDS,
        on_tick=_show,
    )
    if configuration.schedule_seconds:
        clock.start()
    else:
        _tell("SCHEDULE_SECONDS=0: no clock runs; windows are up to you.")
    try:
        while not (trouble := stack.trouble()):
            time.sleep(_LOOK_SECONDS)
    finally:
        clock.stop()
    print(f"Ended: {trouble}", file=sys.stderr)
    return 1


def _show(tick: Tick) -> None:
    answer = tick.answer or {"outcome": "no answer", "message": "The window was cut off."}
    _tell(
        f"{datetime.now(UTC):%H:%M:%S}  {tick.stream}  {answer.get('outcome', '?'):<8} "
        f"{answer.get('events', 0):>5} events  {answer.get('message', '')}"
    )


def _tell(text: str) -> None:
    print(text, flush=True)
