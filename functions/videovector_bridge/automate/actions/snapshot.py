"""Combine the rows of VideoVector's batch helpers about a video into one bounded document. Pure.

Source: "Batch media helpers" in the vendor's API reference. The rules for any row:

- A value whose type is not the documented one becomes null.
- A text is cut after the number of characters beside its name.
- A list has its first items, up to a number of items and a number of bytes.

So a document has less than 500,000 bytes of JSON (Firestore's limit is 1 MiB) and 4 levels.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

Row = Mapping[str, Any]

# Maximum characters of each text. In JSON a character has at most 6 bytes.
_ID: Final = 1_000
_WORD: Final = 100
_VIDEO_TEXTS: Final = {
    "title": 1_000,
    "video_uri": 2_000,
    "media_type": _WORD,
    "created_at": _WORD,
    "updated_at": _WORD,
}
_RUN_TEXTS: Final = {"run_id": _ID, "prompt_id": _ID, "status": _WORD}
_RUN_COUNTS: Final = tuple(
    f"{status}_segments" for status in ("total", "pending", "processing", "successful", "failed")
)
_MARKER_TEXTS: Final = {"marker_id": _ID, "color": _WORD, "note": 1_000, "updated_at": _WORD}

_MAX_RUNS: Final = 100
_RUNS_BYTES: Final = 100_000
_MAX_MARKERS: Final = 500
_MARKERS_BYTES: Final = 300_000
_MAX_STATUSES: Final = 20
_MAX_COUNT: Final = 2**53  # JavaScript reads whole numbers up to this one exactly


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows about one video; None if a response has none."""

    video: Row | None = None
    status: Row | None = None
    segments: Row | None = None


def group_rows(
    video_ids: Sequence[str],
    videos: Sequence[Row],
    statuses: Sequence[Row],
    segments: Sequence[Row],
) -> dict[str, Rows]:
    """Group the rows of three responses by video. Ignores rows whose `video_id` is not text."""
    responses = [
        {row["video_id"]: row for row in rows if isinstance(row.get("video_id"), str)}
        for rows in (videos, statuses, segments)
    ]
    return {id_: Rows(*(response.get(id_) for response in responses)) for id_ in video_ids}


def build_snapshot(video_id: str, rows: Rows) -> dict[str, Any]:
    """Build the document. Its field `found` is False if VideoVector does not know the video.

    `rows` may have any JSON values, `video_id` up to 1,000 characters. Raises nothing.
    """
    video, status, of_segments = rows.video or {}, rows.status or {}, rows.segments or {}
    segments = _list_objects(of_segments.get("segments"))
    runs = _list_objects(status.get("processing_status"))
    markers = list(_find_segment_markers(segments))
    return {
        "video_id": video_id,
        "found": rows.video is not None or rows.status is not None,
        **_cut_texts(video, _VIDEO_TEXTS),
        "status": _cut_text(status.get("status"), _WORD) or _cut_text(video.get("status"), _WORD),
        "marker": _parse_marker(video.get("marker")),
        "runs": _take_first(map(_build_run, runs[:_MAX_RUNS]), _RUNS_BYTES),
        "runs_total": len(runs),
        "segments": {
            "run_id": _cut_text(of_segments.get("run_id"), _ID),
            "total": len(segments),
            "by_status": _count_by_status(segments),
        },
        "segment_markers": _take_first(markers[:_MAX_MARKERS], _MARKERS_BYTES),
        "segment_markers_total": len(markers),
    }


def _build_run(row: Row) -> dict[str, Any]:
    return {
        **_cut_texts(row, _RUN_TEXTS),
        **{name: _parse_count(row.get(name)) for name in _RUN_COUNTS},
    }


def _count_by_status(segments: Iterable[Row]) -> dict[str, int]:
    """Count segments by status: the most frequent ones, and the rest as `other`."""
    counts = Counter(
        _cut_text(segment.get("segment_status"), _WORD) or "unknown" for segment in segments
    )
    frequent = Counter(dict(counts.most_common(_MAX_STATUSES)))
    if rest := counts.total() - frequent.total():
        frequent["other"] += rest
    return dict(sorted(frequent.items()))


def _find_segment_markers(segments: Iterable[Row]) -> Iterable[dict[str, Any]]:
    """Yield the markers on segments, and on their extracted fields (`field`)."""
    for segment in segments:
        on_fields = segment.get("metadata_markers")
        rows: list[tuple[str | None, Any]] = [(None, segment.get("marker"))]
        rows += on_fields.items() if isinstance(on_fields, Mapping) else ()
        for field, row in rows:
            if (marker := _parse_marker(row)) is not None:
                segment_id = _cut_text(segment.get("segment_id"), _ID)
                yield {"segment_id": segment_id, "field": _cut_text(field, _ID), **marker}


def _parse_marker(row: Any) -> dict[str, str | None] | None:
    """Return the marker in a row; None if it is empty, as VideoVector shows a missing marker."""
    texts = _cut_texts(row, _MARKER_TEXTS) if isinstance(row, Mapping) else {}
    return texts if any(texts.values()) else None


def _list_objects(value: Any) -> list[Row]:
    """Return the objects in a list. Ignores other values."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _take_first(items: Iterable[Mapping[str, Any]], max_bytes: int) -> list[Mapping[str, Any]]:
    """Return the first items, up to `max_bytes` of JSON in total."""
    chosen: list[Mapping[str, Any]] = []
    for item in items:
        max_bytes -= len(orjson.dumps(item)) + 1
        if max_bytes < 0:
            break
        chosen.append(item)
    return chosen


def _cut_texts(row: Row, limits: Mapping[str, int]) -> dict[str, str | None]:
    return {name: _cut_text(row.get(name), limit) for name, limit in limits.items()}


def _cut_text(value: Any, limit: int) -> str | None:
    return value[:limit] if isinstance(value, str) else None


def _parse_count(value: Any) -> int | None:
    # `type`, because a bool is an int in Python.
    return value if type(value) is int and 0 <= value < _MAX_COUNT else None
