"""The commands `videovector-bridge automations ...`: they read files and change nothing."""

import os
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer

from videovector_bridge.automate.automations.schema import schema_text
from videovector_bridge.automate.check.check import check_automations
from videovector_bridge.automate.mistakes import Mistake
from videovector_bridge.automate.plan import Automation, AutomationPlan, Verdict, plan
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.cli import options
from videovector_bridge.cli.automations.automations_file import File, chosen_file, read_chosen
from videovector_bridge.cli.automations.event_files import read_event, split
from videovector_bridge.cli.automations.filters import filters_command
from videovector_bridge.cli.exits import FAILED
from videovector_bridge.cli.input import read_bytes, read_text
from videovector_bridge.cli.output import show_fields, show_json, show_table, tell
from videovector_bridge.errors import PermanentError, SettingsError
from videovector_bridge.redact import redact

EXITS = (
    "Exit status: 0 all is well; 1 mistakes, in the automations or the events that were to be "
    "looked at; 2 wrong usage, or a file that cannot be used at all."
)
_OUTCOMES = ("effect", "rejected", "overruled")
_COLUMNS = ("event_id", "automation", "action", "outcome", "what")

Events = Annotated[
    str,
    typer.Argument(
        metavar="EVENTS.jsonl",
        help="Events: the stream's JSON, bodies of webhooks, or what `gcloud pubsub subscriptions "
        "pull --format=json` prints. - reads standard input.",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    help="The automations file: what is wrong in it, and what it would do.",
    epilog=EXITS,
)
app.command("filters", epilog=EXITS)(filters_command)


@app.command("check", epilog=EXITS)
def check_command(
    file: Annotated[
        str,
        typer.Argument(
            metavar="[FILE]",
            help="The automations; AUTOMATIONS_FILE if not given, or else those deployed.",
        ),
    ] = "",
    *,
    as_json: options.Json = False,
) -> None:
    """Name every mistake in an automations file, with its line and what may have been meant."""
    file = chosen_file(file)
    checked = check_automations(read_text(file), file, os.environ)
    if as_json:
        show_json(
            {
                "file": file,
                "automations": checked.automations,
                "mistakes": [_shown_mistake(each) for each in checked.mistakes],
                "warnings": [_shown_mistake(each) for each in checked.warnings],
            }
        )
    else:
        for each in (*checked.mistakes, *checked.warnings):
            typer.echo(redact(str(each)))
        tell(
            f"{_count(checked.automations, 'automation')}: "
            f"{_count(len(checked.mistakes), 'mistake')}, "
            f"{_count(len(checked.warnings), 'warning')}."
        )
    if checked.mistakes:
        raise typer.Exit(FAILED)


def _shown_mistake(mistake: Mistake) -> dict[str, Any]:
    return {key: value for key, value in asdict(mistake).items() if key not in ("file", "severity")}


@app.command("test", epilog=EXITS)
def dry_run_command(events: Events, *, file: File = "", as_json: options.Json = False) -> None:
    """Show which automation would do what on each event, without doing it.

    No setting is looked at, such as the buckets that URLs may be issued for.
    """
    automations = read_chosen(file)
    rows: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    seen = 0
    for number, given in split(read_bytes(events)):
        try:
            received = read_event(given)
        except PermanentError as error:
            bad.append({"line": number, "code": error.code, "what": str(error)})
            continue
        seen += 1
        rows += _rows(received, automations)
    outcomes = Counter(row["outcome"] for row in rows)
    totals = {"events": seen, "bad": len(bad)} | {name: outcomes[name] for name in _OUTCOMES}
    if as_json:
        show_json({"outcomes": rows, "bad": bad, "totals": totals})
    else:
        show_table(_COLUMNS, [_line(row) for row in rows])
        for each in bad:
            tell(f"Line {each['line']}: is no event ({each['code']}): {each['what']}")
        tell(
            f"{_count(seen, 'event')}: {_count(totals['effect'], 'effect')}, "
            f"{totals['rejected']} rejected, {totals['overruled']} overruled; "
            f"{_count(len(bad), 'bad line')}."
        )
    if bad:
        raise typer.Exit(FAILED)


def _rows(received: ReceivedEvent, automations: tuple[Automation, ...]) -> list[dict[str, Any]]:
    """What automations would do on one event, without those that would do nothing."""
    return [
        {"event_id": received.fields["event_id"], **_shown(each)}
        for each in plan(automations, received)
        if each.outcome != "none"
    ]


def _line(row: dict[str, Any]) -> list[str]:
    """One line of the table, with why where there is no effect."""
    what = row["rejection"]["what"] if row["rejection"] else orjson.dumps(row["fields"]).decode()
    if row["overruled_by"]:
        what = f"{row['overruled_by']!r} comes first on {row['target']}"
    return [*(row[column] for column in _COLUMNS[:-1]), what]


@app.command("explain", epilog=EXITS)
def explain_command(
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT.json", help="One event, as for `test`; - is standard input."),
    ],
    *,
    file: File = "",
    as_json: options.Json = False,
) -> None:
    """Show of each automation whether it applies to an event, and why or why not."""
    automations = read_chosen(file)
    given = list(split(read_bytes(event)))
    if len(given) != 1:
        raise SettingsError([f"{event!r} must hold one event, not {len(given)}"])
    try:
        received = read_event(given[0][1])
    except PermanentError as error:
        tell(f"This is no event ({error.code}): {error}")
        raise typer.Exit(FAILED) from None
    found = plan(automations, received)
    if as_json:
        shown = [_shown(each) | {"verdict": _verdict(each.verdict)} for each in found]
        show_json({"event": received.fields, "automations": shown})
        return
    for each in found:
        show_fields(_explained(each, received))
        typer.echo()


