"""Failures that every run goes through, each of one thing while all others go well.

A marker is refused, and so is one video of several that are looked up together; the URL of an
object is unavailable. What was refused is redriven once the failures are over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import httpx

from infra.local.clouds.cloud import Observed
from infra.local.oracle.effects import Observation
from infra.local.processes.upstream import Upstream
from infra.standin import Control

RUN_ID = "run_with_a_refused_marker"
VIDEOS = 6
"""Videos that it takes: no run works on them."""

_RED, _DOCUMENTS = "failed runs are red", "videos as documents"
_CODE = "validation_refused"
_READ_SECONDS = 10.0
_REFUSED = {"kind": "status", "status": 422, "times": None}
_UNAVAILABLE = {"kind": "status", "status": 503, "times": None}


@dataclass(frozen=True, slots=True)
class ExpectedRejection:
    """One message that must be on topic `rejected`."""

    action: str
    automation: str
    event_id: str
    code: str

    def describes(self, message: Observed) -> bool:
        """Whether the message is the one."""
        names = ("action", "automation", "event-id", "code")
        said = tuple(message.attributes.get(name) for name in names)
        return said == (self.action, self.automation, self.event_id, self.code)


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What was seen of the failures so far, and what must be seen in the end.

    `isolated` counts the failures beside which all else went well. `rejections` are those that are
    expected; the effects of the events in `delayed` had to wait for the end of a failure.
    """

    refusals: int = 0
    redriven: int = 0
    isolated: int = 0
    refusals_expected: int = 0
    redriven_expected: int = 0
    isolated_expected: int = 0
    rejections: tuple[ExpectedRejection, ...] = ()
    delayed: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether everything was seen."""
        seen = self.refusals, self.redriven, self.isolated
        return seen == (self.refusals_expected, self.redriven_expected, self.isolated_expected)


NO_FAILURES: Final = FailureReport()
"""The report of a run in which nothing is made to fail."""


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


def free_videos(upstream: Upstream) -> list[Video]:
    """Videos of the stand-in's playground, which no run works on."""
    answer = httpx.get(
        f"{upstream.api_url}/playground/videos",
        params={"limit": VIDEOS},
        headers={"X-API-Key": upstream.key},
        timeout=_READ_SECONDS,
        trust_env=False,
    )
    rows = answer.raise_for_status().json()["data"]
    return [Video(row["video_id"], row["video_uri"]) for row in rows]


class Failures:
    """Lets them happen, step by step, as `advance` sees that the step before had its effects.

    `redrive` publishes a rejected message to `events` again.
    """

    def __init__(
        self,
        control: Control,
        videos: Sequence[Video],
        redrive: Callable[[Observed], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._control = control
        self._refused_video, *self._others, self._linked = videos[:VIDEOS]
        self._redrive = redrive
        self._now = now
        self._step = _Step.BEGIN
        self._failed_at = now()
        self._red = self._orange = self._completed = ""
        self._started: dict[str, str] = {}
        self._isolated = self._redriven = 0
        self._rejected: dict[ExpectedRejection, Observed] = {}
        self._expected: tuple[ExpectedRejection, ...] = ()

    @property
    def step(self) -> str:
        """How far they are, in one word."""
        return self._step.value

    @property
    def over(self) -> bool:
        """Whether they have ended, and what was refused is there."""
        return self._step is _Step.OVER

    def report(self) -> FailureReport:
        """What was seen so far."""
        delayed = {self._red, self._completed, self._started.get(self._refused_video.video_id, "")}
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

    def advance(self, seen: Observation) -> None:
        """Take the next step if its time has come."""
        if self._step is _Step.BEGIN:
            self._fail()
        elif self._step is _Step.FAIL:
            self._look_at_failures(seen)
            if self._isolated == 3 and len(self._rejected) == 2:
                self._recover()
        elif self._step is _Step.RECOVER:
            refused = self._refused_video
            self._redriven = (self._marker(seen) == "red") + self._has_document(seen, refused)
            if self._redriven == 2 and self._has_url(seen):
                self._step = _Step.OVER

    def _fail(self) -> None:
        """Each fault is about one thing: a marker by its note, a video by its id, an object."""
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
        ids = [each.video_id for each in (refused, *self._others)]
        started = [{"event_type": "processing.video_started", "video_id": id_} for id_ in ids]
        self._red, self._completed, *names = self._control.events(failed, completed, *started)
        self._started = dict(zip(ids, names, strict=True))
        self._expected = (
            ExpectedRejection("upsert_marker", _RED, self._red, _CODE),
            ExpectedRejection("snapshot_media", _DOCUMENTS, names[0], _CODE),
        )
        self._step = _Step.FAIL

    def _look_at_failures(self, seen: Observation) -> None:
        for message in seen.progress.rejected:
            for expected in self._expected:
                if expected.describes(message):
                    self._rejected.setdefault(expected, message)
        if not self._orange and self._expected[0] in self._rejected:
            self._orange = self._emit_older_event()
        self._isolated = (
            (self._marker(seen) == "orange")
            + all(self._has_document(seen, each) for each in self._others)
            + (self._has_segment_urls(seen) and not self._has_url(seen))
        )

    def _emit_older_event(self) -> str:
        """An event about the run that is older than the one whose marker was refused."""
        older = {
            "event_type": "processing.run_completed_with_failures",
            "run_id": RUN_ID,
            "created_at": (self._failed_at - timedelta(minutes=1)).isoformat(),
        }
        return self._control.events(older)[0]

    def _recover(self) -> None:
        self._control.clear_faults()
        for message in self._rejected.values():
            self._redrive(message)
        self._step = _Step.RECOVER

    def _marker(self, seen: Observation) -> str:
        marker = (seen.markers or {}).get(("run", RUN_ID, None), {})
        return str(marker.get("color"))

    def _has_document(self, seen: Observation, video: Video) -> bool:
        document = seen.oracle.document("media", video.video_id) or {}
        event_id = (document.get("event") or {}).get("event_id")
        return event_id is not None and event_id == self._started[video.video_id]

    def _has_url(self, seen: Observation) -> bool:
        return any(
            (key.event_id, key.gcs_uri) == (self._completed, self._linked.gcs_uri)
            for key in seen.progress.urls
        )

    def _has_segment_urls(self, seen: Observation) -> bool:
        segments = seen.oracle.segments(self._linked.video_id, "")
        urls = [key for key in seen.progress.urls if key.event_id == self._completed]
        return segments.keys() <= {key.segment_id for key in urls}
