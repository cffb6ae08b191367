"""What a rewind would publish again, from VideoVector's own events. Nothing is published here."""

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from videovector_bridge.api.stream import CursorRefused
from videovector_bridge.automate import received
from videovector_bridge.automate.plan import Automation, plan
from videovector_bridge.cli.operate.rewind_target import RewindTarget, ToEvent, ToTime
from videovector_bridge.cli.operate.stream_reading import ReadEvent, StreamReading
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import Event, attributes, parse_time
from videovector_bridge.ingest.rewind import RewindRefused

End = Literal["cursor", "end", "events", "time"]

_MOST_AFTER_CURSOR: Final = 100_000


@dataclass
class Preview:
    """The events after a position. `cursor` is the position, None: the earliest event.

    `first` and `last` are (id, created_at). `end` says where reading ended: at the present cursor,
    at the end of the stream, or at a bound: then there may be more events.
    """

    cursor: str | None
    types: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    first: tuple[str, str | None] | None = None
    last: tuple[str, str | None] | None = None
    effects: Counter[str] = field(default_factory=Counter)
    refused_effects: Counter[str] = field(default_factory=Counter)
    end: End = "end"

    @property
    def events(self) -> int:
        """The number of events and of bytes that are none."""
        return self.types.total() + self.rejected

    @property
    def is_bounded(self) -> bool:
        """Whether a bound ended reading, so that there may be more events."""
        return self.end in ("events", "time")

    def add(self, read: ReadEvent, automations: Sequence[Automation]) -> None:
        """Count a frame."""
        event = read.event
        if event is None:
            return
        if not isinstance(event, Event):
            self.rejected += 1
            return
        self.types[event.type] += 1
        place = (event.id, event.created_at)
        self.first, self.last = self.first or place, place
        if event.data:  # a very large event is not decoded
            self._plan(event, automations)

    def _plan(self, event: Event, automations: Sequence[Automation]) -> None:
        names = attributes(event, source="", channel="stream", trace={})
        try:
            parsed = received.parse_event(
                event.data,
                event_id=event.id,
                source="",
                event_type=names["ce-type"],
                channel="stream",
                stated_time=names.get("ce-time"),
                now=datetime.now(UTC),
            )
        except PermanentError:
            return  # a subscriber rejects it, for any automation
        for planned in plan(automations, parsed):
            if planned.outcome == "effect":
                self.effects[planned.automation.name] += 1
            elif planned.outcome == "rejected":
                self.refused_effects[planned.automation.name] += 1

    def as_json(self) -> dict[str, Any]:
        """Return the preview as JSON values."""

        def place(value: tuple[str, str | None] | None) -> dict[str, str | None] | None:
            return value and {"event_id": value[0], "created_at": value[1]}

        return {
            "events": self.events,
            "at_least": self.is_bounded,
            "ended_by": self.end,
            "types": dict(self.types),
            "rejected": self.rejected,
            "first": place(self.first),
            "last": place(self.last),
            "automations": dict(self.effects),
            "rejected_effects": dict(self.refused_effects),
        }


async def build_preview(
    reading: StreamReading,
    target: RewindTarget,
    *,
    present: str | None,
    automations: Sequence[Automation],
    most_events: int,
) -> Preview:
    """Read from the target up to the present cursor. Raises `RewindRefused` and `ApiError`.

    Refused are an event id that VideoVector does not know, and a time without an event after it.
    """
    start = target.id if isinstance(target, ToEvent) else None
    if start is not None and start == present:
        raise RewindRefused(f"The cursor is {present!r} already: nothing would be published again.")
    preview = Preview(start)
    searched = target.time if isinstance(target, ToTime) else None
    try:
        async with aclosing(reading.read(start)) as events:
            async for read in events:
                if searched is not None:
                    if not _is_at_or_after(read.event, searched):
                        if present is not None and read.after == present:
                            break
                        continue
                    searched, preview.cursor = None, read.before
                preview.add(read, automations)
                if present is not None and read.after == present:
                    preview.end = "cursor"
                    break
                if preview.events >= most_events:
                    preview.end = "events"
                    break
            else:
                preview.end = "time" if reading.out_of_time else "end"
    except CursorRefused as refusal:
        raise RewindRefused(
            f"VideoVector refuses {start!r} as a position: {refusal} Nothing was changed. Use the "
            f"id of an event that it still has, or --to earliest."
        ) from None
    if searched is not None:
        raise _not_reached(searched, out_of_time=reading.out_of_time)
    return preview


def _is_at_or_after(event: object, time: datetime) -> bool:
    created_at = parse_time(event.created_at) if isinstance(event, Event) else None
    return created_at is not None and created_at >= time


def _not_reached(time: datetime, *, out_of_time: bool) -> RewindRefused:
    if out_of_time:
        return RewindRefused(
            f"The events up to {time.isoformat()} were not read in time: VideoVector sends them "
            f"from the earliest on. Name an event id instead (the attribute ce-id of a message), "
            f"or raise --preview-seconds. Nothing was changed."
        )
    return RewindRefused(
        f"No event from {time.isoformat()} on is before the cursor: nothing would be published "
        f"again."
    )


async def check_direction(reading: StreamReading, *, present: str, preview: Preview) -> str:
    """Return a warning if it is unknown whether the position is before the present cursor, or "".

    Raises `RewindRefused` if it is after it: events between them would never be published.
    """
    unknown = (
        "It is not certain that the position is before the present cursor. If it is after it, the "
        "events between them are never published."
    )
    if preview.cursor is None or preview.end == "cursor":
        return ""
    try:
        async with aclosing(reading.read(present)) as events:
            count = 0
            async for read in events:
                if read.after == preview.cursor:
                    raise RewindRefused(
                        f"{preview.cursor!r} is after the cursor {present!r}: the events between "
                        f"them would be skipped. Nothing was changed. (After a rewind too far: "
                        f"--undo first.)"
                    )
                count += 1
                if count >= _MOST_AFTER_CURSOR:
                    return unknown
    except CursorRefused:
        return f"VideoVector does not know the present cursor {present!r} any more. {unknown}"
    return unknown if reading.out_of_time else ""
