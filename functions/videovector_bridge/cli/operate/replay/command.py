"""The command `videovector-bridge replay`."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from videovector_bridge.backends.reading_ports import PublishedMessages
from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.operate.audit import begin_record, end_record
from videovector_bridge.cli.operate.replay.archive import ArchivedMessages
from videovector_bridge.cli.operate.replay.interval import Interval, format_time, parse_interval
from videovector_bridge.cli.operate.replay.preview import Preview, count_messages
from videovector_bridge.cli.operate.replay.replayer import Replayer, Result
from videovector_bridge.cli.operate.replay.source import (
    SOURCES,
    Destination,
    Source,
    choose_destination,
    choose_source,
    explain,
)
from videovector_bridge.cli.operate.replay.topic import RetainedMessages
from videovector_bridge.cli.output import print_fields, print_json, print_message, print_table
from videovector_bridge.cli.target import Local, Prefix, Project, Target, open_target
from videovector_bridge.cli.temporary_subscription import interrupted_by_sigterm
from videovector_bridge.errors import BackendError, SettingsError

EPILOG: Final = (
    "Example: videovector-bridge replay --from 3h --to 1h --type 'prompt_run.*' --project "
    "my-project. Exit status: 0 done; 1 refused or failed, or you did not confirm; 2 wrong usage "
    "or settings, nothing was done."
)
MAX_RATE: Final = 5_000
PREVIEWED: Final = 100_000
"""The most messages that the preview counts."""

_EMBEDDED_WAIT: Final = 1.0  # it delivers in order


@dataclass(frozen=True, slots=True)
class _Replay:
    """What to replay, from where, to where."""

    target: Target
    interval: Interval
    source: Source
    destination: Destination
    messages: PublishedMessages
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return what was asked for and chosen."""
        return {
            "source": self.source,
            "from": format_time(self.interval.since),
            "to": format_time(self.interval.until),
            "type": self.interval.glob,
            "to_topic": self.destination.topic,
            "notes": list(self.notes),
        }


def replay_command(
    ctx: typer.Context,
    *,
    since: Annotated[
        str,
        typer.Option(
            "--from", help="From this publish time: ISO 8601 with its zone, or 2h for 2 hours ago."
        ),
    ],
    until: Annotated[
        str, typer.Option("--to", help="To before this publish time, in the same forms.")
    ],
    to_topic: Annotated[
        str,
        typer.Option("--to-topic", help="Publish to this topic of your own instead of `events`."),
    ] = "",
    glob: Annotated[
        str, typer.Option("--type", help="Only events of this type; a glob, as in automations.")
    ] = "",
    source: Annotated[
        str,
        typer.Option("--source", help=f"{', '.join(SOURCES)}. auto: the first of the others."),
    ] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be published, and end.")
    ] = False,
    rate: Annotated[
        int, typer.Option("--rate", help="Publish at most so many messages a second.")
    ] = 100,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            parser=options.parse_duration,
            metavar="DURATION",
            help="From the topic: end when no message arrives for so long.",
        ),
    ] = "10s",  # type: ignore[assignment] # the parser's input
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: options.Json = False,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
) -> None:
    """Publish again what was published to topic `events` between two times.

    Data, attributes and ce-id stay the same. It reads the archive in Cloud Storage if there is
    one, else the table in BigQuery, else what the topic itself retains. It shows what it would
    publish, asks, and publishes. After a failure or a kill, run it again: it begins from the
    beginning, and what was published twice has the same ce-id.
    """
    now = datetime.now(UTC)
    interval, problems = parse_interval(since, until, glob, now)
    if not 1 <= rate <= MAX_RATE:
        problems.append(f"--rate must be 1 to {MAX_RATE:,}, not {rate}")
    environ = ctx.ensure_object(CommandContext).environ
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    chosen = choose_source(source, target.deployment, problems)
    destination = choose_destination(to_topic, target.deployment, problems)
    if problems:
        raise SettingsError(problems)
    notes = explain(chosen, interval, destination, now)
    messages = _open_messages(target, chosen, wait)
    replay = _Replay(target, interval, chosen, destination, messages, notes)
    with interrupted_by_sigterm():
        preview = _preview(replay)
        if not as_json:
            _print_preview(replay, preview)
        for note in replay.notes:
            print_message(note)
        result, audit_id = Result(), None
        is_confirmed = dry_run or not preview.messages or yes or _confirm(replay, preview)
        if is_confirmed and not dry_run and preview.messages:
            result, audit_id = _publish(replay, preview, rate)
    if as_json:
        document = {"preview": preview.as_json(), "dry_run": dry_run, **result.as_json()}
        print_json({**replay.as_json(), **document, "audit": audit_id})
    _report(replay, preview, result, dry_run=dry_run, is_confirmed=is_confirmed)


