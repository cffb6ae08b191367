"""`python -m infra.local run|serve`: the whole system on this machine."""

import argparse
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from types import FrameType

from rich.console import Console

from infra.local import report
from infra.local.clock import Clock, Tick
from infra.local.functions import ROOT, FunctionFailedError
from infra.local.scenario import run_scenario
from infra.local.stack import ENDPOINTS, running_stack
from infra.local.view import live_view

_RUN_FILE = ROOT / "build" / "run.json"


def main() -> int:
    """Run the command; 0 success, 1 the run failed, 2 it could not start, 130 or 143 ended."""
    started_at = datetime.now(UTC)
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("command", choices=("run", "serve"))
    command = parser.parse_args().command
    # A signal becomes an exception, so that everything that was started is ended on the way out.
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    try:
        return _run(console, started_at) if command == "run" else _serve(console)
    except KeyboardInterrupt:
        console.print("Ended by Ctrl-C.")
        return 130
    except (FunctionFailedError, RuntimeError) as error:
        Console(stderr=True).print(f"Could not start: {error}", style="red", highlight=False)
        return 2


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


def _run(console: Console, started_at: datetime) -> int:
    def tell(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    with running_stack(run_every_seconds=0, tell=tell) as stack:
        with live_view(console) as show:
            snapshot = run_scenario(stack, started_at=started_at, show=show)
        found = report.result(snapshot, stack.cloud.kind, started_at)
        report.write(found, _RUN_FILE)
        console.print(report.table(found, snapshot))
        problems = report.problems(snapshot)
        for problem in problems:
            console.print(f"FAILED: {problem}", style="red", highlight=False)
        tell(
            f"{'OK' if not problems else 'Not OK'}. Written to {_RUN_FILE.relative_to(ROOT)}; "
            f"logs in build/logs."
        )
        return 1 if problems else 0


def _serve(console: Console) -> int:
    def tell(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    def on_tick(tick: Tick) -> None:
        answer = tick.answer or {"outcome": "no answer", "message": "The window was cut off."}
        tell(
            f"{datetime.now(UTC):%H:%M:%S}  {tick.stream}  {answer['outcome']:<8} "
            f"{answer.get('events', 0):>5} events  {answer.get('message', '')}"
        )

    with running_stack(run_every_seconds=4, tell=tell) as stack:
        tell(f"Endpoints are in {ENDPOINTS.relative_to(ROOT)}. Ctrl-C ends everything.")
        every = float(os.environ.get("SCHEDULE_SECONDS", "5"))
        clock = Clock(
            stack.functions["drain"].url,
            stack.streams,
            pause_seconds=every,
            attempt_seconds=1_800,
            on_tick=on_tick,
        )
        clock.start()
        try:
            threading.Event().wait()
        finally:
            clock.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
