"""Frames gathered into pages: what is published together, and what the cursor moves by.

A page is the unit of the cursor: it is *done* when every message of it is acknowledged.
"""

from dataclasses import dataclass, field
from typing import Final

from videovector_bridge.api.frames import Frame
from videovector_bridge.events import Event, Rejection, decode_event, lane
from videovector_bridge.ingest.position import Position
from videovector_bridge.messages import MAX_DATA_BYTES

PAGE_EVENTS: Final = 4_096
PAGE_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that cannot be published as an event, and why. `event_id` where it could be read."""

    raw: bytes
    reason: Rejection
    last_event_id: str
    event_id: str | None = None


@dataclass(slots=True)
class Page:
    """Consecutive frames of a stream. `lanes` keeps the stream's order within each lane.

    `claimable` says whether a blob store takes in events too large for a message.
    """

    lane_count: int
    claimable: bool
    lanes: dict[int, list[Event]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    frames: int = 0
    data_bytes: int = 0
    cursor: str | None = None
    ids_differ: bool = False
    last_created_at: str | None = None
    done: bool = False

    def add(self, frame: Frame, position: Position) -> None:
        """Take in one frame and move `position` past it."""
        if frame.data:
            self.frames += 1
            self.data_bytes += len(frame.data)
            position.advance(frame.last_event_id, self._take(frame))
        else:
            position.advance(frame.last_event_id, None)
        self.cursor = position.cursor
        self.ids_differ = position.ids_differ

    def _take(self, frame: Frame) -> str | None:
        found = decode_event(frame.data)
        if isinstance(found, Rejection):
            self.rejected.append(Rejected(frame.data, found, frame.last_event_id))
            return None
        self.last_created_at = found.created_at
        if len(frame.data) > MAX_DATA_BYTES and not self.claimable:
            reason = Rejection(
                "too_large",
                f"{len(frame.data)} bytes; a message holds {MAX_DATA_BYTES}. Set CLAIM_BUCKET "
                f"to have such events published with their data in Cloud Storage",
                owner="user",
            )
            self.rejected.append(Rejected(frame.data, reason, frame.last_event_id, found.id))
        else:
            self.lanes.setdefault(lane(found, self.lane_count), []).append(found)
        return found.id

    @property
    def full(self) -> bool:
        """Whether the page should be published before it takes in more."""
        return self.frames >= PAGE_EVENTS or self.data_bytes >= PAGE_BYTES

    def finish(self) -> None:
        """Mark the page as done and let go of its messages."""
        self.done = True
        self.lanes.clear()
        self.rejected.clear()
