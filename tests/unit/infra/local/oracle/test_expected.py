"""The expected effects of events."""

import tomllib
from typing import Any

import pytest

from infra.local.clouds.cloud import TopicMessage
from infra.local.configuration import SHIPPED_AUTOMATIONS
from infra.local.oracle.expected import (
    TABLE,
    Expected,
    Marker,
    Matches,
    NoMarker,
    Preview,
    SegmentUrls,
    SignedUrl,
    VideoDocument,
    expected_effects,
)
from infra.local.oracle.progress import Progress
from tests.support.local_run import event


def expected_of(*messages: TopicMessage) -> Expected:
    """The expected effects of messages."""
    progress = Progress()
    progress.note_events(list(messages))
    return expected_effects(progress.published.values())


def test_the_table_has_each_shipped_automation_once() -> None:
    """The rows have the names of the file, in its order."""
    shipped = tomllib.loads(SHIPPED_AUTOMATIONS.read_text(encoding="utf-8"))["automation"]

    assert [row.automation for row in TABLE] == [each["name"] for each in shipped]


def test_the_newest_event_decides() -> None:
    """A failed run that was retried has no marker, in any order of its messages."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    completed = event("b", "processing.run_completed", 2, run_id="r")

    for messages in ([failed, completed], [completed, failed]):
        newest = expected_of(*messages).newest["marker on run r"]
        assert (newest.effect, newest.event.id) == (NoMarker("r"), "b")


def test_events_of_one_time_are_in_the_order_of_their_ids() -> None:
    """The order of their messages does not matter."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    completed = event("b", "processing.run_completed", 1, run_id="r")

    for messages in ([failed, completed], [completed, failed]):
        assert expected_of(*messages).newest["marker on run r"].event.id == "b"


def test_events_of_two_sources_with_one_id_are_two() -> None:
    """Source and id together identify an event."""
    one, other = (event("a", run_id=name) for name in ("r", "s"))
    other = TopicMessage(
        {**other.attributes, "ce-source": "//other"}, other.data, other.published_at
    )

    assert set(expected_of(one, other).newest) == {"marker on run r", "marker on run s"}


def test_red_before_something_else_is_remembered() -> None:
    """`red_before` follows the order of the events, and is false for a marker that is still red."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    again = event("b", "processing.run_failed", 2, run_id="r")
    partly = event("c", "processing.run_completed_with_failures", 3, run_id="r")
    completed = event("d", "processing.run_completed", 4, run_id="r")

    for messages, red_before in (
        ([failed, completed], True),
        ([completed, failed], True),
        ([failed, partly, completed], True),
        ([partly, completed], False),
        ([failed, again], False),
    ):
        assert expected_of(*messages).newest["marker on run r"].red_before is red_before


def test_time_is_compared_not_text() -> None:
    """Times in different zones and formats are compared as times."""
    first = event(
        "a", "processing.run_failed", 1, run_id="r", created_at="2026-01-01T02:00:00+02:00"
    )
    second = event(
        "b", "processing.run_completed", 2, run_id="r", created_at="2026-01-01T00:00:01Z"
    )

    assert expected_of(second, first).newest["marker on run r"].event.id == "b"


def test_a_failed_run_is_red_with_the_time_of_its_event() -> None:
    """The note has the event's own text for the time, on both channels."""
    stream = event("a", run_id="r", created_at="2026-01-01T00:00:01Z")
    webhook = event("w", "prompt_run.failed", 1, channel="webhook", data={"run_id": "s"})

    newest = expected_of(stream, webhook).newest

    assert newest["marker on run r"].effect == Marker("r", "red", "failed at 2026-01-01T00:00:01Z")
    assert newest["marker on run s"].effect == Marker(
        "s", "red", "failed at 2026-01-01T00:00:01+00:00"
    )


def test_every_kind_of_effect_is_expected_of_a_processed_video() -> None:
    """Each has its own target; the bridge's own events cause further effects."""
    expected = expected_of(
        event(
            "a",
            "processing.video_completed",
            video_id="v",
            run_id="r",
            payload={"gcs_uri": "gs://bucket/o", "failed_segments": 1},
        ),
        event(
            "b",
            "processing.segment_completed",
            video_id="v",
            segment_id="s",
            payload={"start_time": 0.0},
        ),
        event("c", "media.preview_stored", channel="bridge", payload={"uri": "gs://bucket/v.gif"}),
    )

    effects = [each.effect for each in expected.every]
    assert sorted(effects, key=repr) == sorted(
        [
            SignedUrl("gs://bucket/o"),
            SegmentUrls("v", "r"),
            Preview("videos/v/preview.gif", "gif", "v"),
            VideoDocument("v"),
            Preview("videos/v/first.jpg", "thumbnail", "s"),
            SignedUrl("gs://bucket/v.gif"),
        ],
        key=repr,
    )


def test_a_completed_run_is_searched() -> None:
    """Each saved search runs once."""
    expected = expected_of(event("a", "processing.run_completed", run_id="r"))

    searches = [each.effect.search for each in expected.every if isinstance(each.effect, Matches)]
    assert searches[0] == {"query": "a red car", "top_k": 20}


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("processing.run_failed", {}),
        ("processing.run_failed", {"run_id": None}),
        ("processing.segment_completed", {"segment_id": "s", "payload": {"start_time": 10.0}}),
        ("processing.segment_started", {"video_id": "v", "segment_id": "s"}),
        ("media.preview_stored", {"payload": {"uri": "gs://b/o"}}),
        ("processing.video_completed", {"payload": {"failed_segments": None, "gcs_uri": None}}),
    ],
)
def test_an_event_that_meets_no_condition_has_no_effect(
    event_type: str, fields: dict[str, Any]
) -> None:
    """Nor has an event that lacks a field which the automation needs."""
    assert expected_of(event("a", event_type, **fields)).every == ()
