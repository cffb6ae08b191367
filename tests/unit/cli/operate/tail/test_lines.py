"""`cli.operate.tail.lines`: messages as lines, and what is never shown."""

import json
from datetime import timedelta

import pytest

from tests.support.replays import NOON
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.operate.tail.lines import as_json, format_line

URL = "https://storage.googleapis.com/b/o?X-Goog-Signature=0a1b2c3d4e5f"  # pragma: allowlist secret
EVENT = {
    "ce-id": "evt_1",
    "ce-type": "com.vectormethods.processing.run_failed",
    "ce-channel": "stream",
    "ce-runid": "run_1",
    "ce-videoid": "vid_1",
    "ce-time": "2026-01-31T11:59:57.500Z",
}


def pulled(
    attributes: dict[str, str], data: object = None, raw: bytes | None = None
) -> PulledMessage:
    """A message that was published at noon."""
    content = json.dumps(data).encode() if raw is None else raw
    at = NOON + timedelta(milliseconds=120)
    return PulledMessage("ack", "7", Message(content, attributes, "lane-03"), at)


def test_an_event_is_one_line() -> None:
    """Time, type, channel, ids and lag, in columns."""
    line = format_line(pulled(EVENT), with_data=False)

    columns = ("12:00:00", "processing.run_failed         ", "stream  ")
    assert line == "  ".join([*columns, "run=run_1 video=vid_1 id=evt_1 lag=2.6s"])


def test_a_rejected_message_shows_its_code() -> None:
    """It may have no type, channel, id or time."""
    line = format_line(pulled({"code": "bad_json", "action": "upsert_marker"}), with_data=False)

    assert line.split() == ["12:00:00", "-", "-", "id=-", "code=bad_json", "action=upsert_marker"]


def test_a_dead_letter_shows_the_subscription_that_gave_it_up() -> None:
    """In the attribute that Pub/Sub adds."""
    attributes = EVENT | {"CloudPubSubDeadLetterSourceSubscription": "upsert-markers"}

    assert format_line(pulled(attributes), with_data=False).endswith(" from=upsert-markers")


@pytest.mark.parametrize(
    ("time", "lag"),
    [("2026-01-31T11:50:00Z", "lag=10m"), ("2026-01-29T12:00:00Z", "lag=48h"), ("x", "id=evt_1")],
)
def test_a_long_lag_is_in_minutes_or_hours(time: str, lag: str) -> None:
    """Without a readable time there is none."""
    assert format_line(pulled(EVENT | {"ce-time": time}), with_data=False).endswith(lag)


def test_json_has_every_attribute() -> None:
    """Times in ISO 8601, lag in seconds."""
    value = as_json(pulled(EVENT), with_data=False)

    assert value["published_at"] == "2026-01-31T12:00:00.120Z"
    assert (value["type"], value["channel"], value["id"]) == (
        "processing.run_failed",
        "stream",
        "evt_1",
    )
    assert value["lag_seconds"] == pytest.approx(2.62)
    assert value["attributes"] == EVENT
    assert (value["message_id"], value["ordering_key"]) == ("7", "lane-03")
    assert "data" not in value


@pytest.mark.parametrize(
    "data", [{"signed_url": URL}, {"data": [{"note": f"see {URL}"}]}, {"a": {"signed_url": URL}}]
)
def test_a_signed_url_is_never_shown(data: object) -> None:
    """In no form, with or without the data."""
    message = pulled(EVENT | {"ce-subject": URL}, data)
    for with_data in (True, False):
        shown = format_line(message, with_data=with_data)
        shown += json.dumps(as_json(message, with_data=with_data))
        assert "0a1b2c3d4e5f" not in shown  # pragma: allowlist secret


def test_data_is_shown_on_request() -> None:
    """Below the line; data that is not JSON only by its size, and none as null."""
    assert format_line(pulled(EVENT, {"payload": {"n": 7}}), with_data=True).endswith(
        '\n  {"payload":{"n":7}}'
    )
    assert as_json(pulled(EVENT, raw=b"\xff" * 5), with_data=True)["data"] == (
        "5 bytes, not JSON, not shown"
    )
    assert as_json(pulled(EVENT, raw=b""), with_data=True)["data"] is None


def test_a_line_stays_one_line() -> None:
    """Control characters of an attribute cannot write to the terminal."""
    line = format_line(
        pulled(EVENT | {"ce-runid": "a\n\x1b[2Jb", "ce-type": "x\ny"}), with_data=False
    )

    assert "\n" not in line
    assert "\x1b" not in line
