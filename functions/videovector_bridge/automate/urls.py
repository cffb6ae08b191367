"""Entry point `issue_signed_urls`: signed URLs from VideoVector, published on their own topic."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from cloudevents.http import CloudEvent

from videovector_bridge.api import SignedUrl
from videovector_bridge.automate.automations import Automation
from videovector_bridge.automate.received import Received
from videovector_bridge.automate.subscriber import Context, serve
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import TYPE_PREFIX

ACTION: Final = "issue_signed_url"
EVENT_TYPE: Final = "media.url_issued"

_PUBLISH_SECONDS: Final = 20.0
# https://cloud.google.com/storage/docs/buckets#naming and .../objects#naming; no steps in a path.
_GCS_URI: Final = re.compile(
    r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(?!(?:.*/)?\.\.?(?:/|$))([^\x00-\x1f\x7f-\x9f]+)"
)


def issue_signed_urls(cloud_event: CloudEvent) -> None:
    """Issue the signed URLs that the automations want for this event."""
    serve(ACTION, _issue, cloud_event)


def _issue(context: Context, automation: Automation, received: Received) -> bool:
    fields = automation.render(received.fields)
    buckets = context.settings.signed_url_buckets
    request = {
        "gcs_uri": allowed_uri(fields["gcs_uri"], buckets),
        "force_refresh": bool(fields.get("force_refresh")),
    }
    # A URL is issued once for an event: the record says that it was, and never holds the URL.
    key = issue_key(automation.name, received.version.event_id)

    def issue(desired: Mapping[str, Any]) -> None:
        # What was desired at the first attempt: one idempotency key belongs to one body.
        signed = context.api.signed_url(
            allowed_uri(desired["gcs_uri"], buckets),
            force_refresh=desired["force_refresh"],
            idempotency_key=key,
        )
        message = url_message(signed, key, automation.name, received.fields)
        context.backend.topics.publish(
            context.settings.topics.media_urls, [message], timeout=_PUBLISH_SECONDS
        )

    return context.effects.converge(f"signed_url:{key}", received.version, request, issue)


def issue_key(automation: str, event_id: str) -> str:
    """What names one URL for one event, fit for a header: the same at every attempt."""
    return f"{event_id}:{hashlib.sha256(automation.encode()).hexdigest()[:16]}"


def allowed_uri(gcs_uri: Any, buckets: frozenset[str]) -> str:
    """`gcs_uri` if URLs may be issued for its bucket. Raises `PermanentError` if not."""
    match = _GCS_URI.fullmatch(gcs_uri) if isinstance(gcs_uri, str) else None
    if match is None:
        raise PermanentError(
            f"{str(gcs_uri)[:200]!r} is not the address of an object (gs://bucket/path).",
            owner="user",
            code="bad_gcs_uri",
        )
    if match[1] not in buckets:
        raise PermanentError(
            f"No URL may be issued for bucket {match[1]!r}. If one should be, add it to "
            f"SIGNED_URL_BUCKETS (now: {', '.join(sorted(buckets)) or 'none'}).",
            owner="user",
            code="bucket_not_allowed",
        )
    return match[0]


def url_message(
    signed: SignedUrl, message_id: str, automation: str, event: Mapping[str, Any]
) -> Message:
    """The message for topic `media-urls`. A repeat carries the same `ce-id`."""
    ids = {name: event.get(name) for name in ("run_id", "video_id", "segment_id", "index_id")}
    data = {
        "gcs_uri": signed.gcs_uri,
        "signed_url": signed.url,
        "expires_at": signed.expires_at,
        "automation": automation,
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        **ids,
    }
    attributes = {
        "ce-id": message_id,
        "ce-source": "//videovector-bridge/issue_signed_urls",
        "ce-specversion": "1.0",
        "ce-type": TYPE_PREFIX + EVENT_TYPE,
        "ce-time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "content-type": "application/json",
    }
    for name, value in ids.items():
        if isinstance(value, str) and value:
            attributes["ce-" + name.replace("_", "")] = value
    return Message(orjson.dumps(data), attributes)
