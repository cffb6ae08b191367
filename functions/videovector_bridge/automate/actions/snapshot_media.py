"""Action `snapshot_media`: what VideoVector says of a video, in a document `media/{video_id}`.

Events that come at the same time share the calls of the batch helpers.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Task
from videovector_bridge.automate.gather import Gatherer
from videovector_bridge.automate.snapshot import Rows, by_video, snapshot
from videovector_bridge.errors import ConflictError, PermanentError, TransientError

COLLECTION: Final = "media"

_MOST: Final = 50  # ids that the strictest of the three helpers takes
_LINGER_SECONDS: Final = 0.2
_TRIES: Final = 5
_STORE_SECONDS: Final = 10.0

_first = threading.Lock()


def _target_state(fields: Values, cause: Cause) -> TargetState:
    video_id = fields["video_id"]
    if not isinstance(video_id, str) or not video_id:
        raise PermanentError(
            f"There is no video to look up: video_id came out as {str(video_id)[:50]!r} for this "
            f"event.",
            owner="user",
            code="no_target",
        )
    return TargetState(f"media:{video_id}", {"video_id": video_id, "cause": cause.record()})


def _apply(context: Context, task: Task) -> None:
    """Write what VideoVector says now over what it said before.

    What is stored is looked at before VideoVector is asked, so that a slow older answer never
    replaces a newer one.
    """
    video_id, cause = task.desired["video_id"], task.desired["cause"]
    documents = context.backend.documents
    for _ in range(_TRIES):
        stored = documents.read(COLLECTION, video_id, timeout=_STORE_SECONDS)
        rows = _gatherer(context).get(video_id) or Rows()
        fields = {
            **snapshot(video_id, rows),
            "event": {key: cause[key] for key in ("event_id", "event_type", "created_at")},
            "snapshot_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        try:
            documents.write(COLLECTION, video_id, fields, replaces=stored, timeout=_STORE_SECONDS)
        except ConflictError:
            continue  # another attempt's, or our own, whose answer was lost
        return
    raise TransientError(f"media/{video_id} was written by others {_TRIES} times meanwhile.")


def _gatherer(context: Context) -> Gatherer[Rows]:
    """The one of this process."""
    with _first:  # of two events that come first, a cache alone would give each its own
        return _open_gatherer(context)


@cache
def _open_gatherer(context: Context) -> Gatherer[Rows]:
    api = context.api

    def fetch(video_ids: Sequence[str]) -> dict[str, Rows]:
        return by_video(
            video_ids,
            api.batch_videos(video_ids),
            api.batch_status(video_ids),
            api.batch_segments(video_ids),
        )

    return Gatherer(fetch, most=_MOST, linger_seconds=_LINGER_SECONDS)


ACTION: Final = Action(
    name="snapshot_media",
    entry_point="snapshot_media",
    fields={"video_id": Field("text", "the video", required=True)},
    target_kind="media",
    target_state=_target_state,
    apply=_apply,
    lasts_seconds=60.0,
)
