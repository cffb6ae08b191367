"""What effects are compared with: VideoVector's own answers, and what is stored in the cloud.

What is asked of the API is asked once, and what was found right is not read again.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.clouds.cloud import Cloud
from videovector_bridge.api import VideoVectorClient
from videovector_bridge.api.models import Media, SegmentsTarget
from videovector_bridge.errors import BackendError

_SHOWN = ("title", "video_uri", "media_type")


class Oracle:
    """Looks up what effects must show. Without an `api` to ask, what is stored is accepted."""

    def __init__(self, cloud: Cloud, api: VideoVectorClient | None) -> None:
        self._cloud = cloud
        self._api = api
        self._segments: dict[tuple[str, str], dict[str, str]] = {}
        self._matches: dict[str, list[str]] = {}
        self._pictures: dict[tuple[str, str], Media] = {}
        self._right: set[tuple[str, str, str]] = set()

    @property
    def knows_all(self) -> bool:
        """Whether there is an API to ask, whose account nobody else uses."""
        return self._api is not None

    def segments(self, video_id: str, run_id: str) -> Mapping[str, str]:
        """The segments of a video that have an address, with it; none where no API is asked."""
        if self._api is None:
            return {}
        if (video_id, run_id) not in self._segments:
            targets = [SegmentsTarget(video_id, run_id or None)]
            self._segments[video_id, run_id] = {
                each["segment_id"]: each["gcs_uri"]
                for row in self._api.batch_segments_for_targets(targets)
                for each in row["segments"]
                if each["gcs_uri"]
            }
        return self._segments[video_id, run_id]

    def matches(self, search: Mapping[str, Any]) -> Sequence[str]:
        """The ids of the results of a search; none where no API is asked."""
        if self._api is None:
            return []
        key = json.dumps(search, sort_keys=True)
        if key not in self._matches:
            if "query" in search:
                results = self._api.playground_search(search["query"], search["top_k"])
            else:
                results = list(self._api.playground_filter_search(search["conditions"]))
            self._matches[key] = [each["result_id"] for each in results]
        return self._matches[key]

    def document_is_right(self, document: Mapping[str, Any], video_id: str) -> bool:
        """Whether a document shows what the API knows of a video now.

        Only what stays as it is until the next event about the video is compared.
        """
        if self._api is None:
            return True
        videos = self._api.batch_videos([video_id])
        rows = self._api.batch_segments([video_id])
        segments = rows[0]["segments"] if rows else []
        by_status = Counter(each["segment_status"] for each in segments)
        counts = document.get("segments") or {}
        return (
            document.get("video_id") == video_id
            and document.get("found") is bool(videos)
            and all(document.get(name) == videos[0][name] for name in _SHOWN if videos)
            and counts.get("run_id") == (rows[0]["run_id"] if rows else None)
            and counts.get("total") == len(segments)
            and counts.get("by_status") == by_status
        )

    def preview_is_right(self, name: str, kind: str, of: str) -> bool:
        """Whether a file holds the picture that the API shows, byte for byte."""
        if (name, kind, of) in self._right:
            return True
        try:
            stored = self._cloud.file(name)
        except BackendError:
            return False
        right = stored is not None
        if stored is not None and (picture := self._picture(kind, of)) is not None:
            there = stored[0].content_type, stored[1]
            right = there == (picture.content_type, picture.content)
        if right:
            self._right.add((name, kind, of))
        return right

    def document(self, collection: str, document_id: str) -> Mapping[str, Any] | None:
        """A document; None as long as it cannot be read."""
        try:
            return self._cloud.document(collection, document_id)
        except BackendError:
            return None

    def _picture(self, kind: str, of: str) -> Media | None:
        if self._api is None:
            return None
        if (kind, of) not in self._pictures:
            fetch = self._api.gif if kind == "gif" else self._api.thumbnail
            self._pictures[kind, of] = fetch(of)
        return self._pictures[kind, of]
