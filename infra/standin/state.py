"""Everything that a running stand-in remembers."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.events.event import Event
from infra.standin.events.log import EventLog
from infra.standin.faults import FaultScript
from infra.standin.ids import EventIds, timestamp
from infra.standin.library.catalog import Library
from infra.standin.library.grants import Grants
from infra.standin.library.markers import Markers
from infra.standin.runs.plan import RunStep, plan_run
from infra.standin.runs.records import RunRecords
from infra.standin.runs.runner import Runner
from infra.standin.webhooks.deliveries import Deliveries
from infra.standin.webhooks.dispatcher import WebhookDispatcher
from infra.standin.webhooks.events import WebhookEventMapper
from infra.standin.webhooks.webhook import Webhooks


class StandInState:
    """State in memory. Only the server's event loop changes it."""

    def __init__(self, config: StandInConfig, *, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.keys = config.keys()
        self.clock = clock
        self.library = Library(config)
        self.records = RunRecords()
        self.markers = Markers()
        self.log = EventLog(EventIds(config.seed), mode=config.ids, retain=config.retain_events)
        self.runner = Runner(config, self.library, self.emit_step)
        self.grants = Grants(config)
        self.faults = FaultScript()
        self.webhooks = Webhooks(config.seed)
        self.deliveries = Deliveries(config.seed)
        self.webhook_events = WebhookEventMapper(config.seed)
        self.dispatcher = WebhookDispatcher(
            config,
            self.webhooks,
            self.deliveries,
            self.faults,
            self.next_timestamp,
            clock=clock,
        )
        self.filter_styles = itertools.cycle(
            ("results", "pagination") if config.filter_pages == "rotate" else (config.filter_pages,)
        )
        """Page style of the next filter search."""
        self.media_url = ""
        """Root of signed URLs; known once the server listens."""
        self.requests: Counter[str] = Counter()
        """Number of requests by endpoint."""
        self.streams_open = 0
        self._last_time = 0.0
        self._process_playground()

    def next_timestamp(self) -> str:
        """Return the current time, at least one microsecond after the previous result."""
        self._last_time = max(self.clock(), self._last_time + 1e-6)
        return timestamp(self._last_time)

    def emit(self, event: Event) -> None:
        """Append an event to the log and update the run records."""
        self.records.apply(event)
        self.log.append(event)

    def emit_step(self, step: RunStep) -> None:
        """Emit a step of a run, and the webhook events that belong to it.

        Of a lost one, the status of the run and its videos is all that remains.
        """
        event = self._build_event(step, self.log.next_id())
        if step.lost:
            self.records.apply(event)
            return
        self.emit(event)
        for webhook_event in self.webhook_events.from_event(event):
            self.dispatcher.announce(webhook_event)

    def emit_fields(self, fields: dict[str, Any]) -> str:
        """Emit an event with these fields and defaults for the others. Return its id."""
        raw = fields.get("data")
        event = Event(
            event_id=fields.get("event_id") or self.log.next_id(),
            event_type=fields.get("event_type") or "processing.segment_completed",
            user_id=fields.get("user_id") or self.config.user_id,
            run_id=fields.get("run_id"),
            video_id=fields.get("video_id"),
            segment_id=fields.get("segment_id"),
            index_id=fields.get("index_id"),
            created_at=fields.get("created_at") or self.next_timestamp(),
            payload=fields.get("payload") or {},
            raw_data=raw if isinstance(raw, str) else None,
        )
        self.emit(event)
        return event.event_id

    def close(self) -> None:
        """End every stream, run and delivery."""
        self.runner.stop()
        self.dispatcher.stop()
        self.log.close()

    def _build_event(self, step: RunStep, event_id: str) -> Event:
        return Event(
            event_id=event_id,
            event_type=step.event_type,
            user_id=self.config.user_id,
            run_id=step.run_id,
            video_id=step.video_id,
            segment_id=step.segment_id,
            index_id=step.index_id,
            created_at=self.next_timestamp(),
            payload=step.payload,
        )

    def _process_playground(self) -> None:
        """Record run 0, which processed the playground earlier. It emits no events."""
        videos = self.library.playground()
        for step in plan_run(self.config, 0, videos) if videos else ():
            self.records.apply(self._build_event(step, "evt_before"))
