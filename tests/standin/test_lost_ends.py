"""Runs whose last events are lost: neither the stream nor a webhook has them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.standin import WEBHOOK_EVENTS, StandIn, StandInConfig
from tests.support.patience import until
from tests.support.receiver import receiving
from tests.support.standin_api import open_sdk, request
from tests.support.standin_sse import read_events

RUN_ENDS = {"processing.run_completed", "processing.run_completed_with_failures"}
VIDEO_ENDS = {"processing.video_completed", "processing.video_failed"}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in in which no run fails."""
    config = StandInConfig(
        retry_every_runs=0, segment_failure_rate=0.0, video_failure_rate=0.0, heartbeat_seconds=0.05
    )
    with StandIn(config) as running:
        yield running


def play(standin: StandIn, *lose: str) -> tuple[dict[str, Any], set[str], list[dict[str, Any]]]:
    """Play a run. Return what was started, the types on the stream, and the status of its videos.

    The events on the stream name the videos.
    """
    started = standin.control.runs(videos_per_run=2, lose=lose)
    assert until(lambda: not standin.control.journal(ids=False)["runs_active"])
    events = [frame.event for frame in read_events(standin, started["events"])]
    videos = sorted({event["video_id"] for event in events if event["video_id"]})
    body = {"video_ids": videos}
    rows = request(standin, "POST", "/videos/batch/status", scope="read", json=body).json()
    return started, {event["event_type"] for event in events}, rows


@pytest.mark.parametrize(
    ("lose", "missing", "count"),
    [
        ((), set(), 0),
        (("run",), RUN_ENDS, 1),
        (("video",), VIDEO_ENDS, 2),
        (("run", "video"), RUN_ENDS | VIDEO_ENDS, 3),
    ],
)
def test_the_status_says_what_no_event_does(
    standin: StandIn, lose: tuple[str, ...], missing: set[str], count: int
) -> None:
    """The run and its videos have finished, and only the lost events are missing."""
    started, types, rows = play(standin, *lose)

    assert started["lost"] == count
    assert types & (RUN_ENDS | VIDEO_ENDS) == (
        {"processing.run_completed", "processing.video_completed"} - missing
    )
    assert [row["status"] for row in rows] == ["processed", "processed"]
    assert {run["status"] for row in rows for run in row["processing_status"]} == {"completed"}
    assert standin.control.journal()["emitted"] == started["events"]


def test_a_webhook_does_not_get_them_either(standin: StandIn) -> None:
    """Nor is there a record of a delivery."""
    with receiving() as receiver, open_sdk(standin, "admin") as client:
        client.webhooks.create(name="all", url=receiver.url, events=list(WEBHOOK_EVENTS))
        play(standin, "run")
        report = standin.control.settled_webhooks()

    assert report["event_types"]["prompt_run.started"] == 1
    assert report["event_types"]["media.processing.completed"] == 2
    assert "prompt_run.completed" not in report["event_types"]


def test_other_kinds_are_refused(standin: StandIn) -> None:
    """With the kinds that can be lost."""
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        standin.control.runs(lose=["segment"])
