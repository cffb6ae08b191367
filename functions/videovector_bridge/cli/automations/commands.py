"""The commands `videovector-bridge automations ...`: they read files and change nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer

from videovector_bridge.automate.automations.schema import render_schema
from videovector_bridge.automate.check.check import check_automations
from videovector_bridge.automate.mistakes import Mistake
from videovector_bridge.automate.plan import Automation, AutomationPlan, Verdict, plan
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.cli import options
from videovector_bridge.cli.automations.event_files import parse_event, split_events
from videovector_bridge.cli.automations.filters_command import filters_command
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.input_files import (
    FILE_HELP,
    File,
    choose_file,
    read_bytes,
    read_chosen_file,
    read_text,
)
from videovector_bridge.cli.output import print_fields, print_json, print_message, print_table
from videovector_bridge.errors import PermanentError, SettingsError
from videovector_bridge.redact import redact

EXIT_STATUSES = (
    "Exit status: 0 all is well; 1 mistakes in the automations or in the events; 2 wrong usage, "
    "or a file that cannot be used at all."
)
_OUTCOMES = ("effect", "rejected", "overruled")
_COLUMNS = ("event_id", "automation", "action", "outcome", "what")

Events = Annotated[
    str,
    typer.Argument(
        metavar="EVENTS.jsonl",
        help="Events: the stream's JSON, bodies of webhook deliveries, or the output of `gcloud "
        "pubsub subscriptions pull --format=json`. - reads standard input.",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    help="Check the automations file, and show what it would do.",
    epilog=EXIT_STATUSES,
)
app.command("filters", epilog=EXIT_STATUSES)(filters_command)


@app.command("check", epilog=EXIT_STATUSES)
def check_command(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help=FILE_HELP)] = "",
    *,
    as_json: options.Json = False,
) -> None:
    """Report every mistake in an automations file with its line and a suggestion."""
    environ = ctx.ensure_object(CommandContext).environ
    file = choose_file(file, environ)
    result = check_automations(read_text(file), file, environ)
    if as_json:
        print_json(
            {
                "file": file,
                "automations": result.automations,
                "mistakes": [_mistake_to_json(mistake) for mistake in result.mistakes],
                "warnings": [_mistake_to_json(warning) for warning in result.warnings],
            }
        )
    else:
        for mistake in (*result.mistakes, *result.warnings):
            typer.echo(redact(str(mistake)))
        print_message(
            f"{_count(result.automations, 'automation')}: "
            f"{_count(len(result.mistakes), 'mistake')}, "
            f"{_count(len(result.warnings), 'warning')}."
        )
    if result.mistakes:
        raise typer.Exit(FAILED)


def _mistake_to_json(mistake: Mistake) -> dict[str, Any]:
    return {key: value for key, value in asdict(mistake).items() if key not in ("file", "severity")}


@app.command("test", epilog=EXIT_STATUSES)
def dry_run_command(
    ctx: typer.Context, events: Events, *, file: File = "", as_json: options.Json = False
) -> None:
    """Show what each automation would do on each event, without doing it.

    Settings are ignored, such as the buckets that URLs may be issued for.
    """
    automations = read_chosen_file(file, ctx.ensure_object(CommandContext).environ)
    rows: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    count = 0
    for number, text in split_events(read_bytes(events)):
        try:
            received = parse_event(text)
        except PermanentError as error:
            bad.append({"line": number, "code": error.code, "what": str(error)})
            continue
        count += 1
        rows += _plan_rows(received, automations)
    outcomes = Counter(row["outcome"] for row in rows)
    totals = {"events": count, "bad": len(bad)} | {name: outcomes[name] for name in _OUTCOMES}
    if as_json:
        print_json({"outcomes": rows, "bad": bad, "totals": totals})
    else:
        print_table(_COLUMNS, [_to_table_row(row) for row in rows])
        for line in bad:
            print_message(f"Line {line['line']}: is not an event ({line['code']}): {line['what']}")
        print_message(
            f"{_count(count, 'event')}: {_count(totals['effect'], 'effect')}, "
            f"{totals['rejected']} rejected, {totals['overruled']} overruled; "
            f"{_count(len(bad), 'bad line')}."
        )
    if bad:
        raise typer.Exit(FAILED)


def _plan_rows(
    received: ReceivedEvent, automations: tuple[Automation, ...]
) -> list[dict[str, Any]]:
    """Return the outcome of every automation that applies to an event."""
    return [
        {"event_id": received.fields["event_id"], **_to_json(automation_plan)}
        for automation_plan in plan(automations, received)
        if automation_plan.outcome != "none"
    ]


def _to_table_row(row: dict[str, Any]) -> list[str]:
    """Return one row of the table: the fields of an effect, or why there is none."""
    what = row["rejection"]["what"] if row["rejection"] else orjson.dumps(row["fields"]).decode()
    if row["overruled_by"]:
        what = f"{row['overruled_by']!r} comes first on {row['target']}"
    return [*(row[column] for column in _COLUMNS[:-1]), what]


@app.command("explain", epilog=EXIT_STATUSES)
def explain_command(
    ctx: typer.Context,
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT.json", help="One event, as for `test`; - is standard input."),
    ],
    *,
    file: File = "",
    as_json: options.Json = False,
) -> None:
    """Show for each automation whether it applies to an event, and why."""
    automations = read_chosen_file(file, ctx.ensure_object(CommandContext).environ)
    events = list(split_events(read_bytes(event)))
    if len(events) != 1:
        raise SettingsError([f"{event!r} must contain one event, not {len(events)}"])
    try:
        received = parse_event(events[0][1])
    except PermanentError as error:
        print_message(f"This is not an event ({error.code}): {error}")
        raise typer.Exit(FAILED) from None
    planned = plan(automations, received)
    if as_json:
        plans = [
            _to_json(automation_plan) | {"verdict": _verdict_to_json(automation_plan.verdict)}
            for automation_plan in planned
        ]
        print_json({"event": received.fields, "automations": plans})
        return
    for automation_plan in planned:
        print_fields(_explain(automation_plan, received))
        typer.echo()


def _explain(planned: AutomationPlan, received: ReceivedEvent) -> list[tuple[str, object]]:
    """Return names and values to print; None for values that the decision did not need."""
    automation, verdict, event = planned.automation, planned.verdict, received.fields
    decided_by = verdict.decided_by if verdict else "condition"
    values = _to_json(planned)
    rejection, fields = values["rejection"], values["fields"]
    types = f"fits {verdict.glob}" if verdict and verdict.glob else "fits none"
    return [
        ("automation", automation.name),
        ("outcome", planned.outcome if not planned.overruled_by else "none: overruled"),
        ("type", f"{event['event_type']} {types} of {', '.join(automation.on)}"),
        (
            "channel",
            None if decided_by == "type" else _explain_channel(automation, event),
        ),
        ("condition", None if decided_by in ("type", "channel") else _explain_condition(planned)),
        ("action", None if fields is None else automation.action),
        ("fields", None if fields is None else orjson.dumps(fields).decode()),
        ("target", planned.state and planned.state.target),
        ("overruled", f"{planned.overruled_by!r} comes first" if planned.overruled_by else None),
        ("rejected", f"{rejection['code']}: {rejection['what']}" if rejection else None),
    ]


def _explain_channel(automation: Automation, event: Mapping[str, Any]) -> str:
    channel = event["channel"]
    if not automation.channel:
        return f"{channel} fits: the automation names none"
    if not automation.accepts(channel, event["event_type"]):
        return f"{channel} is not {automation.channel}"
    if channel != automation.channel:
        return f"{channel} fits: the event takes the place of one of {automation.channel}"
    return f"{channel} fits"


def _explain_condition(planned: AutomationPlan) -> str | None:
    if planned.automation.when is None:
        return None
    source, verdict = planned.automation.when.source, planned.verdict
    if verdict is None:
        return f"{source} fails"
    if verdict.lacks:
        return f"{source} needs {verdict.lacks}, which this event lacks"
    return f"{source} evaluates to {orjson.dumps(verdict.value).decode()}"


def _verdict_to_json(verdict: Verdict | None) -> dict[str, Any] | None:
    return None if verdict is None else verdict._asdict()


def _to_json(planned: AutomationPlan) -> dict[str, Any]:
    error = planned.rejection
    return {
        "automation": planned.automation.name,
        "action": planned.automation.action,
        "outcome": planned.outcome,
        "fields": None if planned.fields is None else dict(planned.fields),
        "target": planned.state and planned.state.target,
        "overruled_by": planned.overruled_by,
        "rejection": error and {"reason": error.owner, "code": error.code, "what": str(error)},
    }


@app.command("schema", epilog=EXIT_STATUSES)
def schema_command() -> None:
    """Print the JSON Schema of automations files, for editors."""
    typer.echo(render_schema(), nl=False)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
