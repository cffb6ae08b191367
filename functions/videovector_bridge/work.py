"""Runs and videos as work that starts and finishes: which event types say so. Pure.

`watch` follows work, and `automate` recognizes a repaired event. Types of the stream: the vendor
documents no list, so these are the ones that its clients show. Types of webhooks: "Webhooks" in the
vendor's API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

RECONCILED: Final = "reconciled"
"""The channel of an event that takes the place of one that never came."""

Kind = Literal["run", "video"]
Channel = Literal["stream", "webhook"]
Result = Literal["completed", "partial", "failed", "cancelled"]

OPEN: Final = "open"
"""The collection with a document for each piece of work that has not finished."""
FINISHED: Final = "finished"
"""The collection with a document for each piece of work that has finished."""


@dataclass(frozen=True, slots=True)
class Work:
    """One run, or one video in a run. `run_id` is empty for a video outside of runs."""

    kind: Kind
    run_id: str
    video_id: str = ""

    @property
    def key(self) -> str:
        """The id of its document: `run:RUN_ID`, or `video:VIDEO_ID:RUN_ID`."""
        if self.kind == "run":
            return f"run:{self.run_id}"
        # Without a colon in the first id, different work has different keys.
        video_id = self.video_id.replace("%", "%25").replace(":", "%3A")
        return f"video:{video_id}:{self.run_id}"


@dataclass(frozen=True, slots=True)
class Step:
    """What an event type says of its work: a start (`result` None), or the end with its result."""

    kind: Kind
    channel: Channel
    result: Result | None


STEPS: Final[Mapping[str, Step]] = {
    "processing.run_started": Step("run", "stream", None),
    "processing.run_completed": Step("run", "stream", "completed"),
    "processing.run_completed_with_failures": Step("run", "stream", "partial"),
    "processing.run_failed": Step("run", "stream", "failed"),
    "processing.run_cancelled": Step("run", "stream", "cancelled"),
    "processing.video_started": Step("video", "stream", None),
    "processing.video_completed": Step("video", "stream", "completed"),
    "processing.video_failed": Step("video", "stream", "failed"),
    "prompt_run.started": Step("run", "webhook", None),
    "prompt_run.completed": Step("run", "webhook", "completed"),
    "prompt_run.partial_completed": Step("run", "webhook", "partial"),
    "prompt_run.failed": Step("run", "webhook", "failed"),
    "prompt_run.cancelled": Step("run", "webhook", "cancelled"),
    "media.processing.started": Step("video", "webhook", None),
    "media.processing.completed": Step("video", "webhook", "completed"),
    "media.processing.failed": Step("video", "webhook", "failed"),
}
"""Event type -> what it says. Other types say nothing of work."""

_TYPE: Final = 'attributes."ce-type", "com.vectormethods.'
SUBSCRIPTION_FILTER: Final = (
    f'(hasPrefix({_TYPE}pr") AND NOT hasPrefix({_TYPE}processing.segment_"))'
    f' OR hasPrefix({_TYPE}media.processing.")'
)
"""A filter of Pub/Sub that lets through every type of `STEPS`, and none of segments. A list of the
types would be longer than the 256 bytes that Pub/Sub allows."""

_END_TYPES: Final = {
    (step.kind, step.channel, step.result): type_ for type_, step in STEPS.items() if step.result
}


def end_type(kind: Kind, channel: Channel, result: Result) -> str:
    """Return the type of the event that ends work with this result.

    A video has no partial result, and is not cancelled: it counts as completed, or as failed.
    """
    if kind == "video" and result in ("partial", "cancelled"):
        result = "completed" if result == "partial" else "failed"
    return _END_TYPES[kind, channel, result]


def origin_channel(event_type: str, channel: str) -> str:
    """Return the channel whose form an event has: its own, or the one that it is published for."""
    step = STEPS.get(event_type)
    return step.channel if channel == RECONCILED and step else channel


def find_work(event_type: str, run_id: str | None, video_id: str | None) -> Work | None:
    """Return the work that an event starts or ends; None if it says nothing of identified work."""
    step = STEPS.get(event_type)
    if step is None:
        return None
    if step.kind == "run":
        return Work("run", run_id) if run_id else None
    return Work("video", run_id or "", video_id) if video_id else None
