"""Invariant 5 with real threads, HTTP and stores: overlap, lost answers, late requests."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.subscribing import SOURCE, Deployed, deploying, event, message_of
from videovector_bridge.automate import subscriber, wiring
from videovector_bridge.automate.action import effect_key
from videovector_bridge.automate.effects.record import Version
from videovector_bridge.backends import BackendSettings

PUT, POST = "PUT /markers", "POST /videos/signed-url"
THREADS = 6
TIMEOUT_SECONDS = 0.2
LATE_SECONDS = 0.4  # a request that is held up this long lands after its sender gave up
MARK = """
[[automation]]
name = "mark"
on = ["prompt_run.*"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "{event.event_id}"
"""
LINK = """
[[automation]]
name = "link"
on = ["*"]
[automation.issue_signed_url]
gcs_uri = "{event.payload.gcs_uri}"
"""


class Clock:
    """A clock that stands while handlers run."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._tick = 0

    def __call__(self) -> float:
        """The time; never the same twice, so that claims differ."""
        self._tick += 1
        return self.now + self._tick * 1e-6


@pytest.fixture
def deploy(
    backend_settings: BackendSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[str], Deployed]]:
    """Deploy a function over each backend in turn, without pauses."""
    monkeypatch.setattr(subscriber, "_PAUSE_SECONDS", 0.0)
    with StandIn(StandInConfig(videos=2, playground_videos=0)) as standin:
        yield from deploying(standin, backend_settings, monkeypatch, tmp_path)


def on_the_clock(deployed: Deployed) -> Clock:
    """Let the function's effects go by a clock of the test's own."""
    clock = Clock()
    wiring.instance.get()[0].effects._now = clock
    return clock


def let_everything_land(standin: StandIn) -> None:
    """Return when every request that was sent before has had its effect, or has none.

    The wait runs on the stand-in's own loop, where it began after theirs.
    """
    standin.wait_for_pending(2 * LATE_SECONDS)


def deliver(deployed: Deployed, events: list[dict[str, Any]]) -> list[int]:
    """Deliver events by several threads at once; the statuses, in order."""
    app = deployed.client.application

    def push(one: dict[str, Any]) -> int:
        message = message_of(one)
        answer = app.test_client().post("/", data=message.data, headers=dict(message.attributes))
        return answer.status_code

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(push, events))


def script(random: Random, requests: int) -> list[dict[str, Any]]:
    """What befalls so many requests: half of them nothing."""
    fine: dict[str, Any] = {"kind": "delay", "seconds": 0}
    troubles: list[dict[str, Any]] = [
        {"kind": "delay", "seconds": LATE_SECONDS},
        {"kind": "drop", "act": True},
        {"kind": "drop", "act": False},
        {"kind": "drop", "act": True, "reset": True},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 504},
    ]
    fates = (random.choice((fine, random.choice(troubles))) for _ in range(requests))
    return [{"on": PUT, **fate} for fate in fates]


def newest(events: list[dict[str, Any]]) -> dict[str, str]:
    """The event that determines the marker of each run."""
    by_run: dict[str, str] = {}
    for one in sorted(events, key=lambda one: (one["created_at"], one["event_id"])):
        by_run[one["run_id"]] = one["event_id"]
    return by_run


def deliver_all(
    deployed: Deployed, events: list[dict[str, Any]], random: Random, clock: Clock
) -> None:
    """Deliver every event in any order, twice and overlapping, until each is acknowledged."""
    waiting = events
    for _ in range(100):
        batch = waiting * 2
        random.shuffle(batch)
        statuses = deliver(deployed, batch)
        assert set(statuses) <= {200, 503}
        acked = {one["event_id"] for one, code in zip(batch, statuses, strict=True) if code == 200}
        waiting = [one for one in waiting if one["event_id"] not in acked]
        if not waiting:
            break
        let_everything_land(deployed.standin)
        clock.now += 60
    assert waiting == []
    let_everything_land(deployed.standin)


@pytest.mark.parametrize("seed", [1, 2])
def test_markers_end_as_one_pass_in_order_leaves_them(
    deploy: Callable[[str], Deployed], seed: int
) -> None:
    """Whatever order, overlap, repetition and trouble: the newest event's marker, nothing pending.

    Afterwards no delivery asks VideoVector or writes anything.
    """
    random = Random(seed)
    markers = deploy("upsert_markers")
    markers.set("API_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    markers.automations(MARK)
    clock = on_the_clock(markers)
    events = [
        event(f"e{run}-{number}", random.randrange(4), run_id=f"run_{run}")
        for run in range(20)
        for number in range(4)
    ]
    expected = newest(events)
    markers.standin.control.faults(*script(random, 120))

    deliver_all(markers, events, random, clock)

    assert markers.markers() == expected
    records = {run: markers.record(f"marker:run:{run}") for run in expected}
    for run, record in records.items():
        assert record.fields["pending"] == {}
        assert record.fields["event_id"] == expected[run]
    requests = markers.requests(PUT)
    assert set(deliver(markers, events)) == {200}
    assert markers.requests(PUT) == requests
    assert {run: one.revision for run, one in records.items()} == {
        run: markers.record(f"marker:run:{run}").revision for run in expected
    }


def processed(deployed: Deployed) -> dict[str, Any]:
    """An event about an object that the stand-in has."""
    gcs_uri = next(iter(deployed.standin.state.library.objects))
    deployed.set("SIGNED_URL_BUCKETS", gcs_uri.split("/")[2])
    return event(event_type="processing.video_completed", payload={"gcs_uri": gcs_uri})


def test_overlapping_deliveries_ask_for_one_url(deploy: Callable[[str], Deployed]) -> None:
    """However many deliveries of an event run at once, one asks, and one message is published."""
    links = deploy("issue_signed_urls")
    one = processed(links)
    links.automations(LINK)
    on_the_clock(links)
    links.standin.control.faults({"on": POST, "kind": "delay", "seconds": 0.3})

    statuses = deliver(links, [one] * 12)
    assert set(statuses) <= {200, 503}
    assert 200 in statuses
    assert set(deliver(links, [one] * 3)) == {200}

    assert links.requests(POST) == 1
    assert len(links.published("media-urls")) == 1


class Killed(BaseException):
    """The process ended here."""


def test_a_crash_between_url_and_message_costs_no_second_grant(
    deploy: Callable[[str], Deployed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redelivery waits for the claim to end, asks under the same key, and publishes."""
    links = deploy("issue_signed_urls")
    one = processed(links)
    links.automations(LINK)
    clock = on_the_clock(links)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(type(wiring.instance.get()[0].backend.topics), "publish", killed)
        with pytest.raises(Killed):
            links.push(one)
    assert links.push(one) == 503
    clock.now += 1_000

    assert links.push(one) == 200

    assert links.requests(POST) == 2
    assert links.standin.control.journal(ids=False)["signed_urls"] == 1
    (found,) = links.published("media-urls")
    version = Version(one["created_at"], "evt_1", SOURCE)
    assert found.attributes["ce-id"] == effect_key("link", version)
    assert json.loads(found.data)["signed_url"]
