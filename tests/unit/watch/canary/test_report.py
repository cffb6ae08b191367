"""`watch.canary.report`: the event of a report."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from videovector_bridge.events import Message, decode_event
from videovector_bridge.watch.canary.report import ChannelReport, build_event_message

NOW = datetime(2026, 11, 27, 12, 59, tzinfo=UTC)
REPORT = ChannelReport("webhook:default", "dead", "late", "Why.", "Do this.", 1.5)


def message(report: ChannelReport = REPORT, now: datetime = NOW) -> Message:
    """Return the event of a report."""
    return build_event_message(report, now, 16, {})


def test_the_event_is_one_of_the_bridge() -> None:
    """With the report as its payload, and the channel that automations ignore by default."""
    event = message()
    fields = orjson.loads(event.data)

    assert event.attributes["ce-type"] == "com.vectormethods.bridge.canary"
    assert event.attributes["ce-source"] == "//videovector-bridge/bridge.canary"
    assert event.attributes["ce-channel"] == "bridge"
    assert event.ordering_key.startswith("lane-")
    assert fields["event_id"] == event.attributes["ce-id"]
    assert fields["payload"] == {
        "channel": "webhook:default",
        "state": "dead",
        "reason": "late",
        "detail": "Why.",
        "what_to_do": "Do this.",
        "round_trip_seconds": 1.5,
    }


def test_the_id_is_stable_for_a_channel_and_hour() -> None:
    """In any time zone."""
    zone = timezone(timedelta(hours=5, minutes=30))
    same = [NOW, NOW - timedelta(minutes=59), NOW.astimezone(zone)]
    others = [NOW + timedelta(minutes=1), NOW - timedelta(hours=1), NOW + timedelta(days=1)]

    assert len({message(now=now).attributes["ce-id"] for now in same}) == 1
    assert len({message(now=now).attributes["ce-id"] for now in [NOW, *others]}) == 4


@pytest.mark.parametrize("name", ["Übung", "a b", "x" * 5_000, "", "\n"])
def test_any_name_of_a_webhook_gives_an_event(name: str) -> None:
    """The metadata of a webhook is free text."""
    event = message(ChannelReport(f"webhook:{name}", "alive", "delivered", "Fine."))
    decoded = decode_event(event.data)

    assert getattr(decoded, "id", None) == event.attributes["ce-id"]


def test_no_secret_is_published() -> None:
    """The receiver's error text may contain anything."""
    detail = "POST https://hook.test/?token=hidden-word failed"
    event = message(ChannelReport("webhook:x", "dead", "no_response", detail))

    assert b"hidden-word" not in event.data
