"""The command `videovector-bridge status`."""

import sys
import time
from collections.abc import Callable
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.input_files import FILE_HELP
from videovector_bridge.cli.operate.status.gather import gather
from videovector_bridge.cli.operate.status.screen import render
from videovector_bridge.cli.output import WIDE, print_json
from videovector_bridge.cli.target import (
    Local,
    Prefix,
    Project,
    describe_options,
    open_target,
)
from videovector_bridge.errors import SettingsError
from videovector_bridge.watch.status.assessment import as_json, assess
from videovector_bridge.watch.status.facts import Facts
from videovector_bridge.watch.status.line import Line

EPILOG: Final = (
    "Example: videovector-bridge status --project my-project. Exit status: 0 nothing needs a "
    "person (with --watch: ended by Ctrl-C); 1 at least one problem; 2 wrong usage or settings, "
    "nothing was read."
)
_SHORTEST_WATCH: Final = 1.0


def status_command(
    ctx: typer.Context,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", help="Seconds between two refreshes.")
    ] = 10.0,
    automations: Annotated[str, typer.Option("--automations", metavar="FILE", help=FILE_HELP)] = "",
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    as_json_: options.Json = False,
) -> None:
    """Show how the bridge is: streams, webhook, subscriptions, rejected messages, automations.

    One line each, problems first, with the command that helps. It changes nothing. Messages on
    `rejected` and `dead-letters` are read and released at once.
    """
    environ = ctx.ensure_object(CommandContext).environ
    problems = _check(every, watch=watch, as_json=as_json_)
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)

    def read() -> tuple[Facts, list[Line]]:
        facts = gather(target, describe_options(project, prefix), automations, environ)
        return facts, assess(facts)

    if watch:
        _watch(target.name, read, every)
        return
    facts, lines = read()
    count = sum(line.severity == "problem" for line in lines)
    if as_json_:
        print_json(
            {
                "target": target.name,
                "at": facts.now.isoformat(timespec="seconds"),
                "problems": count,
                "lines": [as_json(line, facts) for line in lines],
            }
        )
    else:
        _open_console().print(*render(target.name, facts, lines), sep="\n")
    if count:
        raise typer.Exit(FAILED)


def _check(every: float, *, watch: bool, as_json: bool) -> list[str]:
    problems = []
    if every < _SHORTEST_WATCH:
        problems.append(f"--every must be {_SHORTEST_WATCH:g} second or more, not {every:g}")
    if watch and as_json:
        problems.append("--watch and --json exclude each other: --json is one document")
    return problems


def _watch(name: str, read: Callable[[], tuple[Facts, list[Line]]], every: float) -> None:
    """Refresh in place until Ctrl-C; without a terminal, print a block for each refresh."""
    console = _open_console()
    waiting = Text(f"Reading {name} ...")
    try:
        if not console.is_terminal:
            while True:
                console.print(*render(name, *read()), "", sep="\n")
                time.sleep(every)
        with Live(
            waiting, console=console, auto_refresh=False, vertical_overflow="ellipsis"
        ) as live:
            while True:
                live.update(Group(*render(name, *read())), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        return


def _open_console() -> Console:
    """Return a console for standard output. Lines are not wrapped without a terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=True)
