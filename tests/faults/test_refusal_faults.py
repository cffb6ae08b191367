"""Refusals with real threads, HTTP and stores, while `rejected` fails, and redrives afterwards."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.support.automations import BY_EVENT
from tests.support.contexts import Publish, with_topics
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.markers import PUT, Deploy
from tests.support.overlapping_pushes import (
    TIMEOUT_SECONDS,
    draw_faults,
    newest_by_run,
    push_until_acknowledged,
    stop_clock,
)
from videovector_bridge.backends.ports import Message, Timeout, Topics
from videovector_bridge.errors import BackendError

RUNS, EVENTS = 12, 4


def events_of(random: Random) -> list[dict[str, Any]]:
    """Events of several runs. VideoVector refuses the bad ones."""
    return [
        event(
            f"{random.choice(('good', 'good', 'bad'))}-{run}-{number}",
            random.randrange(4),
            run_id=f"run_{run}",
        )
        for run in range(RUNS)
        for number in range(EVENTS)
    ]


def newest_bad(events: list[dict[str, Any]]) -> set[str]:
    """The bad events that are newer than every good one of their run."""
    good = newest_by_run([one for one in events if one["event_id"].startswith("good")])
    at = {one["event_id"]: (one["created_at"], one["event_id"]) for one in events}
    return {
        id_
        for id_, moment in at.items()
        if id_.startswith("bad") and moment > at.get(good.get(f"run_{id_.split('-')[1]}", ""), ())
    }


def failing_at_times(random: Random) -> Publish:
    """Fail every other publication to `rejected`, before or after it takes effect."""

    def publish(topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout) -> None:
        fails = topic == "rejected" and random.random() < 0.5
        if not fails or random.random() < 0.5:
            topics.publish(topic, messages, timeout=timeout)
        if fails:
            raise BackendError("rejected is out of reach")

    return publish


def pending_ids(deployed: DeployedFunction, run_id: str) -> set[str]:
    """The events that are pending on the marker of a run."""
    pending = deployed.record(f"marker:run:{run_id}").fields["pending"]
    return {key.partition("@")[0] for key in pending}


def test_refused_events_are_reported_hide_no_other_and_are_redriven(deploy: Deploy) -> None:
    """The marker is that of the newest event that is not refused; then the rejected are redriven.

    Each event that stays refused is on `rejected`, although every other publication there fails.
    """
    random = Random(7)
    markers = deploy("upsert_markers")
    markers.set("API_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    markers.automations(BY_EVENT)
    clock = stop_clock(markers)
    events = events_of(random)
    good = [one for one in events if one["event_id"].startswith("good")]
    bad = {one["event_id"] for one in events} - {one["event_id"] for one in good}
    refusing = {"on": PUT, "kind": "status", "status": 422, "times": None, "containing": '"bad-'}
    markers.standin.control.faults(refusing, *draw_faults(random, 60))

    with markers.changed(with_topics(failing_at_times(random))):
        push_until_acknowledged(markers, events, random, clock)

    assert markers.markers() == newest_by_run(good)
    rejected = markers.published("rejected")
    reported = Counter(one.attributes["event-id"] for one in rejected)
    # Others are older than an accepted event, which made them superfluous before they were tried.
    assert newest_bad(events) <= set(reported) <= bad
    assert {one.attributes["code"] for one in rejected} == {"validation_refused"}
    for run in {one["run_id"] for one in events}:
        # Where a second delivery overlapped the one that was acknowledged, its report may be due.
        assert pending_ids(markers, run) <= set(reported)

    markers.standin.control.clear_faults()
    for one in rejected * 2:  # the first redrive publishes a report that is due
        assert markers.redrive(one) == 200
    assert markers.markers() == newest_by_run(events)
    assert all(pending_ids(markers, one["run_id"]) == set() for one in events)
