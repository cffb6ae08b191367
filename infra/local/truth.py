"""What effects are compared with: VideoVector's own answers, and what is stored in the cloud.

What is asked of the API is asked once, and what was found right is not read again.
"""

import json
from collections.abc import Mapping
from typing import Any

from infra.local.cloud import Cloud
from videovector_bridge.api import VideoVectorClient
from videovector_bridge.api.models import Media, SegmentsTarget
from videovector_bridge.automate.snapshot import Rows, by_video
from videovector_bridge.errors import BackendError


class Truth:
    """Looks up what must be. Where there is no `api` to compare with, what is stored will do."""

    def __init__(self, cloud: Cloud, api: VideoVectorClient | None) -> None:
        self._cloud = cloud
        self._api = api
        self._segments: dict[tuple[str, str | None], list[str]] = {}
        self._matches: dict[str, list[dict[str, Any]]] = {}
        self._pictures: dict[tuple[str, str], Media] = {}
        self._right: set[tuple[str, str, str]] = set()

    def segments(self, video_id: str, run_id: str | None) -> list[str]:
        """The segments of a video that have an address; none where the API is not to be asked."""
        if self._api is None:
            return []
        if (video_id, run_id) not in self._segments:
            rows = self._api.batch_segments_for_targets([SegmentsTarget(video_id, run_id)])
            self._segments[video_id, run_id] = [
                each["segment_id"] for row in rows for each in row["segments"] if each["gcs_uri"]
            ]
        return self._segments[video_id, run_id]

    def matches(self, search: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a search finds; nothing where the API is not to be asked."""
        if self._api is None:
            return []
        key = json.dumps(search, sort_keys=True)
        if key not in self._matches:
            if "query" in search:
                found = self._api.playground_search(**search)
            else:
                found = list(self._api.playground_filter_search(**search))
            self._matches[key] = found
        return self._matches[key]

    def rows(self, video_id: str) -> Rows | None:
        """What the batch helpers say of a video now; None where the API is not to be asked."""
        if self._api is None:
            return None
        ids = [video_id]
        api = self._api
        answers = api.batch_videos(ids), api.batch_status(ids), api.batch_segments(ids)
        return by_video(ids, *answers)[video_id]

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
