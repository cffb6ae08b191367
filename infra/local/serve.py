"""`make serve`: run the stack until it is stopped, with its addresses in a file."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.configuration import Configuration
from infra.local.description import find_pauses
from infra.local.scheduler import Call, Job, Scheduler, list_drain_jobs
from infra.local.stack import Stack, running_stack
from infra.local.view.files import write_endpoints

_RUN_EVERY_SECONDS = 4.0
_ATTEMPT_SECONDS = 1_800.0
_CHECK_SECONDS = 0.5


def serve(configuration: Configuration, build: Path, emulator_seconds: float) -> int:
    """Run until a signal, or until a process ends that cannot be restarted (then return 1)."""
    endpoints = build / "endpoints.json"
    endpoints.unlink(missing_ok=True)
    with running_stack(
        configuration,
        run_every_seconds=_RUN_EVERY_SECONDS,
        watch=(),
        logs=build / "logs" / "serve",
        emulator_seconds=emulator_seconds,
        notify=_print,
    ) as stack:
        stack.start_others()
        try:
            write_endpoints(stack, endpoints)
            _print(f"Endpoints are in {endpoints}. Ctrl-C stops everything.")
            return _serve(stack)
        finally:
            endpoints.unlink(missing_ok=True)


def _serve(stack: Stack) -> int:
    configuration = stack.configuration
    scheduler = Scheduler(list_jobs(stack), on_call=_show)
    if configuration.schedule_seconds:
        scheduler.start()
    else:
        _print("SCHEDULE_SECONDS=0: no scheduler runs; call drain and the others yourself.")
    try:
        while not (crash := stack.crash_report()):
            time.sleep(_CHECK_SECONDS)
    finally:
        scheduler.stop()
    print(f"Stopped: {crash}", file=sys.stderr)
    return 1


def list_jobs(stack: Stack) -> list[Job]:
    """Return the jobs of the scheduler: SCHEDULE_SECONDS for `drain`, the others in proportion.

    With PROFILE=live, a window of a stream starts while the one before it runs.
    """
    configuration = stack.configuration
    jobs = list_drain_jobs(
        stack.drain.url,
        configuration.drain.streams,
        pause_seconds=configuration.schedule_seconds,
        attempt_seconds=_ATTEMPT_SECONDS,
        live=configuration.live,
    )
    return jobs + [
        Job(name, stack.functions[name].url, pause, _ATTEMPT_SECONDS)
        for name, pause in find_pauses(configuration, stack.topology).items()
    ]


def _show(call: Call) -> None:
    problem = f"{call.job.function} ended before it responded."
    response = call.response or {"outcome": "none", "message": problem}
    facts = f"{response.get('events', 0):>5} events  " if call.job.stream else ""
    _print(
        f"{datetime.now(UTC):%H:%M:%S}  {call.job.name}  {response.get('outcome', '?'):<8} "
        f"{facts}{_describe(response)}"
    )


def _describe(response: dict[str, Any]) -> str:
    """Return the message of a response, or the states of the canary's channels."""
    channels = [f"{each['channel']} {each['state']}" for each in response.get("channels", ())]
    return str(response.get("message") or ", ".join(channels))


def _print(text: str) -> None:
    print(text, flush=True)
