"""JSON representations of videos, segments and search results."""

import base64
from typing import Any

from infra.standin.library import media
from infra.standin.library.catalog import Segment, Video
from infra.standin.library.markers import Markers
from infra.standin.runs.records import RunRecords, RunState, VideoState


class Views:
    """Combines the library with the run records and the markers."""

    def __init__(self, records: RunRecords, markers: Markers) -> None:
        self._records = records
        self._markers = markers

    def video(self, video: Video) -> dict[str, Any]:
        """Return a video as lists show it."""
        latest = self._records.latest(video.video_id)
        return {
            "video_id": video.video_id,
            "title": video.title,
            "video_uri": video.video_uri,
            "status": self._records.video_status(video.video_id),
            "processing_status": self._processing_status(video),
            "created_at": video.created_at,
            "updated_at": latest[1].updated_at if latest else None,
            "metadata_keys": sorted(video.segments[0].metadata) if video.segments else [],
            "media_type": "video",
            "marker": self._run_marker(latest[0] if latest else None),
        }

    def video_with_details(self, video: Video) -> dict[str, Any]:
        """Return a video as a batch shows it: with its pictures in base64."""
        first = video.segments[0].segment_id if video.segments else video.video_id
        return {
            **self.video(video),
            "gif_data": _base64(media.gif(video.video_id)),
            "first_thumbnail": _base64(media.jpeg(first)),
        }

    def video_status(self, video: Video) -> dict[str, Any]:
        """Return the processing status of a video, by run."""
        return {
            "video_id": video.video_id,
            "status": self._records.video_status(video.video_id),
            "processing_status": self._processing_status(video),
        }

    def video_segments(self, video: Video, run_id: str | None) -> dict[str, Any]:
        """Return the segments of a video with their results in one run (default: the latest)."""
        in_run = self._find_run(video.video_id, run_id)
        return {
            "video_id": video.video_id,
            "run_id": run_id if run_id is not None else in_run[0].run_id if in_run else None,
            "segments": [self.segment(segment, in_run) for segment in video.segments],
        }

    def segment(
        self, segment: Segment, in_run: tuple[RunState, VideoState] | None
    ) -> dict[str, Any]:
        """Return a segment with its result in a run."""
        run, video = in_run or (None, None)
        state = video.segments.get(segment.segment_id) if video else None
        processed = state is not None and state.status == "completed"
        return {
            "segment_id": segment.segment_id,
            "video_id": segment.video_id,
            "start_time": segment.start_time,
            "end_time": segment.end_time,
            "gcs_uri": segment.gcs_uri,
            "thumbnail_gcs_uri": segment.thumbnail_gcs_uri,
            "processed": processed,
            "processing_failed": state is not None and state.status == "failed",
            "segment_status": state.status if state else "pending",
            "failure_message": state.error if state else None,
            "metadata": segment.metadata if processed else None,
            "metadata_text": segment.text if processed else None,
            "processed_at": state.updated_at if state else None,
            "thumbnail_available": True,
            "from_run_id": run.run_id if run and state else None,
            "marker": self._run_marker(run),
            "metadata_markers": self._markers.field_markers(segment.segment_id),
        }

    def search_result(self, video: Video, segment: Segment, score: float | None) -> dict[str, Any]:
        """Return a segment as a search result."""
        latest = self._records.latest(video.video_id)
        run = latest[0] if latest else None
        return {
            "result_type": "segment",
            "result_id": f"res_{segment.segment_id}",
            "video_id": video.video_id,
            "video_uri": video.video_uri,
            "video_name": video.title,
            "segment_id": segment.segment_id,
            "start_time": segment.start_time,
            "end_time": segment.end_time,
            "text_content": segment.text,
            "content_preview": segment.text[:80],
            "metadata_text": segment.text,
            "similarity_score": score,
            "gcs_uri": segment.gcs_uri,
            "thumbnail_gcs_uri": segment.thumbnail_gcs_uri,
            "thumbnail_available": True,
            "media_type": "video",
            "metadata": segment.metadata,
            "run_id": run.run_id if run else None,
            "prompt_id": run.prompt_id if run else None,
            "source_index_id": video.index_id,
            "marker": self._run_marker(run),
            "extracted_metadata_markers": self._markers.field_markers(segment.segment_id),
        }

    def _processing_status(self, video: Video) -> list[dict[str, Any]]:
        return [
            _run_status(video, run, state) for run, state in self._records.runs_of(video.video_id)
        ]

    def _find_run(self, video_id: str, run_id: str | None) -> tuple[RunState, VideoState] | None:
        if run_id is None:
            return self._records.latest(video_id)
        return next(
            (
                (run, video)
                for run, video in self._records.runs_of(video_id)
                if run.run_id == run_id
            ),
            None,
        )

    def _run_marker(self, run: RunState | None) -> dict[str, Any]:
        return self._markers.info("run", run.run_id if run else None)


def _run_status(video: Video, run: RunState, state: VideoState) -> dict[str, Any]:
    successful, failed = state.count("completed"), state.count("failed")
    total = max(state.total_segments, successful + failed)
    running = state.status == "processing"
    processing = min(1, total - successful - failed) if running else 0
    return {
        "run_id": run.run_id,
        "prompt_id": run.prompt_id,
        "status": run.status,
        "total_segments": total,
        "pending_segments": total - successful - failed - processing,
        "processing_segments": processing,
        "successful_segments": successful,
        "failed_segments": failed,
        "created_at": run.created_at,
        "updated_at": state.updated_at,
        "segments": [
            {
                "segment_id": segment_id,
                "video_id": video.video_id,
                "status": segment.status,
                "updated_at": segment.updated_at,
                "error_message": segment.error,
            }
            for segment_id, segment in state.segments.items()
        ],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
