"""Action `issue_signed_url`: signed URLs, published on a topic of their own.

For one object, or for every segment of the event's video (as the event's run made them). From
VideoVector, by exchange; or for objects in one's own buckets signed here (V4).
"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from videovector_bridge.api.models import SegmentsTarget, SignedUrl
from videovector_bridge.automate.action import (
    ONE_EVENT_SECONDS,
    Action,
    Cause,
    Field,
    Values,
    Wanted,
)
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Version
from videovector_bridge.automate.gcs_uri import allowed_uri, parse_gcs_uri
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import PermanentError, TransientError
from videovector_bridge.events import TYPE_PREFIX

if TYPE_CHECKING:
    from videovector_bridge.backends.signing import SignedObject

EVENT_TYPE: Final = "media.url_issued"

_PUBLISH_SECONDS: Final = 20.0
_ALL_SECONDS: Final = 50.0  # for the segments of one video; then the message comes again
_IDS: Final = ("run_id", "video_id", "segment_id", "index_id")


def _wanted(fields: Values, cause: Cause) -> Wanted:
    record = cause.record()
    desired = {
        "signer": fields.get("signer") or "videovector",
        "force_refresh": bool(fields.get("force_refresh")),
        "cause": record,
    }
    if fields.get("segments"):
        if not record["video_id"]:
            raise PermanentError(
                "The event names no video, so there are no segments to issue URLs for.",
                owner="user",
                code="no_target",
            )
        desired["segments"] = True
    else:
        parse_gcs_uri(fields.get("gcs_uri"))
        desired["gcs_uri"] = fields["gcs_uri"]
    # A URL is issued once for an event: the record says that it was, and never holds the URL.
    return Wanted(f"signed_url:{cause.key}", desired, ONE_EVENT_SECONDS)


def _apply(context: Context, desired: Values) -> None:
    if "segments" in desired:
        _issue_each(context, desired)
    else:
        _issue(context, desired["cause"]["key"], desired)


def _issue_each(context: Context, desired: Values) -> None:
    """Issue what is not issued yet; a segment that is refused does not keep the others back."""
    cause = desired["cause"]
    version = Version(cause["created_at"], cause["event_id"])
    until = time.monotonic() + _ALL_SECONDS
    refused: PermanentError | None = None
    for segment_id, gcs_uri in _segments(context, cause["video_id"], cause["run_id"]):
        if time.monotonic() > until:
            raise TransientError(
                f"Not all segments of video {cause['video_id']} had their URLs in time; the "
                f"message comes again for the others."
            )
        key = f"{cause['key']}:{segment_id}"
        one = {
            "signer": desired["signer"],
            "force_refresh": desired["force_refresh"],
            "gcs_uri": gcs_uri,
            "cause": {**cause, "segment_id": segment_id},
        }
        try:
            context.effects.converge(
                f"signed_url:{key}",
                version,
                one,
                partial(_issue, context, key),
                keep_seconds=ONE_EVENT_SECONDS,
            )
        except PermanentError as error:
            refused = refused or error
    if refused is not None:
        raise refused


def _segments(context: Context, video_id: str, run_id: str | None) -> Iterator[tuple[str, str]]:
    """The id and address of each segment that has both."""
    for row in context.api.batch_segments_for_targets([SegmentsTarget(video_id, run_id)]):
        for segment in row.get("segments") or ():
            match segment:
                case {"segment_id": str(segment_id), "gcs_uri": str(gcs_uri)} if segment_id:
                    yield segment_id, gcs_uri


def _issue(context: Context, key: str, desired: Values) -> None:
    gcs_uri = desired["gcs_uri"]
    bucket, name = allowed_uri(gcs_uri, context.settings.signed_url_buckets)
    signed: SignedUrl | SignedObject
    if desired["signer"] == "storage":
        signed = context.signer().sign(bucket, name, seconds=context.settings.signed_url_seconds)
    else:
        # The record holds what was asked at the first attempt: one key belongs to one body.
        signed = context.api.signed_url(
            gcs_uri, force_refresh=desired["force_refresh"], idempotency_key=key
        )
    message = url_message(gcs_uri, signed.url, signed.expires_at, key, desired["cause"])
    context.backend.topics.publish(
        context.settings.topics.media_urls, [message], timeout=_PUBLISH_SECONDS
    )


def url_message(
    gcs_uri: str, url: str, expires_at: str, message_id: str, cause: Mapping[str, Any]
) -> Message:
    """The message for topic `media-urls`. A repeat carries the same `ce-id`."""
    data = {
        "gcs_uri": gcs_uri,
        "signed_url": url,
        "expires_at": expires_at,
        **{name: cause[name] for name in ("automation", "event_id", "event_type", *_IDS)},
    }
    attributes = {
        "ce-id": message_id,
        "ce-source": "//videovector-bridge/issue_signed_urls",
        "ce-specversion": "1.0",
        "ce-type": TYPE_PREFIX + EVENT_TYPE,
        "ce-time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "content-type": "application/json",
    }
    attributes |= {"ce-" + name.replace("_", ""): cause[name] for name in _IDS if cause[name]}
    return Message(orjson.dumps(data), attributes)


ACTION: Final = Action(
    name="issue_signed_url",
    entry_point="issue_signed_urls",
    fields={
        "gcs_uri": Field("text", "gs:// address of the object"),
        "segments": Field(
            "flag",
            "a URL for every segment of the event's video and run, instead",
            instead_of=frozenset({"gcs_uri"}),
        ),
        "signer": Field(
            "text",
            "who signs: videovector (if not given), or storage, for buckets of your own",
            choices=("videovector", "storage"),
        ),
        "force_refresh": Field("flag", "ask VideoVector for a new URL although one is valid"),
    },
    one_of=(("gcs_uri",), ("segments",)),
    wanted=_wanted,
    apply=_apply,
    needs=("SIGNED_URL_BUCKETS",),
    lasts_seconds=_ALL_SECONDS + _PUBLISH_SECONDS,
)
