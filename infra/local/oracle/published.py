"""An event as it stands on topic `events`, read without any code of the bridge.

What is read here decides what a run must lead to, so it must not share the bridge's mistakes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from infra.local.clouds.cloud import Observed

STREAM, WEBHOOK, BRIDGE = "stream", "webhook", "bridge"

_TYPE_PREFIX = "com.vectormethods."


class Identity(NamedTuple):
    """The identity of an event: https://github.com/cloudevents/spec (`source`, `id`)."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event of the stream, of a webhook, or of the bridge itself, in one shape.

    `created_at` is the text as it came, `moment` the same as a time. An id that the event lacks is
    empty. `published_at` is the topic's time of its first message.
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

    @property
    def id(self) -> str:
        """The vendor's id."""
        return self.identity.id

    @property
    def version(self) -> tuple[datetime, str, str]:
        """The order of events about one target: the newest is the last."""
        return self.moment, self.identity.id, self.identity.source


def read_event(message: Observed) -> PublishedEvent | None:
    """Read a message of topic `events`; None if it holds no event that has a time."""
    attributes = message.attributes
    body = _json_object(message.data)
    if body is None:
        return None
    channel = attributes.get("ce-channel", STREAM)
    # A webhook's delivery has its facts in `data`, an event of the stream has them at the top.
    facts = body.get("data") if channel == WEBHOOK else body
    payload = facts if channel == WEBHOOK else body.get("payload")
    facts, payload = _object(facts), _object(payload)
    created_at = body.get("created_at")
    moment = _time(created_at) or _time(attributes.get("ce-time"))
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
        **{name: _text(facts.get(name)) for name in ("run_id", "video_id", "segment_id")},
    )


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


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
