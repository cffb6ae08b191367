"""`cli.operate.replay.source`: which source and topic, and what is said about them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.local_deployment import describe
from tests.support.replays import HOUR, NOON
from videovector_bridge.backends import BackendSettings
from videovector_bridge.cli.operate.replay.interval import Interval
from videovector_bridge.cli.operate.replay.source import (
    Destination,
    choose_destination,
    choose_source,
    explain,
)
from videovector_bridge.settings.deployment import Deployment, parse_deployment

EVENTS = Destination("events", is_events=True, subscriptions=("a", "b"))


def make_deployment(archive: str = "", table: str = "") -> Deployment:
    """A deployment in project `p`, whose topics have the prefix `blue-`."""
    described = describe(BackendSettings("gcp", "p", ""))
    described["topics"] = {name: f"blue-{name}" for name in described["topics"]}
    deployment = parse_deployment(described, "here")
    return replace(deployment, archive_bucket=archive, bigquery_table=table)


@pytest.mark.parametrize(
    ("archive", "table", "chosen"),
    [
        ("bucket", "p.d.t", "archive"),
        ("", "p.d.t", "bigquery"),
        ("bucket", "", "archive"),
        ("", "", "topic"),
    ],
)
def test_auto_takes_the_first_copy_that_exists(archive: str, table: str, chosen: str) -> None:
    """The archive, else BigQuery, else the topic itself."""
    problems: list[str] = []

    assert choose_source("auto", make_deployment(archive, table), problems) == chosen
    assert problems == []


@pytest.mark.parametrize("asked", ["archive", "bigquery", "tape"])
def test_a_source_that_does_not_exist_is_refused(asked: str) -> None:
    """The sentence names the option."""
    problems: list[str] = []
    choose_source(asked, make_deployment(), problems)

    assert len(problems) == 1
    assert problems[0].startswith("--source")


@pytest.mark.parametrize("asked", ["", "events", "blue-events", "projects/p/topics/blue-events"])
def test_events_is_the_default_topic(asked: str) -> None:
    """By its name in the topology, its id or its full name; its subscriptions are known."""
    destination = choose_destination(asked, make_deployment(), [])

    assert (destination.topic, destination.is_events) == ("blue-events", True)
    assert "upsert-markers" in destination.subscriptions
    assert "rejected" not in destination.subscriptions


@pytest.mark.parametrize("asked", ["mine", "projects/q/topics/blue-events"])
def test_another_topic_may_be_anywhere(asked: str) -> None:
    """Also in another project."""
    assert choose_destination(asked, make_deployment(), []) == Destination(asked, is_events=False)


@pytest.mark.parametrize("asked", ["rejected", "blue-dead-letters", "media-urls"])
def test_other_topics_of_the_bridge_are_refused(asked: str) -> None:
    """Their readers expect other messages."""
    problems: list[str] = []
    choose_destination(asked, make_deployment(), problems)

    assert "a topic of your own" in problems[0]


def test_the_notes_say_who_gets_the_messages() -> None:
    """Every subscription of `events`, or those of the other topic alone."""
    interval = Interval(NOON - 2 * HOUR, NOON - HOUR)

    assert "(a, b, and your own)" in explain("bigquery", interval, EVENTS, NOON)[-1]
    other = explain("bigquery", interval, Destination("mine", is_events=False), NOON)[-1]
    assert "Only subscriptions of mine" in other


def test_the_notes_say_what_may_be_missing() -> None:
    """New files of the archive, and what is older than the topic keeps."""
    old = Interval(NOON - timedelta(days=8), NOON - HOUR)
    new = Interval(NOON - HOUR, NOON - timedelta(minutes=1))

    assert "events before 2026-01-24T12:00:00Z are missing" in " ".join(
        explain("topic", old, EVENTS, NOON)
    )
    assert "missing" not in " ".join(explain("topic", new, EVENTS, NOON))
    assert "newest events may be missing" in " ".join(explain("archive", new, EVENTS, NOON))
    assert "missing" not in " ".join(explain("archive", old, EVENTS, NOON))
    assert "more than once" in " ".join(explain("bigquery", new, EVENTS, NOON))
