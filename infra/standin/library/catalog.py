"""The videos: derived from the seed, so they are the same in every run."""

import random
from dataclasses import dataclass
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.ids import digest, timestamp

MEDIA_BUCKET = "standin-media"
SEGMENT_SECONDS = 10.0
_FIRST_CREATED_AT = 1_767_225_600.0  # 2026-01-01: the library must not depend on the clock
_SUBJECTS = ("a cyclist", "two children", "a delivery van", "a red car", "a crowd", "an orange cat")
_VERBS = ("crosses", "waits beside", "turns away from", "circles", "stops in front of")
_PLACES = ("the wet crossing", "an empty stage", "the loading dock", "a park bench", "the stadium")
_CATEGORIES = ("sports", "traffic", "people", "animals")
_TAGS = ("outdoor", "night", "rain", "crowd", "close-up", "drone")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video, in seconds from its start, with its extracted metadata."""

    segment_id: str
    video_id: str
    start_time: float
    end_time: float
    gcs_uri: str
    thumbnail_gcs_uri: str
    text: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Video:
    """A video. `index_id` is None for a video of the playground."""

    video_id: str
    title: str
    index_id: str | None
    video_uri: str
    gif_gcs_uri: str
    created_at: str
    segments: tuple[Segment, ...]

    @property
    def duration_seconds(self) -> float:
        """Length of the video in seconds."""
        return self.segments[-1].end_time if self.segments else 0.0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file with a gs:// URI: its content type, and the key that its bytes are derived from."""

    content_type: str
    key: str


class Library:
    """Videos, segments and stored objects by id."""

    def __init__(self, config: StandInConfig) -> None:
        self.index_ids = tuple(
            f"idx_{digest(config.seed, 'index', n)}" for n in range(max(1, config.indexes))
        )
        total = config.videos + config.playground_videos
        videos = [_video(config, number, self.index_ids) for number in range(total)]
        self.videos = {video.video_id: video for video in videos}
        self.segments = {s.segment_id: s for video in videos for s in video.segments}
        self.objects = dict(_objects(videos))

    def playground(self) -> list[Video]:
        """Return the videos without an index."""
        return [video for video in self.videos.values() if video.index_id is None]

    def indexed(self, index_id: str) -> list[Video]:
        """Return the videos of one index."""
        return [video for video in self.videos.values() if video.index_id == index_id]


def _video(config: StandInConfig, number: int, index_ids: tuple[str, ...]) -> Video:
    video_id = f"vid_{digest(config.seed, 'video', number)}"
    folder = f"gs://{MEDIA_BUCKET}/videos/{video_id}"
    rng = random.Random(f"{config.seed}:video:{number}")
    indexed = number < config.videos
    return Video(
        video_id=video_id,
        title=f"Recording {number + 1:03d}",
        index_id=index_ids[number % len(index_ids)] if indexed else None,
        video_uri=f"{folder}/source.mp4",
        gif_gcs_uri=f"{folder}/preview.gif",
        created_at=timestamp(_FIRST_CREATED_AT + 60 * number),
        segments=tuple(
            _segment(rng, config.seed, video_id, folder, n)
            for n in range(config.segments_per_video)
        ),
    )


def _segment(rng: random.Random, seed: int, video_id: str, folder: str, number: int) -> Segment:
    segment_id = f"seg_{digest(seed, video_id, number)}"
    return Segment(
        segment_id=segment_id,
        video_id=video_id,
        start_time=number * SEGMENT_SECONDS,
        end_time=(number + 1) * SEGMENT_SECONDS,
        gcs_uri=f"{folder}/{segment_id}.mp4",
        thumbnail_gcs_uri=f"{folder}/{segment_id}.jpg",
        text=f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_PLACES)}",
        metadata={
            "category": rng.choice(_CATEGORIES),
            "people": rng.randrange(6),
            "confidence": round(rng.random(), 3),
            "indoor": rng.random() < 0.4,
            "tags": sorted(rng.sample(_TAGS, rng.randrange(4))),
        },
    )


def _objects(videos: list[Video]) -> list[tuple[str, StoredObject]]:
    objects: list[tuple[str, StoredObject]] = []
    for video in videos:
        objects.append((video.video_uri, StoredObject("video/mp4", video.video_id)))
        objects.append((video.gif_gcs_uri, StoredObject("image/gif", video.video_id)))
        for segment in video.segments:
            objects.append((segment.gcs_uri, StoredObject("video/mp4", segment.segment_id)))
            objects.append(
                (segment.thumbnail_gcs_uri, StoredObject("image/jpeg", segment.segment_id))
            )
    return objects
