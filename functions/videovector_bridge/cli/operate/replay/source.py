"""Where a replay reads: which source, and what the choice means, in sentences. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from videovector_bridge.cli.operate.replay.archive import WRITTEN_WITHIN
from videovector_bridge.cli.operate.replay.interval import Interval, format_time
from videovector_bridge.settings.deployment import Deployment

Source = Literal["archive", "bigquery", "topic"]
SOURCES: Final = ("auto", "archive", "bigquery", "topic")
RETENTION: Final = timedelta(days=7)
"""How long topic `events` keeps its messages (infra/topology.json)."""


def choose_source(asked: str, deployment: Deployment, problems: list[str]) -> Source:
    """Return the source: for `auto` the archive, else BigQuery, else the topic itself.

    Appends to `problems` if the deployment does not have the one that was asked for.
    """
    if asked == "archive" and not deployment.archive_bucket:
        problems.append("--source archive: the deployment has no archive (`archive = {}`)")
    if asked == "bigquery" and not deployment.bigquery_table:
        problems.append("--source bigquery: the deployment has no table (`bigquery = {}`)")
    if asked not in SOURCES:
        problems.append(f"--source must be one of {', '.join(SOURCES)}, not {asked!r}")
    if asked == "archive" or (asked == "auto" and deployment.archive_bucket):
        return "archive"
    if asked == "bigquery" or (asked == "auto" and deployment.bigquery_table):
        return "bigquery"
    return "topic"


@dataclass(frozen=True, slots=True)
class Destination:
    """The topic to publish to: its id, and whether it is the topic `events` of the bridge."""

    topic: str
    is_events: bool
    subscriptions: tuple[str, ...] = ()


def choose_destination(asked: str, deployment: Deployment, problems: list[str]) -> Destination:
    """Return the topic that `--to-topic` names, by its name in the topology, id or full name.

    Appends to `problems` for another topic of the bridge: its readers expect other messages.
    """
    topics = deployment.topics
    short = asked.removeprefix(f"projects/{deployment.backend.project}/topics/")
    names = {**{id_: name for name, id_ in topics.items()}, **{name: name for name in topics}}
    name = names.get(short, "")
    if not asked or name == "events":
        ids = tuple(each.id for each in deployment.subscriptions if each.topic == "events")
        return Destination(topics["events"], is_events=True, subscriptions=ids)
    if name:
        problems.append(f"--to-topic {asked}: events belong on `events` or on a topic of your own")
    return Destination(asked, is_events=False)


def explain(
    source: Source, interval: Interval, destination: Destination, now: datetime
) -> list[str]:
    """Return what to know before the replay: completeness, duplicates, who receives it."""
    notes = [*_explain_source(source, interval, now)]
    if destination.is_events:
        notes.append(
            "Every subscription of the topic gets the messages again "
            f"({', '.join(destination.subscriptions)}, and your own). They have the same ce-id: "
            "the bridge does nothing twice, and your consumers deduplicate on ce-source and ce-id."
        )
    else:
        notes.append(
            f"Only subscriptions of {destination.topic} get the messages; no function of the "
            "bridge acts on them."
        )
    return notes


def _explain_source(source: Source, interval: Interval, now: datetime) -> Iterator[str]:
    if source == "topic":
        yield (
            "Pub/Sub does not say when it has delivered all messages of the interval, so reading "
            "ends when none arrives for some seconds (--wait)."
        )
        if interval.since < now - RETENTION:
            yield (
                f"The topic keeps messages for {RETENTION.days} days: events before "
                f"{format_time(now - RETENTION)} are missing."
            )
        return
    where = "archive" if source == "archive" else "table"
    yield (
        f"The {where} may have a message more than once, and has the messages of earlier replays "
        "at their own publish time."
    )
    if source == "archive" and interval.until > now - WRITTEN_WITHIN:
        yield (
            "Files are written up to 5 minutes late: the newest events may be missing. Wait, or "
            "use --source topic."
        )
