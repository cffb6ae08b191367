"""The reference for effects: VideoVector's own data, and the state that functions stored.

Responses of the API are cached, and a file that was correct is not read again.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.clouds.cloud import Cloud
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.models import Media, SegmentsTarget
from videovector_bridge.errors import BackendError

_COMPARED = ("title", "video_uri", "media_type")


class Oracle:
    """Looks up the correct content of effects. Without an `api` it accepts any content."""

    def __init__(self, cloud: Cloud, api: VideoVectorClient | None) -> None:
        self._cloud = cloud
        self._api = api
        self._segments: dict[tuple[str, str], dict[str, str]] = {}
        self._matches: dict[str, list[str]] = {}
        self._pictures: dict[tuple[str, str], Media] = {}
        self._correct: set[tuple[str, str, str]] = set()

    @property
    def has_api(self) -> bool:
        """Whether it has an API, whose account only this run uses."""
        return self._api is not None

    def segments(self, video_id: str, run_id: str) -> Mapping[str, str]:
        """Return segment id -> Cloud Storage URI of a video's segments; empty without an API."""
        if self._api is None:
            return {}
        if (video_id, run_id) not in self._segments:
            targets = [SegmentsTarget(video_id, run_id or None)]
            self._segments[video_id, run_id] = {
                segment["segment_id"]: segment["gcs_uri"]
                for row in self._api.batch_segments_for_targets(targets)
                for segment in row["segments"]
                if segment["gcs_uri"]
            }
        return self._segments[video_id, run_id]

    def matches(self, search: Mapping[str, Any]) -> Sequence[str]:
        """Return the result ids of a search; empty without an API."""
        if self._api is None:
            return []
        key = json.dumps(search, sort_keys=True)
        if key not in self._matches:
            if "query" in search:
                results = self._api.playground_search(search["query"], search["top_k"])
            else:
                results = list(self._api.playground_filter_search(search["conditions"]))
            self._matches[key] = [result["result_id"] for result in results]
        return self._matches[key]

    def is_snapshot(self, document: Mapping[str, Any], video_id: str) -> bool:
        """Whether a document has the API's current data about a video.

        Compares only fields that change with an event about the video.
        """
        if self._api is None:
            return True
        videos = self._api.batch_videos([video_id])
        rows = self._api.batch_segments([video_id])
        segments = rows[0]["segments"] if rows else []
        by_status = Counter(segment["segment_status"] for segment in segments)
        counts = document.get("segments") or {}
        return (
            document.get("video_id") == video_id
            and document.get("found") is bool(videos)
            and all(document.get(name) == videos[0][name] for name in _COMPARED if videos)
            and counts.get("run_id") == (rows[0]["run_id"] if rows else None)
            and counts.get("total") == len(segments)
            and counts.get("by_status") == by_status
        )

    def is_preview(self, name: str, kind: str, source_id: str) -> bool:
        """Whether a file has the bytes of the API's picture of a video or segment."""
        if (name, kind, source_id) in self._correct:
            return True
        try:
            stored = self._cloud.file(name)
        except BackendError:
            return False
        correct = stored is not None
        if stored is not None and (picture := self._picture(kind, source_id)) is not None:
            content = stored[0].content_type, stored[1]
            correct = content == (picture.content_type, picture.content)
        if correct:
            self._correct.add((name, kind, source_id))
        return correct

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """Return a document; None if it does not exist or cannot be read."""
        try:
            return self._cloud.document(collection, document_id)
        except BackendError:
            return None

    def _picture(self, kind: str, source_id: str) -> Media | None:
        if self._api is None:
            return None
        if (kind, source_id) not in self._pictures:
            fetch = self._api.gif if kind == "gif" else self._api.thumbnail
            self._pictures[kind, source_id] = fetch(source_id)
        return self._pictures[kind, source_id]
