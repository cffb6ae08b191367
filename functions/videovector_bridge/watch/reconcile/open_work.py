"""The documents of open and of finished work, and how sightings change them. Pure.

`open/{key}`: kind, run_id, video_id, index_id, started_at, implied, channels, video_ids,
checked_at, and `finished`: null, or what VideoVector said when it first called the work finished.
`implied`: only events of the run's videos were seen, and `started_at` is the time of the first.
`finished/{key}`: ended_at, and `reconciled`: event type -> `id` and `at` (its time) of the event
that was published in place of one that never came. Times are ISO 8601 in UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.events import parse_time
from videovector_bridge.watch.reconcile.sightings import Sighting, merge_video_ids
from videovector_bridge.work import Channel, Kind, Work

KEEP_SECONDS: Final = 14 * 86_400.0
"""Documents are removed after this. Pub/Sub redelivers for a week."""

_CHANNELS: Final[tuple[Channel, ...]] = ("stream", "webhook")

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenWork:
    """One piece of work that has started and, as far as is known, not finished."""

    work: Work
    index_id: str
    started_at: datetime
    implied: bool
    channels: tuple[Channel, ...]
    video_ids: tuple[str, ...]
    checked_at: datetime | None
    finished: Fields | None

    @property
    def videos_to_ask(self) -> tuple[str, ...]:
        """The videos whose status includes this work; empty if none is known."""
        return (self.work.video_id,) if self.work.video_id else self.video_ids

    def is_over(self, finished: Fields | None) -> bool:
        """Whether `finished/{key}` has the end of this work."""
        return has_ended(None if self.implied else self.started_at, finished)


def parse_open(fields: Fields) -> OpenWork | None:
    """Return the work of a document; None if a person made it unreadable."""
    started_at = parse_time(fields.get("started_at"))
    kind: Kind = "video" if fields.get("kind") == "video" else "run"
    work = Work(kind, str(fields.get("run_id") or ""), str(fields.get("video_id") or ""))
    if started_at is None or not (work.run_id if kind == "run" else work.video_id):
        return None
    stored = fields.get("channels") or ()
    channels = tuple(channel for channel in _CHANNELS if channel in stored)
    finished = fields.get("finished")
    return OpenWork(
        work,
        str(fields.get("index_id") or ""),
        started_at,
        bool(fields.get("implied")),
        channels or ("stream",),
        tuple(map(str, fields.get("video_ids") or ())),
        parse_time(fields.get("checked_at")),
        finished if isinstance(finished, Mapping) else None,
    )


def open_fields(sighting: Sighting, known: Fields | None) -> dict[str, Any] | None:
    """Return the fields of `open/{key}` after a start was seen; None if nothing changes."""
    known = known or {}
    stored = parse_time(known.get("started_at"))
    before = None if known.get("implied") else stored
    own = max(filter(None, (sighting.started_at, before)), default=None)
    started_at = own or stored or sighting.active_at
    if started_at is None:
        return None
    started_again = before is not None and started_at > before
    # A channel that has events of videos only may have none of runs.
    channels = sighting.active_channels if own is None else sighting.channels
    if own is None or not known.get("implied"):
        channels = channels | {*(known.get("channels") or ())}
    work = sighting.work
    fields = {
        "kind": work.kind,
        "run_id": work.run_id,
        "video_id": work.video_id,
        "index_id": sighting.index_id or known.get("index_id") or "",
        "started_at": started_at.isoformat(),
        "implied": own is None,
        "channels": sorted(channels),
        "video_ids": list(merge_video_ids(known.get("video_ids") or (), sighting.video_ids)),
        "checked_at": known.get("checked_at"),
        # What was said of an earlier attempt of the run is no longer true.
        "finished": None if started_again else known.get("finished"),
    }
    return fields if any(known.get(name) != value for name, value in fields.items()) else None


def finished_fields(
    ended_at: datetime, reconciled: Mapping[str, Fields], known: Fields | None
) -> dict[str, Any] | None:
    """Return the fields of `finished/{key}` after an end was seen; None if nothing changes."""
    known = known or {}
    before = parse_time(known.get("ended_at"))
    fields = {
        "ended_at": max(filter(None, (ended_at, before))).isoformat(),
        "reconciled": {**(known.get("reconciled") or {}), **reconciled},
    }
    return fields if any(known.get(name) != value for name, value in fields.items()) else None


def has_ended(started_at: datetime | None, finished: Fields | None) -> bool:
    """Whether the end in `finished/{key}` is not older than this start; None: than any."""
    ended_at = parse_time((finished or {}).get("ended_at"))
    return ended_at is not None and (started_at is None or ended_at >= started_at)


def choose_due(
    works: Iterable[OpenWork], now: datetime, *, after: timedelta, most_videos: int
) -> tuple[list[OpenWork], int]:
    """Return the work to ask VideoVector about, and how many pieces wait for the next time.

    That is work older than `after` with a known video, of at most `most_videos` videos. The work
    that was not asked about for the longest time comes first, so that none starves.
    """
    due = [work for work in works if now - work.started_at >= after and work.videos_to_ask]
    due.sort(key=lambda work: (work.checked_at or work.started_at, work.work.key))
    videos: set[str] = set()
    chosen = []
    for work in due:
        if len(videos | {*work.videos_to_ask}) <= most_videos:
            videos |= {*work.videos_to_ask}
            chosen.append(work)
    return chosen, len(due) - len(chosen)
