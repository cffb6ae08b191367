"""Refusals with real threads, HTTP and stores, while `rejected` fails, and redrives afterwards."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.standin import StandIn, StandInConfig
from tests.faults.test_effects_faults import (
    MARK,
    PUT,
    deliver_all,
    newest,
    on_the_clock,
    script,
)
from tests.functions.test_outcomes import redrive
from tests.support.subscribing import Deployed, deploying, event
from videovector_bridge.automate import subscriber, wiring
from videovector_bridge.backends import BackendSettings
from videovector_bridge.errors import BackendError

RUNS, EVENTS = 12, 4
TIMEOUT_SECONDS = 0.2


@pytest.fixture
def deploy(
    backend_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str], Deployed]]:
    """Deploy a function over each backend in turn, without pauses."""
    monkeypatch.setattr(subscriber, "_PAUSE_SECONDS", 0.0)
    with StandIn(StandInConfig(videos=2, playground_videos=0)) as standin:
        yield from deploying(standin, backend_settings, monkeypatch, tmp_path)


def events_of(random: Random) -> list[dict[str, Any]]:
    """Events of several runs; VideoVector refuses those that are bad."""
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
    good = newest([one for one in events if one["event_id"].startswith("good")])
    at = {one["event_id"]: (one["created_at"], one["event_id"]) for one in events}
    return {
        id_
        for id_, moment in at.items()
        if id_.startswith("bad") and moment > at.get(good.get(f"run_{id_.split('-')[1]}", ""), ())
    }


def break_rejected(random: Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every other publication to `rejected` fail, before or after it took effect."""
    topics = type(wiring.instance.get()[0].backend.topics)
    honest = topics.publish

    def publish(self: Any, topic: str, messages: Any, **others: Any) -> None:
        if topic != "rejected" or random.random() < 0.5:
            honest(self, topic, messages, **others)
            return
        if random.random() < 0.5:
            honest(self, topic, messages, **others)
        raise BackendError("rejected is out of reach")

    monkeypatch.setattr(topics, "publish", publish)


def pending_ids(deployed: Deployed, run_id: str) -> set[str]:
    """The events that are pending on the marker of a run."""
    pending = deployed.record(f"marker:run:{run_id}").fields["pending"]
    return {key.partition("@")[0] for key in pending}


def test_refused_events_are_reported_hide_no_other_and_are_redriven(
    deploy: Callable[[str], Deployed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The marker is that of the newest event that is not refused; then the rejected are redriven.

    Each event that stays refused is on `rejected`, although every other publication there fails.
    """
    random = Random(7)
    markers = deploy("upsert_markers")
    markers.set("API_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    markers.automations(MARK)
    clock = on_the_clock(markers)
    events = events_of(random)
    good = [one for one in events if one["event_id"].startswith("good")]
    bad = {one["event_id"] for one in events} - {one["event_id"] for one in good}
    refusing = {"on": PUT, "kind": "status", "status": 422, "times": None, "containing": '"bad-'}
    markers.standin.control.faults(refusing, *script(random, 60))

    with monkeypatch.context() as patch:
        break_rejected(random, patch)
        deliver_all(markers, events, random, clock)

    assert markers.markers() == newest(good)
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
        assert redrive(markers, one) == 200
    assert markers.markers() == newest(events)
    assert all(pending_ids(markers, one["run_id"]) == set() for one in events)