def _explained(found: AutomationPlan, received: ReceivedEvent) -> list[tuple[str, object]]:
    """Names and values for a person; None for what was not looked at."""
    automation, verdict, event = found.automation, found.verdict, received.fields
    decided_by = verdict.decided_by if verdict else "condition"
    shown = _shown(found)
    rejection, fields = shown["rejection"], shown["fields"]
    types = f"fits {verdict.glob}" if verdict and verdict.glob else "fits none"
    return [
        ("automation", automation.name),
        ("outcome", found.outcome if not found.overruled_by else "none: overruled"),
        ("type", f"{event['event_type']} {types} of {', '.join(automation.on)}"),
        ("channel", None if decided_by == "type" else _channel(automation, event["channel"])),
        ("condition", None if decided_by in ("type", "channel") else _condition(found)),
        ("action", None if fields is None else automation.action),
        ("fields", None if fields is None else orjson.dumps(fields).decode()),
        ("target", found.state and found.state.target),
        ("overruled", f"{found.overruled_by!r} comes first" if found.overruled_by else None),
        ("rejected", f"{rejection['code']}: {rejection['what']}" if rejection else None),
    ]


def _channel(automation: Automation, channel: str) -> str:
    if not automation.channel:
        return f"{channel} fits: the automation names none"
    fits = automation.channel == channel
    return f"{channel} fits" if fits else f"{channel} is not {automation.channel}"


def _condition(found: AutomationPlan) -> str | None:
    if found.automation.when is None:
        return None
    source, verdict = found.automation.when.source, found.verdict
    if verdict is None:
        return f"{source} fails"
    if verdict.lacks:
        return f"{source} asks for {verdict.lacks}, which this event lacks"
    return f"{source} gives {orjson.dumps(verdict.value).decode()}"


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    return None if verdict is None else verdict._asdict()


def _shown(found: AutomationPlan) -> dict[str, Any]:
    error = found.rejection
    return {
        "automation": found.automation.name,
        "action": found.automation.action,
        "outcome": found.outcome,
        "fields": None if found.fields is None else dict(found.fields),
        "target": found.state and found.state.target,
        "overruled_by": found.overruled_by,
        "rejection": error and {"reason": error.owner, "code": error.code, "what": str(error)},
    }


@app.command("schema", epilog=EXITS)
def schema_command() -> None:
    """Write the JSON Schema of automations files, for editors."""
    typer.echo(schema_text(), nl=False)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
