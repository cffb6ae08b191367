"""Action `store_preview`: a video's GIF or a segment's thumbnail as a file under a stable name."""

import hashlib
import re
from typing import Final
from urllib.parse import quote

from videovector_bridge.api.models import Media
from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.announce import announce
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Task
from videovector_bridge.backends.ports import Files, StoredFile
from videovector_bridge.errors import ConflictError, PermanentError, TransientError

EVENT_TYPE: Final = "media.preview_stored"

_TRIES: Final = 5
_FILE_SECONDS: Final = 20.0
# https://cloud.google.com/storage/docs/objects#naming; no steps in a path.
_NAME: Final = re.compile(
    r"(?!(?:.*/)?\.\.?(?:/|$))(?!\.well-known/)[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*"
)
_MAX_NAME_BYTES: Final = 1_024


def _target_state(fields: Values, cause: Cause) -> TargetState:
    kind = "gif" if "video_id" in fields else "thumbnail"
    of = fields.get("video_id" if kind == "gif" else "segment_id")
    if not isinstance(of, str) or not of:
        raise PermanentError(
            f"There is no {'video' if kind == 'gif' else 'segment'} to store a preview of: its id "
            f"came out as {str(of)[:50]!r} for this event.",
            owner="user",
            code="no_target",
        )
    name = fields.get("name") or _name(kind, of)
    if not isinstance(name, str) or not _fits(name):
        raise PermanentError(
            f"{str(name)[:100]!r} is no name for a file in Cloud Storage.",
            owner="user",
            code="bad_file_name",
        )
    return TargetState(
        f"preview:{name}", {"kind": kind, "of": of, "name": name, "cause": cause.record()}
    )


def _name(kind: str, of: str) -> str:
    folder, file = ("videos", "preview.gif") if kind == "gif" else ("segments", "thumbnail")
    return f"{folder}/{quote(of, safe='')}/{file}"


def _fits(name: str) -> bool:
    return len(name.encode("utf-8", "replace")) <= _MAX_NAME_BYTES and bool(_NAME.fullmatch(name))


def _apply(context: Context, task: Task) -> None:
    desired, files = task.desired, context.backend.files
    if files is None:
        raise PermanentError(
            "There is no bucket for previews. Set PREVIEW_BUCKET.",
            owner="user",
            code="no_preview_bucket",
        )
    stored = _store(context, files, desired)
    cause = desired["cause"]
    ids = {name: cause[name] for name in ("user_id", "run_id", "index_id")}
    ids |= {name: cause[name] for name in ("video_id", "segment_id")}
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
    """Bring the file to what VideoVector shows; the same content is not written again.

    What is stored is looked at before VideoVector is asked, so that a slow older picture never
    replaces a newer one: it finds another generation.
    """
    name = desired["name"]
    for _ in range(_TRIES):
        found = files.find(name, timeout=_FILE_SECONDS)
        media = _picture(context, desired)
        if found is not None and _same(found, media):
            return found
        try:
            return files.write(
                name, media.content, media.content_type, replaces=found, timeout=_FILE_SECONDS
            )
        except ConflictError:
            continue  # another attempt's, or our own, whose answer was lost
    raise TransientError(f"Preview {name} was written by others {_TRIES} times meanwhile.")


def _picture(context: Context, desired: Values) -> Media:
    fetch = context.api.gif if desired["kind"] == "gif" else context.api.thumbnail
    return fetch(desired["of"])


def _same(stored: StoredFile, media: Media) -> bool:
    md5 = hashlib.md5(media.content, usedforsecurity=False).hexdigest()
    return (stored.md5, stored.content_type) == (md5, media.content_type)


ACTION: Final = Action(
    name="store_preview",
    entry_point="store_previews",
    fields={
        "video_id": Field("text", "the video whose GIF is stored"),
        "segment_id": Field(
            "text",
            "the segment whose thumbnail is stored, instead",
            instead_of=frozenset({"video_id"}),
        ),
        "name": Field(
            "text",
            "the file's name (videos/ID/preview.gif, or segments/ID/thumbnail)",
        ),
    },
    one_of=(("video_id",), ("segment_id",)),
    target_kind="preview",
    target_state=_target_state,
    apply=_apply,
    needs=("PREVIEW_BUCKET",),
    emits=EVENT_TYPE,
    lasts_seconds=40.0,
)
