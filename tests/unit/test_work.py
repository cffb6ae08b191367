"""Runs and videos as work: event types, keys, and the filter of the subscription."""

import pytest

from tests.support.pubsub_filter import lets_through
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.work import (
    STEPS,
    SUBSCRIPTION_FILTER,
    Channel,
    Kind,
    Result,
    Work,
    end_type,
    find_work,
    origin_channel,
)


def test_the_filter_lets_through_every_step_and_no_segment() -> None:
    """Within the 256 bytes that Pub/Sub allows."""
    assert len(SUBSCRIPTION_FILTER.encode()) <= 256
    for event_type in STEPS:
        assert lets_through(SUBSCRIPTION_FILTER, {"ce-type": TYPE_PREFIX + event_type}), event_type
    for event_type in ("processing.segment_completed", "media.created", "search.matched", "test"):
        assert not lets_through(SUBSCRIPTION_FILTER, {"ce-type": TYPE_PREFIX + event_type})


def test_different_work_has_different_keys() -> None:
    """Also if ids have colons."""
    works = [
        Work("run", "a:b"),
        Work("video", "b:c", "a"),
        Work("video", "c", "a:b"),
        Work("video", "c", "a%3Ab"),
        Work("video", "", "a:b:c"),
    ]

    assert len({work.key for work in works}) == len(works)
    assert Work("video", "r1", "v1").key == "video:v1:r1"


@pytest.mark.parametrize("channel", ["stream", "webhook"])
@pytest.mark.parametrize(
    ("kind", "result", "expected"),
    [
        ("run", "completed", "completed"),
        ("run", "partial", "partial"),
        ("run", "failed", "failed"),
        ("run", "cancelled", "cancelled"),
        ("video", "completed", "completed"),
        ("video", "partial", "completed"),
        ("video", "failed", "failed"),
        ("video", "cancelled", "failed"),
    ],
)
def test_each_result_has_a_type_on_each_channel(
    kind: Kind, result: Result, expected: Result, channel: Channel
) -> None:
    """The type says the same result, and belongs to the channel."""
    event_type = end_type(kind, channel, result)
    step = STEPS[event_type]

    assert (step.kind, step.channel, step.result) == (kind, channel, expected)
    assert origin_channel(event_type, "reconciled") == channel
    assert origin_channel(event_type, "bridge") == "bridge"


def test_events_without_identified_work_say_nothing() -> None:
    """Other types, and types of work without its id."""
    assert find_work("processing.segment_completed", "r1", "v1") is None
    assert find_work("processing.run_failed", None, "v1") is None
    assert find_work("media.processing.failed", "r1", None) is None
    assert find_work("media.processing.failed", None, "v1") == Work("video", "", "v1")