def _open_messages(target: Target, source: Source, wait: float) -> PublishedMessages:
    deployment = target.deployment
    if source == "archive":
        from videovector_bridge.backends.gcp.objects import BucketReader  # noqa: PLC0415 - 100 ms

        return ArchivedMessages(BucketReader(deployment.backend.project, deployment.archive_bucket))
    if source == "bigquery":
        from videovector_bridge.backends.gcp.bigquery import (  # noqa: PLC0415 - 100 ms
            BigQueryMessages,
        )

        return BigQueryMessages(deployment.backend.project, deployment.bigquery_table)
    if deployment.backend.kind == "embedded":
        wait = min(wait, _EMBEDDED_WAIT)
    return RetainedMessages(target.subscriptions, deployment.topics["events"], wait)


def _preview(replay: _Replay) -> Preview:
    print_message(f"Reading from the {_NAMES[replay.source]}...")
    interval = replay.interval
    with closing(replay.messages.read(interval.since, interval.until)) as pages:
        return count_messages(pages, interval, limit=PREVIEWED)


_NAMES: Final = {
    "archive": "archive in Cloud Storage",
    "bigquery": "table in BigQuery",
    "topic": "topic",
}


def _print_preview(replay: _Replay, preview: Preview) -> None:
    shown = preview.as_json()
    count = f"{preview.messages:,}" if preview.is_complete else f"more than {preview.messages:,}"
    print_fields(
        [
            ("source", _NAMES[replay.source]),
            ("from", format_time(replay.interval.since)),
            ("to", f"before {format_time(replay.interval.until)}"),
            ("to topic", replay.destination.topic),
            ("messages", count),
            ("first", shown["first"]),
            ("last", shown["last"]),
        ]
    )
    if preview.by_type:
        print_table(("type", "messages"), list(preview.by_type.most_common()))


def _confirm(replay: _Replay, preview: Preview) -> bool:
    count = f"{preview.messages:,}" if preview.is_complete else f"more than {preview.messages:,}"
    question = f"Publish {count} messages to {replay.destination.topic} again?"
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # end of input
        return False


def _publish(replay: _Replay, preview: Preview, rate: int) -> tuple[Result, str]:
    """Publish and return the result, with the id of its record in `audit`."""
    interval, documents = replay.interval, replay.target.backend.documents
    details = {**replay.as_json(), "rate": rate, "preview": preview.as_json()}
    del details["notes"]
    record = begin_record(documents, "replay", replay.destination.topic, details)
    replayer = Replayer(
        topics=replay.target.backend.topics,
        topic=replay.destination.topic,
        rate=rate,
        lanes=replay.target.deployment.lanes,
        notify=print_message,
    )
    try:
        with closing(replay.messages.read(interval.since, interval.until)) as pages:
            result = replayer.run(pages, interval)
    finally:
        _end_record(documents, record, replayer.result)
    return result, record.id


def _end_record(documents: Any, record: Any, result: Result) -> None:
    try:
        end_record(documents, record, result.as_json())
    except BackendError as error:
        print_message(f"The record {record.id} in audit has no outcome: {error}")


def _report(
    replay: _Replay, preview: Preview, result: Result, *, dry_run: bool, is_confirmed: bool
) -> None:
    """Print what was done, and exit with 1 if something was left."""
    interval = replay.interval
    if not is_confirmed:
        print_message("Nothing was published. Without a terminal, confirm with --yes.")
        raise typer.Exit(FAILED)
    if result.error:
        print_message(
            f"Ended early after {result.published:,} messages: {result.error} Run it again with "
            f"--from {format_time(interval.since)} --to {format_time(interval.until)}: it begins "
            "from the beginning, and repeats have the same ce-id."
        )
        raise typer.Exit(FAILED)
    if dry_run or not preview.messages:
        reason = "This was a dry run" if dry_run else "There is nothing to publish"
        print_message(f"{reason}: nothing was published.")
        return
    print_message(f"Published {result.published:,} messages to {replay.destination.topic}.")
