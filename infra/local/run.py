"""`make run`: the scenario, from the start of everything to the result."""

from datetime import datetime
from pathlib import Path

from infra.local.configuration import Configuration
from infra.local.oracle.costs import read_costs
from infra.local.oracle.progress import Progress
from infra.local.scenario.draining import start_draining
from infra.local.stack import running_stack

_WATCHED = ("events", "rejected", "media-urls")


def run(
    configuration: Configuration, build: Path, emulator_seconds: float, started_at: datetime
) -> int:
    """Run the scenario and write `run.json` into `build`; 0 if all is as it must be, else 1."""
    file = build / "run.json"
    # A script that waits for the result must not read that of an earlier run.
    file.unlink(missing_ok=True)
    with running_stack(
        configuration,
        run_every_seconds=0,
        watch=tuple(configuration.topic_names[name] for name in _WATCHED),
        logs=build / "logs" / "run",
        emulator_seconds=emulator_seconds,
        tell=_tell,
    ) as stack:
        progress = Progress()
        if stack.cloud.kind == "embedded":
            clock = start_draining(stack, progress)
            stack.complete()
        else:
            # Emulators are slow at first: with functions starting beside them, an effect would
            # seem to take seconds.
            stack.complete()
            clock = start_draining(stack, progress)
        # Imported only now: it takes most of a second, for which the first event need not wait.
        from rich.console import Console  # noqa: PLC0415

        from infra.local.scenario.scenario import watch_scenario  # noqa: PLC0415
        from infra.local.view import report  # noqa: PLC0415
        from infra.local.view.live import live_view  # noqa: PLC0415

        console = Console()
        with live_view(console) as show:
            snapshot = watch_scenario(stack, progress, started_at=started_at, show=show)
        clock.stop()
        costs = read_costs(function.log for function in stack.functions.values())
        summary = report.result(snapshot, stack.cloud.kind, started_at, stack.trouble(), costs)
    report.write(summary, file)
    console.print(report.table(summary), report.cost_table(summary))
    for problem in summary["problems"]:
        console.print(f"FAILED: {problem}", style="red", highlight=False, soft_wrap=True)
    _tell(f"{'OK' if summary['ok'] else 'Not OK'}. Written to {file}; logs in {build}/logs/run.")
    return 0 if summary["ok"] else 1


def _tell(text: str) -> None:
    print(text, flush=True)
