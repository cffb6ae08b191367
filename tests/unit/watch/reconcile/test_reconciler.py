"""One run of reconcile after another, over ports in memory."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.followed_work import SETTINGS, START, Followed, Vendor, work_message
from videovector_bridge.api import (
    ApiError,
    CredentialRefused,
    RateLimited,
    RequestRefused,
    ResponseTooLarge,
    ScopeRefused,
    ServerTrouble,
    UnexpectedResponse,
    Unreachable,
)
from videovector_bridge.watch.reconcile.open_work import KEEP_SECONDS

MINUTE = timedelta(minutes=1)


@pytest.fixture
def followed() -> Followed:
    """A run `r1` with the videos `v1` and `v2`, which has started and finishes at VideoVector."""
    followed = Followed()
    followed.add(
        work_message("processing.run_started", START),
        work_message("processing.video_started", START, video_id="v1"),
        work_message("processing.video_started", START, video_id="v2"),
    )
    followed.vendor.run("r1", "processing", "v1", "v2")
    return followed


def end_videos(followed: Followed) -> None:
    """Let the ends of both videos arrive."""
    followed.add(
        work_message("processing.video_completed", followed.now, video_id="v1"),
        work_message("processing.video_completed", followed.now, video_id="v2"),
    )


def test_an_end_that_never_came_is_published(followed: Followed) -> None:
    """With its ids, the time at which VideoVector first called it finished, and a stable id."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed", "v1", "v2")
    seen_at = followed.now
    report = followed.run()
    assert (report.open, report.finished, report.repaired) == (1, 1, 0)

    report = followed.run()

    (message,) = followed.repairs
    names = message.attributes
    assert names["ce-id"].startswith("bridge.reconciled:processing.run_completed:")
    assert (names["ce-channel"], names["ce-originchannel"]) == ("reconciled", "stream")
    assert names["ce-source"] == "//127.0.0.1:9/processing/events"
    assert (names["ce-runid"], names["ce-subject"]) == ("r1", "runs/r1")
    assert message.ordering_key.startswith("lane-")
    event = json.loads(message.data)
    assert event["created_at"] == names["ce-time"] == seen_at.isoformat().replace("+00:00", "Z")
    assert event["payload"] == {"reconciled": True}
    assert report.repaired_ids == [names["ce-id"]]
    assert followed.run().open == 0
    assert len(followed.repairs) == 1


def test_each_channel_that_announced_a_start_gets_its_end(followed: Followed) -> None:
    """In the form of its events, for the consumers of each."""
    followed.add(work_message("prompt_run.started", START))
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed_with_failures", "v1", "v2")
    followed.run()
    followed.run()

    assert followed.types == [
        "processing.run_completed_with_failures",
        "prompt_run.partial_completed",
    ]
    delivery = json.loads(followed.repairs[1].data)
    assert delivery["event"] == "prompt_run.partial_completed"
    assert delivery["data"] == {"reconciled": True, "run_id": "r1"}
    assert delivery["id"] == followed.repairs[1].attributes["ce-id"]


def test_a_channel_that_announces_only_videos_gets_no_end_of_a_run(followed: Followed) -> None:
    """A webhook may be subscribed to events of media alone."""
    followed.add(work_message("media.processing.started", START, video_id="v1"))
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "failed", "v1", "v2")
    followed.run()
    followed.run()

    assert followed.types == ["processing.run_failed"]


def overdue_video(followed: Followed) -> None:
    """Let the end of a video be overdue, at the next run."""
    followed.run()
    followed.vendor.run("r1", "completed", "v1", "v2")
    followed.add(
        work_message("processing.run_completed", followed.now),
        work_message("processing.video_completed", followed.now, video_id="v2"),
    )
    followed.run()


def test_a_video_that_ends_without_an_event(followed: Followed) -> None:
    """With what the status says: the counts of its segments, and its URI."""
    overdue_video(followed)
    followed.run()

    (message,) = followed.repairs
    assert followed.types == ["processing.video_completed"]
    assert (message.attributes["ce-videoid"], message.attributes["ce-runid"]) == ("v1", "r1")
    assert json.loads(message.data)["payload"] == {
        "reconciled": True,
        "total_segments": 4,
        "successful_segments": 4,
        "failed_segments": 0,
        "gcs_uri": "gs://videos/v1",
    }


