"""Whether the streams have been read far enough to say that an event never came. Pure.

While a stream is paused, fails, or is behind, its events are late and not lost: VideoVector still
has them. Fields of `streams/{name}`: see `ingest/stream_document.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.events import parse_time

COLLECTION: Final = "streams"
FORGOTTEN_AFTER: Final = timedelta(days=1)
"""A stream without a window for so long is no longer drained, unless it is paused."""

# Stop reasons of windows that end although VideoVector has more events.
_UNFINISHED: Final = ("max_events", "max_bytes", "frame_unfinished")


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far all streams have been read. `behind` names those that are paused, fail, or lag.

    An event that VideoVector sent before `read_until` is on the topic, unless one is behind.
    """

    read_until: datetime
    behind: tuple[str, ...] = ()

    def has_passed(self, time: datetime) -> bool:
        """Whether every event that VideoVector sent before `time` is on the topic."""
        return not self.behind and self.read_until >= time


def find_progress(
    streams: Iterable[tuple[str, Mapping[str, Any]]], now: datetime
) -> StreamProgress:
    """Return the progress of streams, from their names and documents; without streams, `now`."""
    until = now
    behind = []
    for name, fields in streams:
        window = fields.get("last_window")
        window = window if isinstance(window, Mapping) else {}
        ended_at = parse_time(window.get("ended_at"))
        if fields.get("paused"):
            behind.append(name)
        elif ended_at is None or now - ended_at > FORGOTTEN_AFTER:
            continue
        elif window.get("outcome") == "failed" or window.get("stop_reason") in _UNFINISHED:
            behind.append(name)
        else:
            until = min(until, ended_at)
    return StreamProgress(until, tuple(behind))
