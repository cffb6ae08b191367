"""Publish the bridge's own events about the effects of actions, on topic `events`."""

from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.automate.context import Context
from videovector_bridge.events import bridge_event, event_message, lane, lane_key, parse_time
from videovector_bridge.telemetry import current_trace

# Automations receive these events only if they name this channel. So no effect causes itself.
CHANNEL: Final = "bridge"
_CAUSE: Final = ("automation", "event_id", "event_source", "event_type")


def announce(
    context: Context,
    event_type: str,
    event_id: str,
    *,
    cause: Mapping[str, Any],
    ids: Mapping[str, str | None],
    payload: Mapping[str, Any],
) -> None:
    """Publish an event caused by `cause` (`Cause.as_json`). A repeated event has the same data.

    It continues the trace of the message that is being handled.

    `ids` are the event's own (`run_id`, `video_id`...). Its payload has the fields of the cause.
    """
    made_at = parse_time(cause["created_at"])
    assert made_at is not None  # a version always has a time
    cause_fields = {name: cause[name] for name in _CAUSE}
    event = bridge_event(event_type, event_id, made_at, {**cause_fields, **payload}, ids)
    message = event_message(
        event,
        source=f"//videovector-bridge/{event_type}",
        channel=CHANNEL,
        ordering_key=lane_key(lane(event, context.settings.lanes)),
        trace=current_trace().new_span(),
    )
    context.backend.topics.publish(
        context.settings.topics.events, [message], timeout=context.limits.publish
    )
