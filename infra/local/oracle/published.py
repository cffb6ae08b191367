"""Reads an event from a message on topic `events`, without any code of the bridge.

The expected effects are derived from these events, so the code must not share the bridge's faults.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from infra.local.clouds.cloud import TopicMessage

STREAM, WEBHOOK, BRIDGE, RECONCILED = "stream", "webhook", "bridge", "reconciled"

_TYPE_PREFIX = "com.vectormethods."


class Identity(NamedTuple):
    """The identity of an event: https://github.com/cloudevents/spec (`source`, `id`)."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event of the stream, of a webhook, or of the bridge itself, in one shape.

    One that was `reconciled` has the channel of the event that never came. `created_at` is the
    event's own text, `moment` the same as a time. A missing id is empty. `published_at` is the
    publish time of its first message.
    """

    identity: Identity
    type: str
    channel: str
    created_at: str
    moment: datetime
    published_at: datetime
    payload: Mapping[str, Any]
    run_id: str = ""
    video_id: str = ""
    segment_id: str = ""
    reconciled: bool = False

    @property
    def id(self) -> str:
        """The vendor's id."""
        return self.identity.id

    @property
    def version(self) -> tuple[datetime, str, str]:
        """The sort key of events about one target; the newest event is the last."""
        return self.moment, self.identity.id, self.identity.source


def read_event(message: TopicMessage) -> PublishedEvent | None:
    """Read a message of topic `events`; None if its data is no event with a time."""
    attributes = message.attributes
    body = _json_object(message.data)
    if body is None:
        return None
    channel = attributes.get("ce-channel", STREAM)
    reconciled = channel == RECONCILED
    if reconciled:
        channel = attributes.get("ce-originchannel", STREAM)
    # A webhook event has its fields in `data`, an event of the stream at the top level.
    fields = body.get("data") if channel == WEBHOOK else body
    payload = fields if channel == WEBHOOK else body.get("payload")
    fields, payload = _object(fields), _object(payload)
    created_at = body.get("created_at")
    moment = parse_time(created_at) or parse_time(attributes.get("ce-time"))
    if moment is None:
        return None
    return PublishedEvent(
        Identity(attributes.get("ce-source", ""), attributes["ce-id"]),
        attributes.get("ce-type", "").removeprefix(_TYPE_PREFIX),
        channel,
        created_at if isinstance(created_at, str) else "",
        moment,
        message.published_at,
        payload,
        **{name: _text(fields.get(name)) for name in ("run_id", "video_id", "segment_id")},
        reconciled=reconciled,
    )


def parse_time(text: object) -> datetime | None:
    """Parse an ISO 8601 time, in UTC unless it has a zone; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(data)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
