"""The commands `rejected` and `dead-letters`: `list` and `show`; the others are registered here."""

from typing import Annotated, Final

import typer

from videovector_bridge.cli import options as shared
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.operate.letters import options
from videovector_bridge.cli.operate.letters.changes import drop_command, redrive_command
from videovector_bridge.cli.operate.letters.options import choose
from videovector_bridge.cli.operate.letters.session import find_kind, open_checked, open_session
from videovector_bridge.cli.operate.letters.views import (
    letter_as_json,
    show_each,
    show_groups,
    show_letter,
)
from videovector_bridge.cli.output import print_json, print_message
from videovector_bridge.cli.target import Local, Prefix, Project

_EXIT: Final = (
    "Exit status: 0 done; 1 refused or failed, a selected message is left, or no message has the "
    "ID; 2 wrong usage or settings, nothing was done."
)
_LEASES: Final = (
    "While a command works, other readers of the subscription do not get its messages; at its end "
    "all that are not acknowledged are released. Needs roles/pubsub.subscriber on the subscription."
)


def list_command(
    ctx: typer.Context,
    *,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    code: options.Codes = None,
    reason: options.Reasons = None,
    automation: options.Automations = None,
    function: options.Functions = None,
    types: options.Types = None,
    ids: options.Ids = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    limit: options.Limit = None,
    each: options.Each = False,
    wait: options.Wait = "5s",  # type: ignore[assignment] # the parser's input
    as_json: shared.Json = False,
) -> None:
    """Count the messages by what they have in common, or list each.

    Example: videovector-bridge rejected list --local --newer-than 1d
    """
    kind = find_kind(ctx)
    chosen = choose(
        kind,
        codes=code,
        reasons=reason,
        automations=automation,
        functions=function,
        types=types,
        ids=ids,
        older_than=older_than,
        newer_than=newer_than,
    )
    target, selection = open_checked(ctx, chosen, project=project, prefix=prefix, local=local)
    with open_session(kind, target, selection, wait=wait) as session:
        reading = session.read(limit=limit, with_data=False)
    show = show_each if each else show_groups
    show(kind, reading, session.source.subscription, as_json=as_json)


def show_command(
    ctx: typer.Context,
    *,
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="ce-id of an event, or id of a message.")
    ],
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    wait: options.Wait = "5s",  # type: ignore[assignment] # the parser's input
    as_json: shared.Json = False,
) -> None:
    """Show every message about an event: attributes, data, and what to do. Secrets are hidden.

    Example: videovector-bridge rejected show evt_123 --local
    """
    kind = find_kind(ctx)
    chosen = choose(kind, ids=[id_])
    target, selection = open_checked(ctx, chosen, project=project, prefix=prefix, local=local)
    with open_session(kind, target, selection, wait=wait) as session:
        reading = session.read()
        # One at a time is in memory.
        stored = ((each, session.spool.read(each.message_id)) for each in reading.letters)
        if as_json:
            messages = [letter_as_json(kind, *pair) for pair in stored]
            print_json({"id": id_, "read": reading.read, "messages": messages})
        else:
            for pair in stored:
                show_letter(kind, *pair)
    if not reading.letters:
        print_message(f"None of {reading.read:,} messages has the id {id_!r}.")
        raise typer.Exit(FAILED)


def _build(what: str) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help=f"{what} {_LEASES}", epilog=_EXIT)
    app.command("list", epilog=_EXIT)(list_command)
    app.command("show", epilog=_EXIT)(show_command)
    app.command("redrive", epilog=_EXIT)(redrive_command)
    app.command("drop", epilog=_EXIT)(drop_command)
    return app


rejected = _build("Messages that were rejected with a reason code: list, show, redrive, drop.")
dead_letters = _build(
    "Messages that a function did not acknowledge at any delivery: list, show, redrive, drop."
)
