"""Action `issue_signed_url`: publish signed URLs on topic `media-urls`.

The URLs are for one object, or for all segments of the event's video and run. VideoVector issues
them; for objects in the operator's own buckets, the bridge can sign them (V4).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from videovector_bridge.api.models import SegmentsTarget, SignedUrl
from videovector_bridge.automate.action import (
    ONE_EVENT_SECONDS,
    Action,
    Cause,
    Field,
    TargetState,
    Values,
    part_key,
)
from videovector_bridge.automate.actions.gcs_uri import parse_allowed_uri, parse_gcs_uri
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.parts import PARTS_SECONDS, Part
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.backends.ports import Message, SignedObject
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import ENTITY_IDS, TYPE_PREFIX, id_text
from videovector_bridge.telemetry import current_trace

EVENT_TYPE: Final = "media.url_issued"

_LAST_PUBLISH_SECONDS: Final = 20.0  # may begin at the end of the time for parts
_IDS: Final = ("run_id", "video_id", "segment_id", "index_id")


def _compute_state(fields: Values, cause: Cause) -> TargetState:
    record = cause.as_json()
    desired = {
        "signer": fields.get("signer") or "videovector",
        "force_refresh": bool(fields.get("force_refresh")),
        "cause": record,
    }
    if fields.get("segments"):
        if not record["video_id"]:
            raise PermanentError(
                "The event has no video_id, so there are no segments to issue URLs for.",
                owner="user",
                code="no_target",
            )
        desired["segments"] = True
    else:
        parse_gcs_uri(fields.get("gcs_uri"))
        desired["gcs_uri"] = fields["gcs_uri"]
    # A URL is issued once for an event. The record notes that, and never contains the URL.
    return TargetState(f"signed_url:{cause.key}", desired, ONE_EVENT_SECONDS)


def _list_parts(context: Context, desired: Values) -> Iterable[Part] | None:
    """List the segments of the video that have an id and a URI; None for a single object."""
    return _list_segments(context, desired) if "segments" in desired else None


def _list_segments(context: Context, desired: Values) -> Iterator[Part]:
    cause = desired["cause"]
    target = SegmentsTarget(cause["video_id"], cause["run_id"])
    with context.list_lock.acquired():
        # Keep only the URIs: the parts take a while, and rows may contain pictures.
        uris = list(_find_segment_uris(context.api.batch_segments_for_targets([target])))
    for segment_id, gcs_uri in uris:
        key = part_key(cause["key"], segment_id)
        own = {**cause, "segment_id": segment_id, "key": key}
        yield segment_id, {**desired, "gcs_uri": gcs_uri, "cause": own}


def _find_segment_uris(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for row in rows:
        segments = row.get("segments")
        for segment in segments if isinstance(segments, list) else ():
            match segment:
                case {"segment_id": str(segment_id), "gcs_uri": str(gcs_uri)} if segment_id:
                    yield segment_id, gcs_uri


def _apply(context: Context, task: Task) -> None:
    desired = task.desired
    gcs_uri, key = desired["gcs_uri"], desired["cause"]["key"]
    bucket, name = parse_allowed_uri(gcs_uri, context.settings.signed_url_buckets)
    signed: SignedUrl | SignedObject
    if desired["signer"] == "storage":
        signed = context.backend.signer.sign(
            bucket, name, seconds=context.settings.signed_url_seconds
        )
    else:
        # `desired` is that of the first attempt: one idempotency key belongs to one body.
        signed = context.api.signed_url(
            gcs_uri, force_refresh=desired["force_refresh"], idempotency_key=key
        )
    message = build_url_message(
        gcs_uri,
        signed.url,
        signed.expires_at,
        key,
        cause=desired["cause"],
        now=context.now(),
        trace=current_trace().new_span(),
    )
    context.backend.topics.publish(
        context.settings.topics.media_urls, [message], timeout=context.limits.publish
    )


def build_url_message(
    gcs_uri: str,
    url: str,
    expires_at: str,
    message_id: str,
    *,
    cause: Mapping[str, Any],
    now: datetime,
    trace: Mapping[str, str],
) -> Message:
    """Build the message for topic `media-urls`. A repeated message has the same `ce-id`.

    `trace` has the attributes of its span.
    """
    data = {
        "gcs_uri": gcs_uri,
        "signed_url": url,
        "expires_at": expires_at,
        **{
            name: cause[name]
            for name in ("automation", "event_id", "event_source", "event_type", *ENTITY_IDS)
        },
    }
    attributes = {
        "ce-id": message_id,
        "ce-source": "//videovector-bridge/issue_signed_urls",
        "ce-specversion": "1.0",
        "ce-type": TYPE_PREFIX + EVENT_TYPE,
        "ce-time": now.isoformat(timespec="milliseconds"),
        "content-type": "application/json",
        **trace,
    }
    ids = {name: id_text(cause[name]) for name in ENTITY_IDS}
    attributes |= {"ce-" + name.replace("_", ""): id_ for name, id_ in ids.items() if id_}
    return Message(orjson.dumps(data), attributes)


ACTION: Final = Action(
    name="issue_signed_url",
    entry_point="issue_signed_urls",
    fields={
        "gcs_uri": Field("text", "the URI of the object, gs://bucket/path"),
        "segments": Field(
            "flag",
            "true: instead, a URL for every segment of the event's video and run",
            instead_of=frozenset({"gcs_uri"}),
        ),
        "signer": Field(
            "text",
            "who signs: videovector (default), or storage for your own buckets",
            choices=("videovector", "storage"),
        ),
        "force_refresh": Field(
            "flag", "true: request a new URL even if an older one is still valid"
        ),
    },
    one_of=(("gcs_uri",), ("segments",)),
    target_kind="signed_url",
    target_state=_compute_state,
    apply=_apply,
    parts=_list_parts,
    needs=("SIGNED_URL_BUCKETS",),
    lasts_seconds=PARTS_SECONDS + _LAST_PUBLISH_SECONDS,
)
