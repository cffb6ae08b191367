"""`cli.operate.replay.preview`: what a replay would publish."""

from tests.support.replays import HOUR, NOON, published
from videovector_bridge.cli.operate.replay.interval import Interval
from videovector_bridge.cli.operate.replay.preview import count_messages

INTERVAL = Interval(NOON, NOON + 9 * HOUR)


def test_messages_are_counted_by_type() -> None:
    """With the first and last time, whatever the order, and without those outside."""
    pages = [
        [published("b", NOON + 2 * HOUR, data=b"12"), published("a", NOON + HOUR)],
        [published("c", NOON + 3 * HOUR, event_type="x.y"), published("d", NOON - HOUR)],
    ]

    assert count_messages(pages, INTERVAL, limit=9).as_json() == {
        "messages": 3,
        "complete": True,
        "data_bytes": 6,
        "first": "2026-01-31T13:00:00Z",
        "last": "2026-01-31T15:00:00Z",
        "by_type": {"media.created": 2, "x.y": 1},
    }


def test_a_preview_is_bounded() -> None:
    """Exactly at its limit it is complete; above it, it says that there are more."""
    page = [published(f"{n}") for n in range(3)]

    assert count_messages([page], INTERVAL, limit=3).is_complete
    preview = count_messages([page], INTERVAL, limit=2)
    assert (preview.messages, preview.is_complete) == (2, False)


def test_an_empty_interval_has_no_times() -> None:
    """Not the beginning of time."""
    shown = count_messages([], INTERVAL, limit=3).as_json()

    assert (shown["messages"], shown["first"], shown["last"]) == (0, None, None)
