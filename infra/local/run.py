"""`make run`: start the stack, run the scenario, write the result."""

from datetime import datetime
from pathlib import Path

from infra.local.configuration import Configuration
from infra.local.oracle.costs import read_costs
from infra.local.oracle.progress import Progress
from infra.local.scenario.draining import start_draining
from infra.local.stack import running_stack

_WATCHED_TOPICS = ("events", "rejected", "media-urls")


def run(
    configuration: Configuration, build: Path, emulator_seconds: float, started_at: datetime
) -> int:
    """Run the scenario and write `run.json` into `build`; return 0 if it passed, else 1."""
    file = build / "run.json"
    # A script that waits for the result must not read an earlier one.
    file.unlink(missing_ok=True)
    with running_stack(
        configuration,
        run_every_seconds=0,
        watch=tuple(configuration.topic_names[name] for name in _WATCHED_TOPICS),
        logs=build / "logs" / "run",
        emulator_seconds=emulator_seconds,
        notify=_print,
    ) as stack:
        progress = Progress()
        if stack.cloud.kind == "embedded":
            scheduler = start_draining(stack, progress)
            stack.start_others()
        else:
            # Emulators are slow at first. If functions started at the same time, the measured
            # effect times would be seconds too long.
            stack.start_others()
            scheduler = start_draining(stack, progress)
        # Slow imports: the first event does not wait for them.
        from rich.console import Console  # noqa: PLC0415

        from infra.local.scenario.scenario import watch_scenario  # noqa: PLC0415
        from infra.local.view import files, report, tables  # noqa: PLC0415
        from infra.local.view.live import live_view  # noqa: PLC0415

        console = Console()
        with live_view(console) as show:
            snapshot = watch_scenario(stack, progress, started_at=started_at, show=show)
        scheduler.stop()
        costs = read_costs(function.log for function in stack.functions.values())
        result = report.build_result(
            snapshot, stack.cloud.kind, started_at, stack.crash_report(), costs
        )
    files.write_result(result, file)
    console.print(tables.build_result_table(result), tables.build_cost_table(result))
    for problem in result["problems"]:
        console.print(f"FAILED: {problem}", style="red", highlight=False, soft_wrap=True)
    _print(f"{'OK' if result['ok'] else 'Not OK'}. Written to {file}; logs in {build}/logs/run.")
    return 0 if result["ok"] else 1


def _print(text: str) -> None:
    print(text, flush=True)