def test_an_end_on_one_channel_is_enough(followed: Followed) -> None:
    """The event has come."""
    followed.add(work_message("prompt_run.started", START))
    followed.run()
    end_videos(followed)
    followed.add(work_message("prompt_run.completed", followed.now))
    followed.vendor.run("r1", "completed", "v1", "v2")

    for _ in range(4):
        assert followed.run().open == 0
    assert followed.repairs == []


def test_work_that_continues_is_left_alone(followed: Followed) -> None:
    """However long it takes, and it is not asked about before its time."""
    assert followed.run(seconds=1).asked == 0
    followed.now = START + timedelta(seconds=180)
    for _ in range(3):
        report = followed.run()
        assert (report.asked, report.running, report.finished) == (3, 3, 0)
    assert followed.ports.published == []


def test_an_event_on_its_way_has_the_grace(followed: Followed) -> None:
    """The end arrives after VideoVector called the run finished, and before the repair."""
    followed.run()
    end_videos(followed)
    ended_at = followed.now
    followed.vendor.run("r1", "completed", "v1", "v2")
    assert followed.run(seconds=60).finished == 1
    assert followed.run(seconds=240).repaired == 0
    followed.add(work_message("processing.run_completed", ended_at))

    assert followed.run().open == 0
    assert followed.repairs == []


def test_a_run_that_starts_again_is_followed_again(followed: Followed) -> None:
    """Under the same id. Each attempt that ends without an event has an event of its own."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "failed", "v1", "v2")
    followed.run()
    followed.run()
    followed.vendor.run("r1", "processing", "v1", "v2")
    followed.add(
        work_message("processing.run_started", followed.now),
        work_message("processing.video_started", followed.now, video_id="v1"),
    )
    assert followed.run().open == 2
    followed.add(work_message("processing.video_completed", followed.now, video_id="v1"))
    followed.vendor.run("r1", "failed", "v1", "v2")
    followed.run()
    followed.run()

    assert followed.types == ["processing.run_failed", "processing.run_failed"]
    assert len({each.attributes["ce-id"] for each in followed.repairs}) == 2


def test_a_finding_of_an_earlier_attempt_does_not_count(followed: Followed) -> None:
    """The run starts again between the finding and the repair."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "failed", "v1", "v2")
    assert followed.run().finished == 1
    followed.add(
        work_message("processing.run_failed", followed.now - 4 * MINUTE),
        work_message("processing.run_started", followed.now),
        work_message("processing.video_started", followed.now, video_id="v1"),
        work_message("processing.video_completed", followed.now + MINUTE, video_id="v1"),
    )
    followed.run()
    followed.vendor.run("r1", "completed", "v1", "v2")
    assert followed.run().finished == 1
    followed.run()

    assert followed.types == ["processing.run_completed"]


def test_a_video_event_after_the_end_of_its_run_opens_nothing(followed: Followed) -> None:
    """Nor does a start that is delivered again."""
    followed.run()
    followed.add(work_message("processing.run_completed", followed.now))
    followed.run()
    followed.add(
        work_message("processing.video_completed", followed.now, video_id="v1"),
        work_message("processing.video_completed", followed.now, video_id="v2"),
        work_message("processing.run_started", START),
        work_message("processing.video_started", START, video_id="v1"),
    )

    assert followed.run().open == 0


def test_a_run_whose_start_was_lost_is_known_by_its_videos() -> None:
    """It is closed by any end, and repaired if none comes."""
    for ends in (True, False):
        followed = Followed()
        followed.add(work_message("processing.video_started", START, video_id="v1"))
        followed.add(work_message("processing.video_completed", START + MINUTE, video_id="v1"))
        if ends:
            followed.add(work_message("processing.run_completed", START + MINUTE / 2))
        followed.vendor.run("r1", "completed", "v1")
        for _ in range(3):
            followed.run()

        assert followed.types == ([] if ends else ["processing.run_completed"])


def test_a_late_end_is_counted(followed: Followed) -> None:
    """The real event came after all: it is older than the one in its place."""
    followed.run()
    end_videos(followed)
    ended_at = followed.now
    followed.vendor.run("r1", "completed", "v1", "v2")
    assert [followed.run().late for _ in range(3)] == [0, 0, 0]
    followed.add(work_message("processing.run_completed", ended_at))

    assert followed.run().late == 1
    assert len(followed.repairs) == 1


