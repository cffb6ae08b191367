"""The status of runs, videos and segments, derived from the events so far."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.standin.events.event import Event

_RUN_STATUS = {
    "run_started": "processing",
    "run_completed": "completed",
    "run_completed_with_failures": "completed_with_failures",
    "run_failed": "failed",
}
_VIDEO_STATUS = {
    "video_started": "processing",
    "video_completed": "completed",
    "video_failed": "failed",
}
_SEGMENT_STATUS = {"segment_completed": "completed", "segment_failed": "failed"}
_MAX_RUNS_PER_VIDEO = 50  # bounds the memory of a stand-in that runs for days
_MEDIA_STATUS = {"processing": "processing", "completed": "processed", "failed": "failed"}


@dataclass(slots=True)
class SegmentState:
    """Status of one segment in one run."""

    status: str
    updated_at: str
    error: str | None = None


@dataclass(slots=True)
class VideoState:
    """Status of one video in one run."""

    status: str
    total_segments: int
    updated_at: str
    segments: dict[str, SegmentState] = field(default_factory=dict)

    def count(self, status: str) -> int:
        """Return the number of segments with this status."""
        return Counter(state.status for state in self.segments.values())[status]


@dataclass(slots=True)
class RunState:
    """Status of one run and of each of its videos."""

    run_id: str
    prompt_id: str | None
    status: str
    created_at: str
    updated_at: str
    videos: dict[str, VideoState] = field(default_factory=dict)


class RunRecords:
    """Runs by id, updated from events. Events without a run are ignored."""

    def __init__(self) -> None:
        self.runs: dict[str, RunState] = {}
        self._runs_of_video: dict[str, list[str]] = {}

    def apply(self, event: Event) -> None:
        """Update the records from one event."""
        if event.run_id is None:
            return
        name = event.event_type.removeprefix("processing.")
        run = self.runs.get(event.run_id)
        if run is None:
            run = RunState(event.run_id, None, "pending", event.created_at, event.created_at)
            self.runs[event.run_id] = run
        run.prompt_id = event.payload.get("prompt_id") or run.prompt_id
        run.status = _RUN_STATUS.get(name, run.status)
        run.updated_at = event.created_at
        if event.video_id is not None:
            self._apply_to_video(run, event.video_id, name, event)

    def runs_of(self, video_id: str) -> Iterator[tuple[RunState, VideoState]]:
        """Yield the runs of a video, latest last."""
        for run_id in self._runs_of_video.get(video_id, ()):
            run = self.runs[run_id]
            yield run, run.videos[video_id]

    def latest(self, video_id: str) -> tuple[RunState, VideoState] | None:
        """Return the latest run of a video."""
        return next(reversed(list(self.runs_of(video_id))), None)

    def video_status(self, video_id: str) -> str:
        """Return `not_processed`, `processing`, `processed` or `failed`."""
        latest = self.latest(video_id)
        return "not_processed" if latest is None else _MEDIA_STATUS[latest[1].status]

    def _drop_oldest(self, video_id: str) -> None:
        run_ids = self._runs_of_video[video_id]
        if len(run_ids) <= _MAX_RUNS_PER_VIDEO:
            return
        oldest = self.runs[run_ids.pop(0)]
        del oldest.videos[video_id]
        if not oldest.videos:
            del self.runs[oldest.run_id]

    def _apply_to_video(self, run: RunState, video_id: str, name: str, event: Event) -> None:
        video = run.videos.get(video_id)
        if video is None:
            video = run.videos[video_id] = VideoState("processing", 0, event.created_at)
            self._runs_of_video.setdefault(video_id, []).append(run.run_id)
            self._drop_oldest(video_id)
        video.status = _VIDEO_STATUS.get(name, video.status)
        video.updated_at = event.created_at
        total: Any = event.payload.get("total_segments")
        video.total_segments = total if isinstance(total, int) else video.total_segments
        if event.segment_id is not None and name in _SEGMENT_STATUS:
            error: Any = event.payload.get("error")
            video.segments[event.segment_id] = SegmentState(
                _SEGMENT_STATUS[name],
                event.created_at,
                error if isinstance(error, str) else None,
            )
