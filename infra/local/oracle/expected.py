"""The expected effects of a run: `functions/automations.toml`, written out by hand.

This table shares no code with the planner that it checks: no CEL, no plan, no actions. Change a row
together with its automation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.local.oracle.progress import UrlKey
from infra.local.oracle.published import BRIDGE, STREAM, WEBHOOK, PublishedEvent


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker with this colour and note on a run."""

    run_id: str
    color: str
    note: str


@dataclass(frozen=True, slots=True)
class NoMarker:
    """No marker on a run."""

    run_id: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """One message on `media-urls` with a URL of this object."""

    gcs_uri: str


@dataclass(frozen=True, slots=True)
class SegmentUrls:
    """One message with a URL for each segment of a video that has a Cloud Storage URI."""

    video_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A file with the `gif` of a video or the `thumbnail` of a segment, and an event about it."""

    name: str
    kind: str
    source_id: str


@dataclass(frozen=True, slots=True)
class VideoDocument:
    """The document `media/{video_id}` with VideoVector's data about the video."""

    video_id: str


@dataclass(frozen=True, slots=True)
class Matches:
    """One message for each match of a search, however many events cause the search."""

    search: Mapping[str, Any]


Effect = Marker | NoMarker | SignedUrl | SegmentUrls | Preview | VideoDocument | Matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One automation: events of these types and channels that meet `when` cause `effect`.

    `when` is false for an event that the automation must reject because a field is missing. Two
    rows never concern the same target for the same event.
    """

    automation: str
    types: tuple[str, ...]
    channels: tuple[str, ...] = (STREAM, WEBHOOK)
    when: Callable[[PublishedEvent], bool]
    effect: Callable[[PublishedEvent], Effect]


_RED_CARS: Final = {"query": "a red car", "top_k": 20}
_CROWDS: Final = {
    "conditions": [
        {"field": "category", "operator": "equals", "type": "string", "value": "people"},
        {"field": "confidence", "operator": "greater_than", "type": "number", "value": 0.8},
    ]
}


def _has_run(event: PublishedEvent) -> bool:
    return event.run_id != ""


def _has_video(event: PublishedEvent) -> bool:
    return event.video_id != ""


def _has_failed_segments(event: PublishedEvent) -> bool:
    failed = event.payload.get("failed_segments")
    return isinstance(failed, int) and failed > 0


def _text_of(event: PublishedEvent, name: str) -> str:
    value = event.payload.get(name)
    return value if isinstance(value, str) else ""


TABLE: Final = (
    Row(
        automation="failed runs are red",
        types=("prompt_run.failed", "processing.run_failed"),
        when=_has_run,
        effect=lambda event: Marker(event.run_id, "red", f"failed at {event.created_at}"),
    ),
    Row(
        automation="runs with failed segments are orange",
        types=("prompt_run.partial_completed", "processing.run_completed_with_failures"),
        when=_has_run,
        effect=lambda event: Marker(
            event.run_id, "orange", f"completed with failures at {event.created_at}"
        ),
    ),
    Row(
        automation="completed runs have no marker",
        types=("prompt_run.completed", "processing.run_completed"),
        when=_has_run,
        effect=lambda event: NoMarker(event.run_id),
    ),
    Row(
        automation="a link to each processed video",
        types=("processing.video_completed",),
        channels=(STREAM,),
        when=lambda event: _text_of(event, "gcs_uri") != "",
        effect=lambda event: SignedUrl(_text_of(event, "gcs_uri")),
    ),
    Row(
        automation="links to the segments of videos where some failed",
        types=("processing.video_completed",),
        channels=(STREAM,),
        when=lambda event: _has_video(event) and _has_failed_segments(event),
        effect=lambda event: SegmentUrls(event.video_id, event.run_id),
    ),
    Row(
        automation="a link to each preview",
        types=("media.preview_stored",),
        channels=(BRIDGE,),
        when=lambda event: _text_of(event, "uri").startswith("gs://"),
        effect=lambda event: SignedUrl(_text_of(event, "uri")),
    ),
    Row(
        automation="a preview of each processed video",
        types=("processing.video_completed",),
        when=_has_video,
        effect=lambda event: Preview(f"videos/{event.video_id}/preview.gif", "gif", event.video_id),
    ),
    Row(
        automation="a thumbnail of each first segment",
        types=("processing.segment_completed",),
        when=lambda event: (
            event.payload.get("start_time") == 0 and _has_video(event) and event.segment_id != ""
        ),
        effect=lambda event: Preview(
            f"videos/{event.video_id}/first.jpg", "thumbnail", event.segment_id
        ),
    ),
    Row(
        automation="videos as documents",
        types=(
            "media.processing.started",
            "media.processing.completed",
            "media.processing.failed",
            "processing.video_started",
            "processing.video_completed",
            "processing.video_failed",
        ),
        when=_has_video,
        effect=lambda event: VideoDocument(event.video_id),
    ),
    Row(
        automation="watch for red cars",
        types=("processing.run_completed", "processing.run_completed_with_failures"),
        channels=(STREAM,),
        when=lambda _event: True,
        effect=lambda _event: Matches(_RED_CARS),
    ),
    Row(
        automation="watch for crowds at night",
        types=("prompt_run.completed", "prompt_run.partial_completed"),
        channels=(WEBHOOK,),
        when=lambda _event: True,
        effect=lambda _event: Matches(_CROWDS),
    ),
)


@dataclass(frozen=True, slots=True)
class ExpectedEffect:
    """An effect that an event must cause, and the automation that causes it.

    `red_before`: an older event asked for a red marker on the target, and this event does not.
    """

    automation: str
    effect: Effect
    event: PublishedEvent
    red_before: bool = False

    @property
    def target(self) -> str:
        """The target of the effect. A newer event about the same target replaces the effect."""
        match self.effect:
            case Marker(run_id=run_id) | NoMarker(run_id=run_id):
                return f"marker on run {run_id}"
            case Preview(name=name):
                return f"preview {name}"
            case VideoDocument(video_id=video_id):
                return f"document media/{video_id}"
        return f"{self.automation} for event {self.event.identity}"

    def url_key(self, gcs_uri: str, segment_id: str = "") -> UrlKey:
        """Return the key of this effect's message on `media-urls`.

        The segment is `segment_id`, or else the segment of the event.
        """
        segment = segment_id or self.event.segment_id
        return UrlKey(self.automation, self.event.id, segment, gcs_uri)

    @property
    def red(self) -> bool:
        """Whether it is a red marker."""
        return isinstance(self.effect, Marker) and self.effect.color == "red"


@dataclass(frozen=True, slots=True)
class Expected:
    """The effects expected at the end, by target, and `every` effect of every event."""

    newest: Mapping[str, ExpectedEffect]
    every: tuple[ExpectedEffect, ...]


def expected_effects(events: Iterable[PublishedEvent]) -> Expected:
    """Return the effects of `events` (each event once), which do not depend on their order."""
    newest: dict[str, ExpectedEffect] = {}
    every: list[ExpectedEffect] = []
    for event in sorted(events, key=lambda event: event.version):
        for effect in effects_of(event):
            older = newest.get(effect.target)
            red_before = older is not None and (older.red or older.red_before) and not effect.red
            newest[effect.target] = ExpectedEffect(
                effect.automation, effect.effect, event, red_before
            )
            every.append(effect)
    return Expected(newest, tuple(every))


def effects_of(event: PublishedEvent) -> list[ExpectedEffect]:
    """Return the effects of one event, in the order of the table."""
    return [
        ExpectedEffect(row.automation, row.effect(event), event)
        for row in TABLE
        if event.type in row.types and event.channel in row.channels and row.when(event)
    ]
