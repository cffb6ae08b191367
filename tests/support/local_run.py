"""Messages, calls and snapshots of a made-up local run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.effects import Effects
from infra.local.oracle.observer import Snapshot
from infra.local.oracle.progress import Progress
from infra.local.scheduler import DRAIN, Call, Job
from tests.support.traces import SPAN
from videovector_bridge.events import TYPE_PREFIX

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """The time this many seconds after the start."""
    return START + timedelta(seconds=seconds)


def event(
    event_id: str,
    event_type: str = "processing.run_failed",
    seconds: float = 1.0,
    channel: str = "stream",
    **fields: Any,
) -> TopicMessage:
    """A message on topic `events`."""
    created_at = at(seconds).isoformat()
    data = {"event_id": event_id, "event_type": event_type, "created_at": created_at, **fields}
    attributes = {
        "ce-id": event_id,
        "ce-source": f"//{channel}",
        "ce-type": TYPE_PREFIX + event_type,
        "ce-time": created_at,
        "ce-channel": channel,
        **SPAN,
    }
    return TopicMessage(attributes, orjson.dumps(data), at(seconds))


_JOB = Job(DRAIN, "http://127.0.0.1:9", 0, 30, "default")


def drain_call(outcome: str = "drained", **fields: Any) -> Call:
    """A call of `drain` with this outcome."""
    return Call(_JOB, 200, {"outcome": outcome, **fields}, 1.0)


LOST_CALL = Call(_JOB, None, None, 1.0)


def snapshot(progress: Progress | None = None, **changes: Any) -> Snapshot:
    """A snapshot of a successful run, with `changes`."""
    values: dict[str, Any] = {
        "phase": "draining",
        "seconds": 20.0,
        "emitted": 2,
        "missing": (),
        "progress": progress or Progress(),
        "effects": Effects(),
        "cursor": "b",
        "killed_windows": 1,
    }
    return Snapshot(**values | changes)
