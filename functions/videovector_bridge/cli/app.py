"""The commands, and how each one's errors become a sentence and an exit status."""

from typing import Any

import typer
from typer.core import TyperGroup

from videovector_bridge.api import Conflict, RateLimited, ServerTrouble, Unreachable
from videovector_bridge.cli.automations import commands as automations
from videovector_bridge.cli.exits import EXITS, exit_of
from videovector_bridge.cli.output import tell
from videovector_bridge.cli.webhook import commands as webhook
from videovector_bridge.errors import BridgeError, SettingsError

_PASSING = (Conflict, RateLimited, ServerTrouble, Unreachable)


class Sentences(TyperGroup):
    """Commands whose errors are told as sentences on standard error, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what the bridge raises on purpose becomes its exit status."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            tell("Wrong usage or settings:" + "".join(f"\n  {p}" for p in error.problems))
            raise typer.Exit(exit_of(error)) from None
        except BridgeError as error:
            again = " Run the command again: it goes on from there."
            tell(f"{error}{again if isinstance(error, _PASSING) else ''}")
            raise typer.Exit(exit_of(error)) from None


app = typer.Typer(
    cls=Sentences,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Sets up and watches over the VideoVector bridge.",
    epilog=EXITS,
)
app.add_typer(webhook.app, name="webhook")
app.add_typer(automations.app, name="automations")
