"""Processing events of the stand-in, and a log of them."""

from infra.standin.events.event import Event
from infra.standin.events.log import EventLog
from infra.standin.ids import EventIds


def make_event(event_id: str, run_id: str | None = None, *, video_id: str | None = None) -> Event:
    """Return an event without an index and a segment."""
    return Event(
        event_id=event_id,
        event_type="processing.test",
        user_id="u",
        run_id=run_id,
        video_id=video_id,
        segment_id=None,
        index_id=None,
        created_at="2026-01-01T00:00:00.000000Z",
    )


def make_log(count: int, retain: int | None = None) -> EventLog:
    """Return a log of `count` events; every third event belongs to run `r`."""
    log = EventLog(EventIds(1), mode="event_id", retain=retain)
    for n in range(count):
        log.append(make_event(log.next_id(), "r" if n % 3 == 0 else None))
    return log
