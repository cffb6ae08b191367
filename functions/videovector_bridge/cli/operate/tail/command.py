"""The command `videovector-bridge tail`."""

import os
import sys
from typing import Annotated, Final

import orjson
import typer

from videovector_bridge.backends.pubsub_filter import Passes, parse_filter
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.operate.tail.follow import Selection, follow, is_output_open
from videovector_bridge.cli.operate.tail.lines import as_json as message_as_json
from videovector_bridge.cli.operate.tail.lines import format_line
from videovector_bridge.cli.output import print_message
from videovector_bridge.cli.target import Local, Prefix, Project, open_target
from videovector_bridge.cli.temporary_subscription import (
    interrupted_by_sigterm,
    temporary_subscription,
)
from videovector_bridge.errors import SettingsError

TOPICS: Final = ("events", "rejected", "media-urls", "dead-letters")
EPILOG: Final = (
    "Example: videovector-bridge tail --type 'prompt_run.*' --project my-project. Exit status: 0 "
    "ended by --count, --seconds, Ctrl-C, SIGTERM or a closed pipe; 1 Google Cloud refused or "
    "failed; 2 wrong usage or settings, nothing was done. Needs pubsub.subscriptions.create, "
    "consume and delete in the project (infra/README.md, Operators)."
)


def tail_command(
    ctx: typer.Context,
    *,
    filter_text: Annotated[
        str,
        typer.Option(
            "--filter",
            help="Only messages that pass this Pub/Sub filter, such as "
            '\'attributes."ce-runid" = "run_1"\'.',
        ),
    ] = "",
    glob: Annotated[
        str,
        typer.Option("--type", help="Only events of this type; a glob, as in automations."),
    ] = "",
    topic: Annotated[str, typer.Option("--topic", help=f"One of {', '.join(TOPICS)}.")] = "events",
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="End after so many seconds.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="End after so many messages.")
    ] = None,
    with_data: Annotated[
        bool,
        typer.Option("--data", help="Show the data too, shortened, with secrets hidden."),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Write one JSON object per line to standard output."),
    ] = False,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
) -> None:
    """Show messages live as they are published, one line each, until Ctrl-C.

    Reads through a temporary subscription, which gets a copy of each message and takes none from
    others. It is deleted at the end; after a kill, it expires in a day. A signed URL is never
    shown.
    """
    problems: list[str] = []
    passes = _parse_filter(filter_text, problems)
    if topic not in TOPICS:
        problems.append(f"--topic must be one of {', '.join(TOPICS)}, not {topic!r}")
    if seconds is not None and not seconds > 0:
        problems.append(f"--seconds must be above 0, not {seconds:g}")
    if count is not None and count < 1:
        problems.append(f"--count must be 1 or more, not {count}")
    environ = ctx.ensure_object(CommandContext).environ
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    topic_id = target.deployment.topics.get(topic, topic)
    ended = "Ended"
    shown = 0

    def show(message: PulledMessage) -> None:
        nonlocal shown
        _print(message, with_data=with_data, as_json=as_json)
        shown += 1

    with interrupted_by_sigterm():
        try:
            with temporary_subscription(
                target.subscriptions, topic_id, filter_text=filter_text
            ) as subscription:
                print_message(f"Messages of {topic} from now on; Ctrl-C ends.")
                follow(
                    target.subscriptions,
                    subscription,
                    Selection(passes, glob),
                    show,
                    seconds=seconds,
                    count=count,
                    is_open=is_output_open,
                )
        except KeyboardInterrupt:
            ended = "Interrupted"
        except BrokenPipeError:
            _discard_output()
    print_message(f"{ended}: {shown:,} {'message' if shown == 1 else 'messages'} shown.")


def _parse_filter(text: str, problems: list[str]) -> Passes:
    try:
        return parse_filter(text)
    except ValueError as error:
        problems.append(f"--filter {text!r}: {error}")
        return lambda _attributes: False


def _print(message: PulledMessage, *, with_data: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(message_as_json(message, with_data=with_data)))
    else:
        typer.echo(format_line(message, with_data=with_data))


def _discard_output() -> None:
    """Let Python's flush at exit succeed: nobody reads standard output any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
