"""The root command: its groups, `--version`, and errors as messages with an exit status."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from videovector_bridge.cli.automations import commands as automations
from videovector_bridge.cli.cost import command as cost
from videovector_bridge.cli.errors import EXIT_STATUSES, describe_error, exit_status
from videovector_bridge.cli.output import print_message
from videovector_bridge.cli.source_tree import PACKAGE, find_version
from videovector_bridge.cli.webhook import commands as webhook
from videovector_bridge.errors import BridgeError


class ErrorReportingGroup(TyperGroup):
    """Commands whose errors are printed on standard error as messages, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a `BridgeError` becomes a message and an exit status."""
        try:
            return super().invoke(ctx)
        except BridgeError as error:
            print_message(describe_error(error))
            raise typer.Exit(exit_status(error)) from None


OPERATE = (
    "status",
    "doctor",
    "pause",
    "resume",
    "rewind",
    "tail",
    "replay",
    "rejected",
    "dead-letters",
)
"""The commands of `cli.operate.app`."""


class RootGroup(ErrorReportingGroup):
    """The commands of this module, and those of `OPERATE`, which are imported when they are used.

    They import Google's libraries. `make deploy` runs other commands and does not install these.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*OPERATE, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is no such command."""
        if cmd_name not in OPERATE:
            return super().get_command(ctx, cmd_name)
        from videovector_bridge.cli.operate.app import app as operate  # noqa: PLC0415 - see above

        group: Any = typer.main.get_command(operate)
        return group.get_command(ctx, cmd_name)


app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Set up and monitor the VideoVector bridge.",
    epilog=EXIT_STATUSES,
)
app.add_typer(webhook.app, name="webhook")
app.add_typer(automations.app, name="automations")
app.command("cost", epilog=cost.EPILOG)(cost.cost_command)


def _print_version(requested: bool) -> None:  # noqa: FBT001 - Typer passes it by position
    if requested:
        typer.echo(f"{PACKAGE} {find_version()}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Declare the options of the root command."""
