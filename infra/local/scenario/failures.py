"""The failures of every run: each concerns one thing, and everything else must work.

A marker is refused; one video of several in a batch request is refused; the signed URL of one
object is unavailable. After the failures, the rejected messages are redriven.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import httpx

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.failure_report import ExpectedRejection, FailureReport
from infra.local.oracle.observation import Observation
from infra.local.processes.upstream import Upstream
from infra.standin import Control

RUN_ID = "run_with_a_refused_marker"
VIDEOS = 6
"""The number of videos that the failures use; no run works on them."""

_RED_AUTOMATION, _DOCUMENTS_AUTOMATION = "failed runs are red", "videos as documents"
_CODE = "validation_refused"
_TIMEOUT_SECONDS = 10.0
_REFUSED = {"kind": "status", "status": 422, "times": None}
_UNAVAILABLE = {"kind": "status", "status": 503, "times": None}


class _Step(Enum):
    BEGIN = "begin"
    FAIL = "fail"
    RECOVER = "recover"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Video:
    """A video that no run works on."""

    video_id: str
    gcs_uri: str


def fetch_free_videos(upstream: Upstream) -> list[Video]:
    """Return videos of the stand-in's playground; no run works on them."""
    response = httpx.get(
        f"{upstream.api_url}/playground/videos",
        params={"limit": VIDEOS},
        headers={"X-API-Key": upstream.key},
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
    )
    rows = response.raise_for_status().json()["data"]
    return [Video(row["video_id"], row["video_uri"]) for row in rows]


class Failures:
    """Causes the failures in steps; `advance` starts the next step when the current is complete.

    `redrive` publishes events of rejected messages again, by `ce-id`, and returns the ids of those;
    it is called again for the others.
    """

    def __init__(
        self,
        control: Control,
        videos: Sequence[Video],
        redrive: Callable[[Sequence[str]], Collection[str]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._control = control
        self._refused_video, *self._others, self._linked = videos[:VIDEOS]
        self._redrive = redrive
        self._now = now
        self._step = _Step.BEGIN
        self._failed_at = now()
        self._failed_id = self._older_id = self._completed_id = ""
        self._document_ids: dict[str, str] = {}
        self._isolated = self._redriven = 0
        self._published: set[str] = set()
        self._rejected: dict[ExpectedRejection, TopicMessage] = {}
        self._expected: tuple[ExpectedRejection, ...] = ()

    @property
    def step(self) -> str:
        """The current step: begin, fail, recover or over."""
        return self._step.value

    def report(self) -> FailureReport:
        """Return the outcomes so far."""
        delayed = {
            self._failed_id,
            self._completed_id,
            self._document_ids.get(self._refused_video.video_id, ""),
        }
        return FailureReport(
            refusals=len(self._rejected),
            redriven=self._redriven,
            isolated=self._isolated,
            refusals_expected=2,
            redriven_expected=2,
            isolated_expected=3,
            rejections=self._expected,
            delayed=frozenset(delayed - {""}),
        )

    def advance(self, observation: Observation) -> None:
        """Start the next step if the current one has had its effect."""
        if self._step is _Step.BEGIN:
            self._fail()
        elif self._step is _Step.FAIL:
            self._check_failures(observation)
            if self._isolated == 3 and len(self._rejected) == 2:
                self._recover()
        elif self._step is _Step.RECOVER:
            self._redrive_rejected()
            has_marker = self._marker_color(observation) == "red"
            self._redriven = has_marker + self._has_document(observation, self._refused_video)
            if self._redriven == 2 and self._has_url(observation):
                self._step = _Step.OVER

    def _fail(self) -> None:
        """Make the API refuse a marker (by its note), a video (by its id) and a signed URL."""
        self._failed_at = self._now()
        stamp, refused, linked = self._failed_at.isoformat(), self._refused_video, self._linked
        self._control.faults(
            {**_REFUSED, "on": "PUT /markers", "containing": stamp},
            {**_REFUSED, "on": "POST /videos/batch", "containing": refused.video_id},
            {**_UNAVAILABLE, "on": "POST /videos/signed-url", "containing": linked.gcs_uri},
        )
        failed = {"event_type": "processing.run_failed", "run_id": RUN_ID, "created_at": stamp}
        completed = {
            "event_type": "processing.video_completed",
            "video_id": linked.video_id,
            "payload": {"gcs_uri": linked.gcs_uri, "failed_segments": 1},
        }
        video_ids = [video.video_id for video in (refused, *self._others)]
        # Ends, because `reconcile` would look for the end of what starts.
        ended = [{"event_type": "processing.video_failed", "video_id": id_} for id_ in video_ids]
        self._failed_id, self._completed_id, *document_ids = self._control.events(
            failed, completed, *ended
        )
        self._document_ids = dict(zip(video_ids, document_ids, strict=True))
        self._expected = (
            ExpectedRejection("upsert_marker", _RED_AUTOMATION, self._failed_id, _CODE),
            ExpectedRejection("snapshot_media", _DOCUMENTS_AUTOMATION, document_ids[0], _CODE),
        )
        self._step = _Step.FAIL

    def _check_failures(self, observation: Observation) -> None:
        for message in observation.progress.rejected:
            for expected in self._expected:
                if expected.matches(message):
                    self._rejected.setdefault(expected, message)
        if not self._older_id and self._expected[0] in self._rejected:
            self._older_id = self._emit_older_event()
        self._isolated = (
            (self._marker_color(observation) == "orange")
            + all(self._has_document(observation, video) for video in self._others)
            + (self._has_segment_urls(observation) and not self._has_url(observation))
        )

    def _emit_older_event(self) -> str:
        """Emit an event about the run that is older than the event whose marker was refused."""
        older = {
            "event_type": "processing.run_completed_with_failures",
            "run_id": RUN_ID,
            "created_at": (self._failed_at - timedelta(minutes=1)).isoformat(),
        }
        return self._control.events(older)[0]

    def _recover(self) -> None:
        self._control.clear_faults()
        self._step = _Step.RECOVER
        self._redrive_rejected()

    def _redrive_rejected(self) -> None:
        """Redrive the rejected events. Pub/Sub may deliver their messages later."""
        ids = [message.attributes["ce-id"] for message in self._rejected.values()]
        if left := [event_id for event_id in ids if event_id not in self._published]:
            self._published.update(self._redrive(left))

    def _marker_color(self, observation: Observation) -> str:
        marker = (observation.markers or {}).get(("run", RUN_ID, None), {})
        return str(marker.get("color"))

    def _has_document(self, observation: Observation, video: Video) -> bool:
        document = observation.oracle.document("media", video.video_id) or {}
        event_id = (document.get("event") or {}).get("event_id")
        return event_id is not None and event_id == self._document_ids[video.video_id]

    def _has_url(self, observation: Observation) -> bool:
        return any(
            (key.event_id, key.gcs_uri) == (self._completed_id, self._linked.gcs_uri)
            for key in observation.progress.urls
        )

    def _has_segment_urls(self, observation: Observation) -> bool:
        segments = observation.oracle.segments(self._linked.video_id, "")
        urls = [key for key in observation.progress.urls if key.event_id == self._completed_id]
        return segments.keys() <= {key.segment_id for key in urls}
