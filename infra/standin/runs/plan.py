"""The plan of a run, derived from the seed: its events, their order, and the failures."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.ids import digest
from infra.standin.library.catalog import Segment, Video

LOSABLE = ("run", "video")
"""Kinds of work whose last events can be lost."""
_ENDS = ("completed", "completed_with_failures", "failed")
_SEGMENT_ERRORS = ("field_extraction_timeout", "transcription_failed", "model_overloaded")


@dataclass(frozen=True, slots=True)
class RunStep:
    """One event of a run, without id and time. A `lost` one changes the status only."""

    event_type: str
    run_id: str
    index_id: str | None
    video_id: str | None = None
    segment_id: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    lost: bool = False


@dataclass(slots=True)
class _Attempt:
    """The steps of one attempt, and the counts so far."""

    run_id: str
    index_id: str | None
    number: int
    steps: list[RunStep] = field(default_factory=list)
    completed_videos: int = 0
    failed_videos: int = 0
    completed_segments: int = 0
    failed_segments: int = 0

    def add(
        self,
        name: str,
        video: Video | None = None,
        segment: Segment | None = None,
        *,
        counted: bool = False,
        **payload: Any,
    ) -> None:
        counts = self.counts() if counted else {}
        self.steps.append(
            RunStep(
                event_type=f"processing.{name}",
                run_id=self.run_id,
                index_id=self.index_id,
                video_id=video.video_id if video else None,
                segment_id=segment.segment_id if segment else None,
                payload={"attempt": self.number, **payload, **counts},
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
    """Return the id of run `number`."""
    return f"run_{digest(seed, 'run', number)}"


def prompt_id_of(seed: int, number: int) -> str:
    """Return the id of the prompt that run `number` executes. Three prompts alternate."""
    return f"prm_{digest(seed, 'prompt', number % 3)}"


def lose_ends(steps: Sequence[RunStep], kinds: Collection[str]) -> list[RunStep]:
    """Return the steps with the last event of each run, or each video, marked as lost."""
    lost = {f"processing.{kind}_{end}" for kind in kinds for end in _ENDS}
    return [replace(step, lost=step.event_type in lost) for step in steps]


def plan_run(config: StandInConfig, number: int, videos: Sequence[Video]) -> list[RunStep]:
    """Plan run `number` over `videos`: every step, including a failed attempt and its retry.

    The same arguments always give the same steps.
    """
    rng = random.Random(f"{config.seed}:run:{number}")
    run_id = run_id_of(config.seed, number)
    index_id = videos[0].index_id if videos else None
    retried = config.retry_every_runs > 0 and number % config.retry_every_runs == 2
    prompt_id = prompt_id_of(config.seed, number)
    steps: list[RunStep] = []
    if retried:
        failed = _Attempt(run_id, index_id, number=1)
        steps += _plan_failed_attempt(failed, videos, prompt_id)
    final = _Attempt(run_id, index_id, number=2 if retried else 1)
    final.add("run_started", prompt_id=prompt_id, total_videos=len(videos))
    for video in videos:
        # A retry always succeeds, so that a red marker can turn green.
        _add_video(final, video, config, None if retried else rng)
    last_event = "run_completed_with_failures" if final.failed_videos else "run_completed"
    final.add(last_event, prompt_id=prompt_id, counted=True)
    return steps + final.steps


def _plan_failed_attempt(
    attempt: _Attempt, videos: Sequence[Video], prompt_id: str
) -> list[RunStep]:
    attempt.add("run_started", prompt_id=prompt_id, total_videos=len(videos))
    for video in videos[:1]:
        attempt.add("video_started", video, total_segments=len(video.segments))
        attempt.failed_videos += 1
        attempt.add("video_failed", video, gcs_uri=video.video_uri, error="model_unavailable")
    error = "The processing model was unavailable"
    attempt.add("run_failed", prompt_id=prompt_id, error=error, counted=True)
    return attempt.steps


def _add_video(
    attempt: _Attempt, video: Video, config: StandInConfig, rng: random.Random | None
) -> None:
    attempt.add("video_started", video, total_segments=len(video.segments))
    failed = 0
    for segment in video.segments:
        if rng is not None and rng.random() < config.segment_failure_rate:
            failed += 1
            attempt.failed_segments += 1
            attempt.add("segment_failed", video, segment, error=rng.choice(_SEGMENT_ERRORS))
        else:
            attempt.completed_segments += 1
            attempt.add(
                "segment_completed",
                video,
                segment,
                start_time=segment.start_time,
                end_time=segment.end_time,
                thumbnail_gcs_uri=segment.thumbnail_gcs_uri,
            )
    if rng is not None and rng.random() < config.video_failure_rate:
        attempt.failed_videos += 1
        attempt.add("video_failed", video, gcs_uri=video.video_uri, error="video_processing_failed")
        return
    attempt.completed_videos += 1
    attempt.add(
        "video_completed",
        video,
        gcs_uri=video.video_uri,
        duration_seconds=video.duration_seconds,
        total_segments=len(video.segments),
        failed_segments=failed,
    )
