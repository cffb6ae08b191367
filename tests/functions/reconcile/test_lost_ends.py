"""Ends of runs and videos that never came: `reconcile` publishes them, once, and only these."""

import json
from collections.abc import Iterator

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.peers import dead_server
from tests.support.reconciling import Bridge
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message

# No run fails, so that each type is known.
CONFIG = StandInConfig(
    heartbeat_seconds=0.1, retry_every_runs=0, segment_failure_rate=0.0, video_failure_rate=0.0
)
ENDS = ("run", "video")
RUN, VIDEO = "processing.run_completed", "processing.video_completed"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in in which nothing has happened yet."""
    with StandIn(CONFIG) as running:
        yield running


@pytest.fixture
def bridge(standin: StandIn, backend_settings: BackendSettings) -> Bridge:
    """A bridge over each backend in turn."""
    return Bridge(standin, backend_settings)


@pytest.fixture
def embedded(standin: StandIn, embedded_settings: BackendSettings) -> Bridge:
    """A bridge over the embedded backend."""
    return Bridge(standin, embedded_settings)


def types(messages: list[Message]) -> list[str]:
    """Return the event types of messages, sorted."""
    return sorted(
        each.attributes["ce-type"].removeprefix("com.vectormethods.") for each in messages
    )


def test_a_lost_end_is_published_within_15_minutes(bridge: Bridge) -> None:
    """The run and its videos ended, and no event said so."""
    started = bridge.standin.control.runs(videos_per_run=2, lose=ENDS)
    bridge.drain()

    first, second, third = bridge.repair()

    assert (first["finished"], second["repaired"], third["repaired"]) == (3, 3, 0)
    repaired = bridge.reconciled(3)
    assert types(repaired) == [RUN, VIDEO, VIDEO]
    (run,) = [each for each in repaired if each.attributes["ce-type"].endswith(RUN)]
    assert run.attributes["ce-runid"] == started["run_ids"][0]
    assert bridge.open_work() == []


def test_an_event_that_came_is_not_published_again(bridge: Bridge) -> None:
    """Whatever the order in which its messages are delivered."""
    bridge.standin.control.runs(runs=3, videos_per_run=2)
    bridge.drain()

    reports = bridge.repair()

    assert [report["asked"] for report in reports] == [0, 0, 0]
    assert bridge.open_work() == []
    bridge.reconciled(0)


def test_a_run_that_continues_is_asked_about_and_left_alone(embedded: Bridge) -> None:
    """Each time, however long it takes."""
    control = embedded.standin.control
    video = next(iter(sorted(embedded.standin.state.library.videos)))
    start = {"run_id": "run_1", "video_id": video}
    control.events({"event_type": "processing.run_started", "run_id": "run_1"})
    control.events({"event_type": "processing.video_started", **start})
    embedded.drain()

    reports = embedded.repair()

    assert [report["running"] for report in reports] == [2, 2, 2]
    assert embedded.open_work() == ["run:run_1", f"video:{video}:run_1"]
    embedded.reconciled(0)


def test_the_end_has_time_to_arrive(embedded: Bridge) -> None:
    """It is published only if it has not come until the next call."""
    embedded.standin.control.runs(videos_per_run=1, lose=ENDS)
    embedded.drain()
    embedded.advance()
    assert embedded.reconcile()["finished"] == 2
    (run_id,) = {name.partition(":")[2] for name in embedded.open_work() if name.startswith("run")}
    embedded.standin.control.events({"event_type": RUN, "run_id": run_id})
    embedded.drain()

    embedded.advance()
    embedded.reconcile()

    assert types(embedded.reconciled(1)) == [VIDEO]


def test_an_event_is_as_complete_as_the_status_allows(embedded: Bridge) -> None:
    """A video has its URI, for automations that issue a link to it."""
    embedded.standin.control.runs(videos_per_run=1, lose=ENDS)
    embedded.drain()
    embedded.repair()

    (video,) = [m for m in embedded.reconciled(2) if m.attributes["ce-type"].endswith(VIDEO)]

    event = json.loads(video.data)
    assert event["event_id"] == video.attributes["ce-id"]
    assert event["payload"]["gcs_uri"].startswith("gs://")
    assert event["payload"]["reconciled"] is True
    assert event["created_at"] == video.attributes["ce-time"]


def test_a_start_on_both_channels_is_ended_on_both(embedded: Bridge) -> None:
    """An automation may be for one of them."""
    started = embedded.standin.control.runs(videos_per_run=1, lose=ENDS)
    (run_id,) = started["run_ids"]
    embedded.drain()
    attributes = {"ce-type": "com.vectormethods.prompt_run.started", "ce-runid": run_id}
    embedded.publish(Message(b"{}", {**attributes, "ce-id": "whe_1", "ce-channel": "webhook"}))
    embedded.repair()

    repaired = embedded.reconciled(3)

    assert types(repaired) == [RUN, VIDEO, "prompt_run.completed"]
    (delivery,) = [m for m in repaired if m.attributes["ce-type"].endswith("run.completed")]
    body = json.loads(delivery.data)
    assert (body["id"], body["event"]) == (delivery.attributes["ce-id"], "prompt_run.completed")
    assert body["data"]["run_id"] == run_id


def test_a_run_is_noted_for_status(embedded: Bridge) -> None:
    """With its time, and when all open work was last asked about."""
    embedded.standin.control.runs(videos_per_run=1, lose=ENDS)
    embedded.drain()
    embedded.advance()
    embedded.reconcile()
    first = embedded.last_run()
    embedded.deploy(VIDEO_VECTOR_BASE_URL=f"http://{dead_server()}/api/v2")
    embedded.advance()
    embedded.reconcile(status=503)
    second = embedded.last_run()

    assert first["at"] == first["asked_all_at"] == second["asked_all_at"] < second["at"]


def test_an_end_that_comes_late_is_counted(embedded: Bridge) -> None:
    """It changes nothing any more."""
    (run_id,) = embedded.standin.control.runs(videos_per_run=1, lose=ENDS)["run_ids"]
    embedded.drain()
    embedded.repair()
    embedded.standin.control.events({"event_type": RUN, "run_id": run_id})
    embedded.drain()

    assert embedded.reconcile()["late"] == 1
    embedded.reconciled(2)
