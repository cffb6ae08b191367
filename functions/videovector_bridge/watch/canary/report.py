"""The report about one channel: its state, its event, and its log line. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from videovector_bridge.events import (
    MAX_ID_BYTES,
    Message,
    bridge_event,
    event_message,
    lane,
    lane_key,
)
from videovector_bridge.redact import redact_all
from videovector_bridge.telemetry import Severity

EVENT_TYPE: Final = "bridge.canary"
_CHANNEL: Final = "bridge"  # of the bridge's own events: automations ignore it by default

State = Literal["alive", "dead", "absent", "paused", "unknown"]

SEVERITIES: Final[dict[State, Severity]] = {
    "alive": "INFO",
    "dead": "ERROR",
    "absent": "INFO",
    "paused": "INFO",
    "unknown": "WARNING",
}


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What the canary saw of a channel, `stream:NAME` or `webhook:NAME`.

    `reason` is a stable word for the cause of the state. `what_to_do` is empty if there is nothing
    to do. `round_trip_seconds` is from the request of a test delivery to its event on the topic.
    """

    channel: str
    state: State
    reason: str
    detail: str
    what_to_do: str = ""
    round_trip_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values, without secrets."""
        fields: dict[str, Any] = redact_all(asdict(self))
        return fields


def build_event_message(
    report: ChannelReport, now: datetime, lanes: int, trace: Mapping[str, str]
) -> Message:
    """Return the `bridge.canary` event of a report. Its id is stable for a channel and hour.

    `trace` has the attributes of its span.
    """
    hour = now.astimezone(UTC).strftime("%Y-%m-%dT%H")
    event_id = f"{EVENT_TYPE}:{hour}:{quote(report.channel, safe=':')}"[:MAX_ID_BYTES]
    event = bridge_event(EVENT_TYPE, event_id, now, report.as_json())
    return event_message(
        event,
        source=f"//videovector-bridge/{EVENT_TYPE}",
        channel=_CHANNEL,
        ordering_key=lane_key(lane(event, lanes)),
        trace=trace,
    )
