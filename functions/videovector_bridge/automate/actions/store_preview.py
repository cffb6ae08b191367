"""Action `store_preview`: store a video's GIF or a segment's thumbnail under a stable file name."""

import hashlib
import re
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from videovector_bridge.api.errors import NotFound
from videovector_bridge.api.models import Media
from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.actions.announce import announce
from videovector_bridge.automate.actions.media_id import parse_media_id
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.backends.names import MAX_FILE_NAME_BYTES
from videovector_bridge.backends.ports import Files, StoredFile
from videovector_bridge.errors import ConflictError, PermanentError, TransientError
from videovector_bridge.events import ENTITY_IDS, parse_time

EVENT_TYPE: Final = "media.preview_stored"
MISSING_TOLERANCE: Final = timedelta(minutes=15)
"""For this time after its event a missing picture causes redeliveries, and then a rejection.

VideoVector does not document when it creates a picture. This may be after the event. Pub/Sub
redelivers about seven times in this time, far less often than before it dead-letters a message.
"""

_TRIES: Final = 5
_FILE_SECONDS: Final = 20.0
# https://cloud.google.com/storage/docs/objects#naming; no `.` or `..` in a path.
_NAME: Final = re.compile(
    r"(?!(?:.*/)?\.\.?(?:/|$))(?!\.well-known/)[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*"
)
# https://www.rfc-editor.org/rfc/rfc6838#section-4.2
_CONTENT_TYPE: Final = re.compile(r"image/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


def _compute_state(fields: Values, cause: Cause) -> TargetState:
    kind, id_field = ("gif", "video_id") if "video_id" in fields else ("thumbnail", "segment_id")
    id_ = parse_media_id(fields.get(id_field), id_field)
    name = fields.get("name") or _build_name(kind, id_)
    if problem := _find_name_problem(name):
        raise PermanentError(
            f"{str(name)[:100]!r} is not a valid file name in Cloud Storage: {problem}.",
            owner="user",
            code="bad_file_name",
        )
    return TargetState(
        f"preview:{name}", {"kind": kind, "of": id_, "name": name, "cause": cause.as_json()}
    )


def _build_name(kind: str, id_: str) -> str:
    folder, file = ("videos", "preview.gif") if kind == "gif" else ("segments", "thumbnail")
    return f"{folder}/{quote(id_, safe='')}/{file}"


def _find_name_problem(name: Any) -> str:
    """Return why a file cannot have this name; empty if it is valid."""
    if not isinstance(name, str):
        return "it is not text"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it has half a surrogate pair"
    if size > MAX_FILE_NAME_BYTES:
        return f"it has {size:,} bytes, more than {MAX_FILE_NAME_BYTES:,}"
    if not _NAME.fullmatch(name):
        return "it has . or .. in its path, a control character, or a reserved prefix"
    return ""


def _apply(context: Context, task: Task) -> None:
    desired, files = task.desired, context.backend.files
    if files is None:
        raise PermanentError(
            "No bucket for previews is configured. Set PREVIEW_BUCKET.",
            owner="user",
            code="no_preview_bucket",
        )
    stored = _store(context, files, desired)
    cause = desired["cause"]
    ids = {name: cause[name] for name in ("user_id", *ENTITY_IDS)}
    ids["video_id" if desired["kind"] == "gif" else "segment_id"] = desired["of"]
    announce(
        context,
        EVENT_TYPE,
        f"{EVENT_TYPE}:{cause['key']}",
        cause=cause,
        ids=ids,
        payload={
            "kind": desired["kind"],
            "uri": stored.uri,
            "content_type": stored.content_type,
            "size": stored.size,
            "md5": stored.md5,
        },
    )


def _store(context: Context, files: Files, desired: Values) -> StoredFile:
    """Replace the file by VideoVector's current picture, unless the content is the same.

    Looks up the stored file before the request to VideoVector. If a newer picture is stored after
    that, the generation differs, and a slow older picture does not replace it.
    """
    name = desired["name"]
    for _ in range(_TRIES):
        stored = files.find(name, timeout=_FILE_SECONDS)
        media = _fetch_picture(context, desired)
        if stored is not None and _is_unchanged(stored, media):
            return stored
        try:
            return files.write(
                name, media.content, media.content_type, replaces=stored, timeout=_FILE_SECONDS
            )
        except ConflictError:
            continue  # written by another attempt, or by this one if a response was lost
    raise TransientError(f"Other attempts changed preview {name} during each of {_TRIES} tries.")


def _fetch_picture(context: Context, desired: Values) -> Media:
    fetch = context.api.gif if desired["kind"] == "gif" else context.api.thumbnail
    try:
        media = fetch(desired["of"])
    except NotFound as error:
        created_at = parse_time(desired["cause"]["created_at"])
        if created_at is None or context.now() - created_at >= MISSING_TOLERANCE:
            raise
        raise TransientError(
            f"There is no picture yet. The message is redelivered until "
            f"{MISSING_TOLERANCE.seconds // 60} minutes after its event. {error}"
        ) from error
    if not _CONTENT_TYPE.fullmatch(media.content_type):
        raise PermanentError(
            f"VideoVector's picture has the content type {media.content_type[:100]!r}, which is "
            f"invalid for a file.",
            owner="vendor",
            code="unexpected_answer",
        )
    return media


def _is_unchanged(stored: StoredFile, media: Media) -> bool:
    md5 = hashlib.md5(media.content, usedforsecurity=False).hexdigest()
    return (stored.md5, stored.content_type) == (md5, media.content_type)


ACTION: Final = Action(
    name="store_preview",
    entry_point="store_previews",
    fields={
        "video_id": Field("text", "the video whose GIF is stored"),
        "segment_id": Field(
            "text",
            "instead, the segment whose thumbnail is stored",
            instead_of=frozenset({"video_id"}),
        ),
        "name": Field(
            "text",
            "the name of the file (videos/ID/preview.gif or segments/ID/thumbnail)",
        ),
    },
    one_of=(("video_id",), ("segment_id",)),
    target_kind="preview",
    target_state=_compute_state,
    apply=_apply,
    needs=("PREVIEW_BUCKET",),
    emits=EVENT_TYPE,
    lasts_seconds=40.0,
)
