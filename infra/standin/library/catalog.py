"""The videos there are: made up from the seed, the same every time."""

import random
from dataclasses import dataclass
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.ids import digest, timestamp

BUCKET = "standin-media"
SEGMENT_SECONDS = 10.0
_BEGAN = 1_767_225_600.0  # 2026-01-01T00:00:00Z: the library must not depend on the clock
_WHO = ("a cyclist", "two children", "a delivery van", "a red car", "a crowd", "an orange cat")
_DOES = ("crosses", "waits beside", "turns away from", "circles", "stops in front of")
_WHERE = ("the wet crossing", "an empty stage", "the loading dock", "a park bench", "the stadium")
_CATEGORIES = ("sports", "traffic", "people", "animals")
_TAGS = ("outdoor", "night", "rain", "crowd", "close-up", "drone")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a video, in seconds from its start, with what was seen in it."""

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
    """A video; `index_id` is None for one of the playground."""

    video_id: str
    title: str
    index_id: str | None
    video_uri: str
    gif_gcs_uri: str
    created_at: str
    segments: tuple[Segment, ...]

    @property
    def duration_seconds(self) -> float:
        """Length of the video."""
        return self.segments[-1].end_time if self.segments else 0.0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file behind a gs:// address: its content type, and the key its bytes are made from."""

    content_type: str
    key: str


class Library:
    """Videos, segments and stored objects, found by id."""

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
        """Videos without an index."""
        return [video for video in self.videos.values() if video.index_id is None]

    def indexed(self, index_id: str) -> list[Video]:
        """Videos of one index."""
        return [video for video in self.videos.values() if video.index_id == index_id]


def _video(config: StandInConfig, number: int, index_ids: tuple[str, ...]) -> Video:
    video_id = f"vid_{digest(config.seed, 'video', number)}"
    folder = f"gs://{BUCKET}/videos/{video_id}"
    pick = random.Random(f"{config.seed}:video:{number}")
    indexed = number < config.videos
    return Video(
        video_id=video_id,
        title=f"Recording {number + 1:03d}",
        index_id=index_ids[number % len(index_ids)] if indexed else None,
        video_uri=f"{folder}/source.mp4",
        gif_gcs_uri=f"{folder}/preview.gif",
        created_at=timestamp(_BEGAN + 60 * number),
        segments=tuple(
            _segment(pick, config.seed, video_id, folder, n)
            for n in range(config.segments_per_video)
        ),
    )


def _segment(pick: random.Random, seed: int, video_id: str, folder: str, number: int) -> Segment:
    segment_id = f"seg_{digest(seed, video_id, number)}"
    return Segment(
        segment_id=segment_id,
        video_id=video_id,
        start_time=number * SEGMENT_SECONDS,
        end_time=(number + 1) * SEGMENT_SECONDS,
        gcs_uri=f"{folder}/{segment_id}.mp4",
        thumbnail_gcs_uri=f"{folder}/{segment_id}.jpg",
        text=f"{pick.choice(_WHO)} {pick.choice(_DOES)} {pick.choice(_WHERE)}",
        metadata={
            "category": pick.choice(_CATEGORIES),
            "people": pick.randrange(6),
            "confidence": round(pick.random(), 3),
            "indoor": pick.random() < 0.4,
            "tags": sorted(pick.sample(_TAGS, pick.randrange(4))),
        },
    )


def _objects(videos: list[Video]) -> list[tuple[str, StoredObject]]:
    found = []
    for video in videos:
        found.append((video.video_uri, StoredObject("video/mp4", video.video_id)))
        found.append((video.gif_gcs_uri, StoredObject("image/gif", video.video_id)))
        for segment in video.segments:
            found.append((segment.gcs_uri, StoredObject("video/mp4", segment.segment_id)))
            found.append(
                (segment.thumbnail_gcs_uri, StoredObject("image/jpeg", segment.segment_id))
            )
    return found
