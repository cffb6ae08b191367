"""Automations on events that take the place of those that never came."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.reconciled import NOW, repaired_messages
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.received import ReceivedEvent, parse_event
from videovector_bridge.backends.ports import Message
from videovector_bridge.work import Work

RUN, VIDEO = Work("run", "r1"), Work("video", "r1", "v1")


def receive(message: Message) -> ReceivedEvent:
    """Parse a message as a subscriber does."""
    names = message.attributes
    return parse_event(
        message.data,
        event_id=names["ce-id"],
        source=names["ce-source"],
        event_type=names["ce-type"],
        channel=names["ce-channel"],
        stated_time=names["ce-time"],
        now=NOW,
    )


@pytest.mark.parametrize("work", [RUN, VIDEO])
def test_expressions_see_the_same_on_each_channel(work: Work) -> None:
    """Ids, time and payload, whether the data has the form of the stream or of a delivery."""
    stream, webhook = (receive(each).fields for each in repaired_messages(work))

    for name in ("run_id", "video_id", "index_id", "created_at", "channel"):
        assert stream[name] == webhook[name]
    assert (stream["run_id"], stream["channel"]) == ("r1", "reconciled")
    assert stream["video_id"] == (work.video_id or None)
    assert stream["payload"].items() <= webhook["payload"].items()
    assert stream["payload"]["reconciled"] is True


@pytest.mark.parametrize(
    ("asked", "event_type", "channel", "expected"),
    [
        ("", "processing.run_failed", "reconciled", True),
        ("stream", "processing.run_failed", "reconciled", True),
        ("webhook", "processing.run_failed", "reconciled", False),
        ("webhook", "prompt_run.failed", "reconciled", True),
        ("stream", "prompt_run.failed", "reconciled", False),
        ("reconciled", "prompt_run.failed", "reconciled", True),
        ("reconciled", "prompt_run.failed", "webhook", False),
        ("bridge", "prompt_run.failed", "reconciled", False),
        ("stream", "prompt_run.failed", "stream", True),
        ("stream", "unknown", "reconciled", False),
        ("", "search.matched", "bridge", False),
        ("bridge", "search.matched", "bridge", True),
    ],
)
def test_the_channel_of_an_automation(
    asked: str, event_type: str, channel: str, *, expected: bool
) -> None:
    """An event counts for the channel that it is published for, and for `reconciled`."""
    automation = Automation("a", (event_type,), "upsert_marker", asked)

    assert automation.accepts(channel, event_type) is expected


def test_the_real_event_is_older() -> None:
    """Also if it was created just before VideoVector called the work finished."""
    (message,) = repaired_messages(RUN, channels=("stream",))
    created_at = (NOW - timedelta(microseconds=1)).astimezone(UTC).isoformat()
    real = parse_event(
        b'{"created_at": "%s"}' % created_at.encode(),
        event_id="zzz",
        source="//z",
        event_type=message.attributes["ce-type"],
        channel="stream",
        stated_time=None,
        now=datetime.now(UTC),
    )

    assert real.version < receive(message).version