def test_the_end_of_a_later_attempt_is_not_late(followed: Followed) -> None:
    """The run started again: the event that was published took the place of an older end."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed", "v1", "v2")
    assert [followed.run().late for _ in range(3)] == [0, 0, 0]
    end = work_message("processing.run_completed", followed.now)

    for _ in range(2):  # a redelivery of this end is as old as the newest one that is known
        followed.add(end)
        assert followed.run().late == 0


def with_streams(followed: Followed, **window: Any) -> None:
    """Store a stream whose last window ended at `followed.now`."""
    ended_at = followed.now.isoformat()
    fields = {"last_window": {"outcome": "drained", "ended_at": ended_at, **window}}
    followed.ports.documents["streams", "default"] = (fields, 1)


def test_a_stream_that_is_behind_withholds_repairs(followed: Followed) -> None:
    """Its events are late, and VideoVector still has them. They are repaired once it has passed."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed", "v1", "v2")
    with_streams(followed, outcome="failed")
    followed.run()
    report = followed.run()
    assert (report.withheld, report.streams_behind, report.repaired) == (1, ["default"], 0)
    with_streams(followed)

    assert followed.run().repaired == 1


def test_a_backlog_withholds_repairs(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end may be among the messages that a run did not read."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed", "v1", "v2")
    followed.run()
    monkeypatch.setattr("videovector_bridge.watch.reconcile.reconciler.MOST_MESSAGES", 2)
    followed.add(*(work_message("processing.video_failed", START, name=str(n)) for n in range(3)))
    report = followed.run()
    assert (report.backlog, report.messages, report.withheld) == (True, 3, 1)

    assert followed.run().repaired == 1


LASTING = [
    RateLimited("slow", retry_after=600),
    ServerTrouble("down"),
    Unreachable("gone"),
    CredentialRefused("no key"),
    ScopeRefused("no scope"),
    UnexpectedResponse("a page"),
]


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_an_error_ends_the_requests_of_a_run(followed: Followed, error: ApiError) -> None:
    """One request is made. Messages are followed all the same, and the next run continues."""
    followed.run()
    end_videos(followed)
    followed.vendor.run("r1", "completed", "v1", "v2")
    followed.vendor.requests.clear()

    def fail() -> None:
        raise error

    followed.vendor.fail = fail
    report = followed.run()
    assert (report.problem, report.messages, report.asked, report.waiting) == (str(error), 2, 0, 1)
    assert len(followed.vendor.requests) == 1
    followed.vendor.fail = lambda: None
    followed.run()

    assert followed.run().repaired == 1


@pytest.mark.parametrize("kind", [RequestRefused, ResponseTooLarge])
def test_a_video_that_is_refused_stops_no_other(kind: type[ApiError]) -> None:
    """A request that VideoVector refuses is divided until the reason is alone."""
    followed = Followed()
    names = [f"v{number}" for number in range(9)]
    for name in names:
        followed.add(work_message("media.processing.started", START, run_id="", video_id=name))
        followed.vendor.rows[name] = {"video_id": name, "status": "processed"}

    def fail() -> None:
        if "v5" in followed.vendor.requests[-1] and kind is not None:
            raise kind("refused")

    followed.vendor.fail = fail
    followed.run()
    report = followed.run()
    assert (report.unreadable, report.finished, report.problem) == (1, 8, "")
    followed.run()

    assert sorted(each.attributes["ce-videoid"] for each in followed.repairs) == [
        name for name in names if name != "v5"
    ]


def fail_details(followed: Followed, error: ApiError) -> None:
    """Let VideoVector not say what it knows of videos, although it says their status."""

    def fail(ids: Iterable[str]) -> list[dict[str, Any]]:
        raise error

    followed.vendor.batch_videos = fail  # type: ignore[method-assign]


def test_an_outage_before_the_repair_of_a_video_delays_it(followed: Followed) -> None:
    """Its event would lack the URI, which automations need."""
    overdue_video(followed)
    real = followed.vendor.batch_videos
    fail_details(followed, ServerTrouble("down"))
    report = followed.run()
    assert (report.problem, report.repaired) == ("down", 0)
    followed.vendor.batch_videos = real  # type: ignore[method-assign]

    assert followed.run().repaired == 1


