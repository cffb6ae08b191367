"""The course of a run, planned from a seed: which events come, in which order, and what fails."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.ids import digest
from infra.standin.library.catalog import Segment, Video

_SEGMENT_ERRORS = ("field_extraction_timeout", "transcription_failed", "model_overloaded")


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a run, before it has an id and a time."""

    event_type: str
    run_id: str
    index_id: str | None
    video_id: str | None = None
    segment_id: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Course:
    """The steps of one attempt as they are planned, and the counts so far."""

    run_id: str
    index_id: str | None
    attempt: int
    steps: list[Step] = field(default_factory=list)
    completed_videos: int = 0
    failed_videos: int = 0
    completed_segments: int = 0
    failed_segments: int = 0

    def add(
        self,
        what: str,
        video: Video | None = None,
        segment: Segment | None = None,
        *,
        counted: bool = False,
        **payload: Any,
    ) -> None:
        counts = self.counts() if counted else {}
        self.steps.append(
            Step(
                event_type=f"processing.{what}",
                run_id=self.run_id,
                index_id=self.index_id,
                video_id=video.video_id if video else None,
                segment_id=segment.segment_id if segment else None,
                payload={"attempt": self.attempt, **payload, **counts},
            )
        )

    def counts(self) -> dict[str, int]:
        return {
            "completed_videos": self.completed_videos,
            "failed_videos": self.failed_videos,
            "completed_segments": self.completed_segments,
            "failed_segments": self.failed_segments,
        }


def run_id_of(seed: int, number: int) -> str:
    """The id of the `number`th run."""
    return f"run_{digest(seed, 'run', number)}"


def prompt_id_of(seed: int, number: int) -> str:
    """The prompt that the `number`th run executes; three of them take turns."""
    return f"prm_{digest(seed, 'prompt', number % 3)}"


def plan_run(config: StandInConfig, number: int, videos: Sequence[Video]) -> list[Step]:
    """Every step of run `number` over `videos`, a failed attempt and its retry included.

    The same arguments always give the same steps.
    """
    chance = random.Random(f"{config.seed}:run:{number}")
    run_id = run_id_of(config.seed, number)
    index_id = videos[0].index_id if videos else None
    doomed = config.retry_every_runs > 0 and number % config.retry_every_runs == 2
    prompt_id = prompt_id_of(config.seed, number)
    steps: list[Step] = []
    if doomed:
        steps += _failing(_Course(run_id, index_id, attempt=1), videos, prompt_id)
    last = _Course(run_id, index_id, attempt=2 if doomed else 1)
    last.add("run_started", prompt_id=prompt_id, total_videos=len(videos))
    for video in videos:
        # A retry goes well: it is there to turn what was red green.
        _video(last, video, config, None if doomed else chance)
    end = "run_completed_with_failures" if last.failed_videos else "run_completed"
    last.add(end, prompt_id=prompt_id, counted=True)
    return steps + last.steps


def _failing(course: _Course, videos: Sequence[Video], prompt_id: str) -> list[Step]:
    course.add("run_started", prompt_id=prompt_id, total_videos=len(videos))
    for video in videos[:1]:
        course.add("video_started", video, total_segments=len(video.segments))
        course.failed_videos += 1
        course.add("video_failed", video, gcs_uri=video.video_uri, error="model_unavailable")
    error = "The processing model was unavailable"
    course.add("run_failed", prompt_id=prompt_id, error=error, counted=True)
    return course.steps


def _video(
    course: _Course, video: Video, config: StandInConfig, chance: random.Random | None
) -> None:
    course.add("video_started", video, total_segments=len(video.segments))
    failed = 0
    for segment in video.segments:
        if chance is not None and chance.random() < config.segment_failure_rate:
            failed += 1
            course.failed_segments += 1
            course.add("segment_failed", video, segment, error=chance.choice(_SEGMENT_ERRORS))
        else:
            course.completed_segments += 1
            course.add(
                "segment_completed",
                video,
                segment,
                start_time=segment.start_time,
                end_time=segment.end_time,
                thumbnail_gcs_uri=segment.thumbnail_gcs_uri,
            )
    if chance is not None and chance.random() < config.video_failure_rate:
        course.failed_videos += 1
        course.add("video_failed", video, gcs_uri=video.video_uri, error="video_processing_failed")
        return
    course.completed_videos += 1
    course.add(
        "video_completed",
        video,
        gcs_uri=video.video_uri,
        duration_seconds=video.duration_seconds,
        total_segments=len(video.segments),
        failed_segments=failed,
    )
