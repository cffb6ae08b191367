"""The commands `videovector-bridge pause` and `videovector-bridge resume`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.operate.audit import find_operator
from videovector_bridge.cli.operate.delivery_facts import (
    REDELIVER,
    DeliveryFacts,
    describe_failed,
    read_facts,
    warn,
)
from videovector_bridge.cli.operate.pausable import Pausable, Subject, change_pause, find_pausable
from videovector_bridge.cli.operate.window_end import await_window_end
from videovector_bridge.cli.output import print_json, print_message
from videovector_bridge.cli.target import Local, Prefix, Project, Target, open_target
from videovector_bridge.errors import BridgeError, SettingsError
from videovector_bridge.events import parse_time
from videovector_bridge.pause import LONGEST_REASON, Pause
from videovector_bridge.redact import clean_text

PAUSE_EPILOG: Final = (
    "Example: videovector-bridge pause default --reason 'the CRM is down' --project my-project. "
    "Exit status: 0 paused, and no window drains the stream; 1 Google Cloud refused or failed; "
    "2 wrong usage or settings, nothing was done; 3 paused, but a window still drains the stream."
)
RESUME_EPILOG: Final = (
    "Example: videovector-bridge resume default --project my-project. Exit status: 0 not paused "
    "any more; 1 Google Cloud refused or failed; 2 wrong usage or settings, nothing was done."
)
_RECEIVER: Final = "receive-webhook"


def pause_command(
    ctx: typer.Context,
    subject: Subject,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; status and logs show it.")] = "",
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, help="Seconds to wait for the end of the running window."),
    ] = 60.0,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    as_json: options.Json = False,
) -> None:
    """Pause a stream or the webhook channel, until `resume`.

    `drain` then responds 200 `paused` without a request to VideoVector; a running window ends at
    its next write, after it has published and committed what it read. The webhook receiver responds
    503 with Retry-After within 10 seconds. It changes nothing that is paused already.
    """
    problems = []
    text = clean_text(reason, limit=LONGEST_REASON)
    if not text:
        problems.append("give --reason TEXT: others must be able to see why it is paused")
    target, pausable = _open(ctx, subject, project, prefix, local=local, problems=problems)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    pause = Pause(now, text, find_operator())
    change = change_pause(target.backend.documents, pausable, pause)
    current = pause if change.changed else change.before or pause
    already = "" if change.changed else "already "
    print_message(f"{pausable} is {already}{current}.")
    result: dict[str, Any] = {
        "subject": pausable.argument,
        "changed": change.changed,
        "paused": current.as_field(),
    }
    if pausable.is_channel:
        facts = _read_facts(target, current)
        for line in warn(facts) if facts is not None else ():
            print_message(line)
        if as_json:
            print_json(result | {"deliveries": facts and asdict(facts)})
        return
    left = await_window_end(
        target.backend.documents, pausable.id, seconds=wait, notify=print_message
    )
    if as_json:
        print_json(result | {"lease_seconds_left": round(left, 1)})
    if left > 0:
        raise NotReachedError(
            f"{pausable} is paused, but a window still has its lease, for {left:.0f} s more unless "
            f"it renews it. Run the command again to wait longer."
        )
    print_message(f"No window drains stream {pausable.id!r}.")


def resume_command(
    ctx: typer.Context,
    subject: Subject,
    *,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    as_json: options.Json = False,
) -> None:
    """Let a paused stream or the paused webhook channel continue.

    A stream continues at its cursor, with its next window. For the webhook channel, the deliveries
    that VideoVector gave up during the pause are named.
    """
    target, pausable = _open(ctx, subject, project, prefix, local=local, problems=[])
    change = change_pause(target.backend.documents, pausable, None)
    if change.before is None:
        print_message(f"{pausable} is not paused.")
    else:
        print_message(f"{pausable} continues. It was {change.before}.")
    facts = None
    if pausable.is_channel and change.before is not None:
        facts = _read_facts(target, change.before)
        if facts is not None:
            print_message(describe_failed(facts))
    if as_json:
        result = {
            "subject": pausable.argument,
            "changed": change.changed,
            "was_paused": change.before and change.before.as_field(),
        }
        print_json(result | ({"deliveries": facts and asdict(facts)} if facts else {}))


def _open(
    ctx: typer.Context,
    subject: str,
    project: str,
    prefix: str,
    *,
    local: bool,
    problems: list[str],
) -> tuple[Target, Pausable]:
    """Return the target and what `subject` names. Raises `SettingsError` with every problem."""
    environ = ctx.ensure_object(CommandContext).environ
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
        pausable = find_pausable(subject, target.deployment)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    return target, pausable


def _read_facts(target: Target, pause: Pause) -> DeliveryFacts | None:
    """Read what VideoVector records; None if that fails, which the pause does not depend on."""
    urls = [each.url for each in target.deployment.functions if each.name == _RECEIVER]
    try:
        with target.open_webhooks() as client:
            return read_facts(client, urls[0] if urls else "", parse_time(pause.since))
    except BridgeError as error:
        print_message(
            f"VideoVector's delivery records cannot be read, so it is not known which deliveries "
            f"it retries or gave up: {error} Later, `{REDELIVER}` sends failed ones again."
        )
        return None