def test_a_video_that_videovector_does_not_describe_is_repaired_all_the_same(
    followed: Followed,
) -> None:
    """Without its URI: the event matters more."""
    overdue_video(followed)
    fail_details(followed, RequestRefused("unknown video"))

    assert followed.run().repaired == 1
    (message,) = followed.repairs
    assert "gcs_uri" not in json.loads(message.data)["payload"]


def test_work_that_changes_during_the_run_is_not_repaired(followed: Followed) -> None:
    """Another run stores its end between the listing and the repair."""
    overdue_video(followed)

    def end(step: str) -> None:
        if step == "before list":  # the streams, just before the repair
            key = "open", "video:v1:r1"
            fields, revision = followed.ports.documents.get(key, ({}, 0))
            if followed.vendor.requests and fields:
                followed.ports.documents[key] = (fields, revision + 10_000)

    followed.vendor.requests.clear()
    followed.ports.step = end

    assert followed.run().repaired == 0
    assert followed.repairs == []


def test_requests_are_bounded_and_nothing_starves() -> None:
    """What was not asked about for the longest time comes first."""
    followed = Followed(settings=replace(SETTINGS, max_calls=2))
    for number in range(450):
        name = f"v{number:03}"
        followed.add(work_message("media.processing.started", START, run_id="", video_id=name))
        followed.vendor.rows[name] = {"video_id": name, "status": "processing"}
    followed.run()
    followed.vendor.requests.clear()
    for waiting in (250, 250, 250):
        report = followed.run()
        assert (report.calls, report.asked, report.waiting) == (2, 200, waiting)

    assert len({id_ for asked in followed.vendor.requests for id_ in asked}) == 450


def test_open_work_beyond_one_listing_is_listed_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From where the last listing ended, and around."""
    monkeypatch.setattr("videovector_bridge.watch.reconcile.reconciler.MOST_OPEN", 4)
    monkeypatch.setattr("videovector_bridge.watch.reconcile.work_store._PAGE", 3)
    followed = Followed()
    for number in range(10):
        name = f"v{number}"
        followed.add(work_message("media.processing.started", START, run_id="", video_id=name))
        followed.vendor.rows[name] = {"video_id": name, "status": "processing"}
    followed.run()
    followed.vendor.requests.clear()
    for _ in range(3):
        assert followed.run().open == 4

    asked = [id_ for each in followed.vendor.requests for id_ in each]
    assert set(asked) == {f"v{number}" for number in range(10)}
    monkeypatch.setattr("videovector_bridge.watch.reconcile.reconciler.MOST_OPEN", 40)
    assert [followed.run().open, followed.run().open] == [10, 10]


def test_what_videovector_does_not_know_is_forgotten_in_the_end() -> None:
    """It is counted until then, as is a run without a known video."""
    followed = Followed()
    followed.add(
        work_message("processing.video_started", START, run_id="", video_id="gone"),
        work_message("processing.run_started", START, run_id="lonely"),
    )
    followed.run()
    report = followed.run()
    assert (report.open, report.unknown, report.unaskable) == (2, 1, 1)
    followed.now = START + timedelta(seconds=KEEP_SECONDS + 1)

    assert followed.run().forgotten == 2
    assert followed.run().open == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "run", "run_id": "r1"},
        {"kind": "run", "started_at": START.isoformat()},
        {"kind": "video", "video_id": "v1", "started_at": "soon"},
        {"kind": 5, "run_id": ["r"], "started_at": 5, "video_ids": None},
    ],
)
def test_a_document_that_a_person_made_unreadable_stops_nothing(
    followed: Followed, fields: dict[str, Any]
) -> None:
    """It is not followed."""
    followed.ports.documents["open", "run:zzz"] = (fields, 1)
    followed.run()

    assert followed.run().open == 3


def test_messages_of_other_types_and_without_ids_are_acknowledged() -> None:
    """The emulator ignores filters, and a redrive may publish anything."""
    followed = Followed(vendor=Vendor())
    followed.add(
        work_message("processing.segment_completed", START, video_id="v1"),
        work_message("processing.run_started", START, run_id=""),
        work_message("test", START),
    )

    assert (followed.run().messages, followed.run().messages) == (3, 0)
    assert followed.ports.fields("open") == {}
