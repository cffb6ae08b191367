"""The events that take the place of those that never came. Pure.

An event has the form of the channel that it stands for, a stable id, and the time at which
VideoVector first called the work finished. The real event, if it comes late, is older, and so it
changes no target again.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from videovector_bridge.backends.ports import Message
from videovector_bridge.events import Event, bridge_event, event_message, lane, lane_key
from videovector_bridge.watch.reconcile.open_work import OpenWork
from videovector_bridge.watch.reconcile.work_status import Finished
from videovector_bridge.work import RECONCILED, Channel, end_type

CHANNEL_ATTRIBUTE: Final = "ce-originchannel"
"""The channel whose form and types an event of channel `reconciled` has."""

_VERSION: Final = "reconciled"


def finished_facts(finished: Finished, seen_at: datetime) -> dict[str, Any]:
    """Return what is stored of work that VideoVector calls finished, until its event is published.

    It stays as it is first written, so that an event that is published twice is the same.
    """
    return {"result": finished.result, "counts": dict(finished.counts), "at": seen_at.isoformat()}


def build_events(
    work: OpenWork, finished: Finished, at: datetime, details: Mapping[str, Any]
) -> list[tuple[Channel, Event]]:
    """Return an event for each channel on which the start was seen.

    `details` are more fields of the payload, such as `gcs_uri`.
    """
    payload = {"reconciled": True, **finished.counts, **details}
    return [
        (channel, _build_event(work, finished, at, payload, channel)) for channel in work.channels
    ]


def _build_event(
    work: OpenWork, finished: Finished, at: datetime, payload: Mapping[str, Any], channel: Channel
) -> Event:
    event_type = end_type(work.work.kind, channel, finished.result)
    ids = {
        "run_id": work.work.run_id or None,
        "video_id": work.work.video_id or None,
        "index_id": work.index_id or None,
    }
    event_id = f"bridge.reconciled:{event_type}:{_digest(work)}"
    event = bridge_event(event_type, event_id, at, payload, ids)
    if channel == "stream":
        return event
    delivery = {
        "id": event_id,
        "event": event_type,
        "data": {**payload, **{name: id_ for name, id_ in ids.items() if id_}},
        "created_at": event.created_at,
        "api_version": _VERSION,
    }
    return event._replace(data=orjson.dumps(delivery))


def _digest(work: OpenWork) -> str:
    """Return a text that differs between attempts of the same run, and stays between repeats."""
    text = f"{work.work.key}:{work.started_at.isoformat()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def build_message(
    event: Event, channel: Channel, *, api_host: str, lanes: int, trace: Mapping[str, str]
) -> Message:
    """Return the message of an event that stands for one of `channel`.

    `trace` has the attributes of its span.
    """
    message = event_message(
        event,
        source=f"//{api_host}/processing/events",
        channel=RECONCILED,
        ordering_key=lane_key(lane(event, lanes)),
        trace=trace,
    )
    return message._replace(attributes={**message.attributes, CHANNEL_ATTRIBUTE: channel})
