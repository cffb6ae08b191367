"""What VideoVector's batch helpers tell of a video, as one document that a web app can read. Pure.

"Batch media helpers" in the vendor's API reference.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]

# A document holds 1 MiB.
_MOST_RUNS: Final = 100
_MOST_MARKERS: Final = 500
_LONGEST_NOTE: Final = 1_000
_VIDEO_KEYS: Final = ("title", "video_uri", "media_type", "status", "created_at", "updated_at")
_COUNTS: Final = tuple(
    f"{which}_segments" for which in ("total", "pending", "processing", "successful", "failed")
)
_RUN_KEYS: Final = ("run_id", "prompt_id", "status", *_COUNTS)
_MARKER_KEYS: Final = ("marker_id", "color", "note", "updated_at")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows about one video, None where an answer has none."""

    video: Row | None = None
    status: Row | None = None
    segments: Row | None = None


def rows_by_video(
    video_ids: Sequence[str],
    videos: Sequence[Row],
    statuses: Sequence[Row],
    segments: Sequence[Row],
) -> dict[str, Rows]:
    """The rows of the three answers, by video."""
    found = [
        {row.get("video_id"): row for row in rows if isinstance(row.get("video_id"), str)}
        for rows in (videos, statuses, segments)
    ]
    return {id_: Rows(*(rows.get(id_) for rows in found)) for id_ in video_ids}


def snapshot(video_id: str, rows: Rows) -> dict[str, Any]:
    """The document; `found` is False where VideoVector knows of no such video."""
    video, status = rows.video or {}, rows.status or {}
    segments = [each for each in (rows.segments or {}).get("segments") or () if _is_row(each)]
    runs = [each for each in status.get("processing_status") or () if _is_row(each)]
    markers = list(_segment_markers(segments))
    return {
        "video_id": video_id,
        "found": rows.video is not None or rows.status is not None,
        **{key: video.get(key) for key in _VIDEO_KEYS},
        "status": status.get("status") or video.get("status"),
        "marker": _marker(video.get("marker")),
        "runs": [{key: run.get(key) for key in _RUN_KEYS} for run in runs[:_MOST_RUNS]],
        "runs_total": len(runs),
        "segments": {
            "run_id": (rows.segments or {}).get("run_id"),
            "total": len(segments),
            "by_status": dict(
                sorted(Counter(str(each.get("segment_status")) for each in segments).items())
            ),
        },
        "segment_markers": markers[:_MOST_MARKERS],
        "segment_markers_total": len(markers),
    }


def _segment_markers(segments: Sequence[Row]) -> list[dict[str, Any]]:
    """The markers on segments, and on fields that were extracted from them (`field`)."""
    found: list[dict[str, Any]] = []
    for segment in segments:
        on_fields = segment.get("metadata_markers")
        named = [(None, segment.get("marker"))]
        named += list(on_fields.items()) if isinstance(on_fields, Mapping) else []
        for field, held in named:
            if (marker := _marker(held)) is not None:
                found.append({"segment_id": segment.get("segment_id"), "field": field, **marker})
    return found


def _marker(held: Any) -> dict[str, Any] | None:
    """A marker's own keys; None for the empty one that VideoVector shows where there is none."""
    if not _is_row(held) or not any(held.get(key) for key in _MARKER_KEYS):
        return None
    marker = {key: held.get(key) for key in _MARKER_KEYS}
    if isinstance(marker["note"], str):
        marker["note"] = marker["note"][:_LONGEST_NOTE]
    return marker


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping)
