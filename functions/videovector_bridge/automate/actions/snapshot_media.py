"""Action `snapshot_media`: store VideoVector's data of a video as document `media/{video_id}`.

Events that arrive at the same time share the calls of the batch helpers. If VideoVector refuses a
video, or its rows are too large, only the event of that video is rejected.
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.actions.batch_loader import BatchLoader
from videovector_bridge.automate.actions.media_id import parse_media_id
from videovector_bridge.automate.actions.snapshot import Rows, build_snapshot, group_rows
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.task import Task
from videovector_bridge.errors import ConflictError, TransientError

COLLECTION: Final = "media"

# With the last call and the writes of the document, below the function's timeout of 120 s.
_WAIT_SECONDS: Final = 60.0
_TRIES: Final = 5
_STORE_SECONDS: Final = 10.0

_opening = threading.Lock()


def _compute_state(fields: Values, cause: Cause) -> TargetState:
    video_id = parse_media_id(fields["video_id"], "video_id")
    return TargetState(f"media:{video_id}", {"video_id": video_id, "cause": cause.as_json()})


def _apply(context: Context, task: Task) -> None:
    """Replace the document by VideoVector's current data.

    Reads the stored document before the request to VideoVector, so that a slow older response
    never replaces a newer one.
    """
    video_id, cause = task.desired["video_id"], task.desired["cause"]
    documents = context.backend.documents
    for _ in range(_TRIES):
        stored = documents.read(COLLECTION, video_id, timeout=_STORE_SECONDS)
        fields = {
            **(_get_batch_loader(context).load(video_id) or build_snapshot(video_id, Rows())),
            "event": {key: cause[key] for key in ("event_id", "event_type", "created_at")},
            "snapshot_at": context.now().isoformat(timespec="milliseconds"),
        }
        try:
            documents.write(COLLECTION, video_id, fields, replaces=stored, timeout=_STORE_SECONDS)
        except ConflictError:
            continue  # written by another attempt, or by this one if a response was lost
        return
    raise TransientError(f"Other attempts changed media/{video_id} during each of {_TRIES} tries.")


def _get_batch_loader(context: Context) -> BatchLoader[dict[str, Any]]:
    """Return the batch loader of a context."""
    with _opening:  # the cache alone would open two for two concurrent first events
        return _open_batch_loader(context)


@cache
def _open_batch_loader(context: Context) -> BatchLoader[dict[str, Any]]:
    api = context.api

    def fetch(video_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        rows = group_rows(
            video_ids,
            api.batch_videos(video_ids),
            api.batch_status(video_ids),
            api.batch_segments(video_ids),
        )
        # Keep only the documents: this frees the pictures in the rows.
        return {video_id: build_snapshot(video_id, rows[video_id]) for video_id in video_ids}

    return BatchLoader(
        fetch,
        max_keys=context.limits.batch_keys,
        linger_seconds=context.limits.batch_linger,
        wait_seconds=_WAIT_SECONDS,
        turn=context.list_lock.acquired,
    )


ACTION: Final = Action(
    name="snapshot_media",
    entry_point="snapshot_media",
    fields={"video_id": Field("text", "the id of the video", required=True)},
    target_kind="media",
    target_state=_compute_state,
    apply=_apply,
    lasts_seconds=60.0,
)
