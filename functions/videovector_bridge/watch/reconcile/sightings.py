"""What the messages of one pull say of runs and videos, merged. Pure.

Only attributes are read. Messages are in any order and may repeat; the times in events decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.events import TYPE_PREFIX, parse_time
from videovector_bridge.work import RECONCILED, STEPS, Channel, Work, find_work

MAX_VIDEO_IDS: Final = 20
"""The most videos that are kept for a run, to ask VideoVector about it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one piece of work: when it last started, and when it last ended.

    `channels` are those on which a start was seen. `video_ids` are some videos of a run.
    `end_ids` are the `ce-id`s of ends. `active_at` is when an event of one of its videos was first
    seen, and `active_channels` where: a run with such an event has started, also if its own start
    never came. It is no time of a start: such an event may be newer than the end of the run.
    """

    work: Work
    started_at: datetime | None = None
    ended_at: datetime | None = None
    channels: frozenset[Channel] = frozenset()
    video_ids: tuple[str, ...] = ()
    index_id: str = ""
    end_ids: tuple[str, ...] = ()
    active_at: datetime | None = None
    active_channels: frozenset[Channel] = frozenset()

    def merged(self, other: "Sighting") -> "Sighting":
        """Return both sightings of the same work as one."""
        return Sighting(
            self.work,
            _latest(self.started_at, other.started_at),
            _latest(self.ended_at, other.ended_at),
            self.channels | other.channels,
            merge_video_ids(self.video_ids, other.video_ids),
            self.index_id or other.index_id,
            (*self.end_ids, *other.end_ids),
            min(filter(None, (self.active_at, other.active_at)), default=None),
            self.active_channels | other.active_channels,
        )


def collect_sightings(messages: Iterable[PulledMessage]) -> dict[str, Sighting]:
    """Return the sightings of messages by the key of their work."""
    collected: dict[str, Sighting] = {}
    for pulled in messages:
        for sighting in find_sightings(pulled):
            key = sighting.work.key
            known = collected.get(key)
            collected[key] = known.merged(sighting) if known else sighting
    return collected


def find_sightings(pulled: PulledMessage) -> list[Sighting]:
    """Return what one message says: nothing, of one piece of work, or of a video and its run."""
    attributes = pulled.message.attributes
    event_type = attributes.get("ce-type", "").removeprefix(TYPE_PREFIX)
    run_id, video_id = attributes.get("ce-runid"), attributes.get("ce-videoid")
    work = find_work(event_type, run_id, video_id)
    # An event of `reconcile` itself closes no work: after a kill it may be the first of two.
    if work is None or attributes.get("ce-channel") == RECONCILED:
        return []
    step = STEPS[event_type]
    at = parse_time(attributes.get("ce-time")) or pulled.published_at
    sighting = Sighting(
        work, video_ids=(video_id,) if video_id else (), index_id=attributes.get("ce-indexid", "")
    )
    if step.result is None:
        sighting = replace(sighting, started_at=at, channels=frozenset({step.channel}))
    else:
        sighting = replace(sighting, ended_at=at, end_ids=(attributes.get("ce-id", ""),))
    sightings = [sighting]
    if work.kind == "video" and run_id:
        sightings.append(
            Sighting(
                Work("run", run_id),
                video_ids=sighting.video_ids,
                index_id=sighting.index_id,
                active_at=at,
                active_channels=frozenset({step.channel}),
            )
        )
    return sightings


def merge_video_ids(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Return the ids without repeats, at most `MAX_VIDEO_IDS`."""
    return tuple(dict.fromkeys((*known, *more)))[:MAX_VIDEO_IDS]


def _latest(first: datetime | None, second: datetime | None) -> datetime | None:
    return max(filter(None, (first, second)), default=None)
