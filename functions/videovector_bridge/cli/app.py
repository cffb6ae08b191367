"""The root command: its groups, `--version`, and errors as messages with an exit status."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from videovector_bridge.cli.automations import commands as automations
from videovector_bridge.cli.errors import EXIT_STATUSES, describe_error, exit_status
from videovector_bridge.cli.operate import pause_commands, rewind_command
from videovector_bridge.cli.operate.doctor import command as doctor
from videovector_bridge.cli.operate.letters import commands as letters
from videovector_bridge.cli.operate.replay.command import EPILOG as REPLAY_EPILOG
from videovector_bridge.cli.operate.replay.command import replay_command
from videovector_bridge.cli.operate.status import command as status
from videovector_bridge.cli.operate.tail.command import EPILOG as TAIL_EPILOG
from videovector_bridge.cli.operate.tail.command import tail_command
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


app = typer.Typer(
    cls=ErrorReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Set up and monitor the VideoVector bridge.",
    epilog=EXIT_STATUSES,
)
app.add_typer(webhook.app, name="webhook")
app.add_typer(automations.app, name="automations")
app.command("status", epilog=status.EPILOG)(status.status_command)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor_command)
app.command("pause", epilog=pause_commands.PAUSE_EPILOG)(pause_commands.pause_command)
app.command("resume", epilog=pause_commands.RESUME_EPILOG)(pause_commands.resume_command)
app.command("rewind", epilog=rewind_command.EPILOG)(rewind_command.rewind_command)
app.add_typer(letters.rejected, name="rejected")
app.add_typer(letters.dead_letters, name="dead-letters")
app.command("tail", epilog=TAIL_EPILOG)(tail_command)
app.command("replay", epilog=REPLAY_EPILOG)(replay_command)


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
