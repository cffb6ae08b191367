"""Open work, and the events that take the place of those that never came."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from videovector_bridge.backends.ports import Message
from videovector_bridge.watch.reconcile.open_work import OpenWork
from videovector_bridge.watch.reconcile.repair import build_events, build_message
from videovector_bridge.watch.reconcile.work_status import Finished
from videovector_bridge.work import Channel, Result, Work

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
API_HOST = "127.0.0.1"
BOTH: tuple[Channel, ...] = ("stream", "webhook")


def open_work(work: Work, *, minutes_ago: float = 10, **changes: object) -> OpenWork:
    """Return work that started on both channels."""
    fields: dict[str, object] = {
        "index_id": "i1",
        "started_at": NOW - timedelta(minutes=minutes_ago),
        "implied": False,
        "channels": BOTH,
        "video_ids": (),
        "checked_at": None,
        "finished": None,
    }
    return OpenWork(work, **{**fields, **changes})  # type: ignore[arg-type]


def repaired_messages(
    work: Work,
    result: Result = "failed",
    *,
    channels: tuple[Channel, ...] = BOTH,
    at: datetime = NOW,
    details: Mapping[str, str] | None = None,
    api_host: str = API_HOST,
) -> list[Message]:
    """Return the messages of the events that take the place of the ends of work."""
    finished = Finished(result, {"failed_segments": 2})
    return [
        build_message(event, channel, api_host=api_host, lanes=16, trace={})
        for channel, event in build_events(
            open_work(work, channels=channels), finished, at, details or {}
        )
    ]
