"""Everything the stand-in knows, in one place; handlers get it as their first argument."""

import itertools
import time
from typing import Any

from infra.standin.api.playground import styles
from infra.standin.api.views import Views
from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError, ErrorWriter
from infra.standin.events.event import Event
from infra.standin.events.log import EventLog
from infra.standin.faults import Script
from infra.standin.http.idempotency import Idempotency
from infra.standin.http.pipeline import Visit, Visits, refusal
from infra.standin.http.rate_limit import RateLimiter
from infra.standin.http.responses import Answer
from infra.standin.ids import EventIds, timestamp
from infra.standin.library.catalog import Library
from infra.standin.library.grants import Grants
from infra.standin.library.markers import Markers
from infra.standin.runs.plan import Step, plan_run
from infra.standin.runs.records import Records
from infra.standin.runs.runner import Runner
from infra.standin.webhooks.deliveries import Deliveries
from infra.standin.webhooks.dispatcher import Courier
from infra.standin.webhooks.events import Newsroom
from infra.standin.webhooks.webhook import Webhooks


class World:
    """State in memory, touched only from the server's event loop."""

    def __init__(self, config: StandInConfig) -> None:
        self.config = config
        self.keys = config.keys()
        self.clock = time.time
        self.library = Library(config)
        self.records = Records()
        self.markers = Markers()
        self.views = Views(self.records, self.markers)
        self.log = EventLog(EventIds(config.seed), mode=config.ids, retain=config.retain_events)
        self.runner = Runner(config, self.library, self.emit_step)
        self.grants = Grants(config)
        self.limiter = RateLimiter(config.rate_limit_per_second, config.rate_limit_burst)
        self.idempotency = Idempotency(config.idempotency_conflict_status)
        self.script = Script()
        self.webhooks = Webhooks(config.seed)
        self.deliveries = Deliveries(config.seed)
        self.news = Newsroom(config.seed)
        self.courier = Courier(config, self.webhooks, self.deliveries, self.script, self.moment)
        self.visits = Visits()
        self.filter_styles = styles(config.filter_pages)
        self.media_url = ""
        self.streams_open = 0
        self.closing = False
        self._errors = ErrorWriter(config)
        self._moments = itertools.count()
        self._last_moment = 0.0
        self._process_playground()

    def moment(self) -> str:
        """Now, and always later than the moment before, to the microsecond."""
        self._last_moment = max(self.clock(), self._last_moment + 1e-6)
        return timestamp(self._last_moment)

    def emit(self, event: Event) -> None:
        """Let an event happen."""
        self.records.apply(event)
        self.log.append(event)

    def emit_step(self, step: Step) -> None:
        """Let a step of a run happen, and have webhooks told of it."""
        event = self._event_of(step, self.log.next_id())
        self.emit(event)
        for news in self.news.of(event):
            self.courier.tell(news)

    def emit_given(self, given: dict[str, Any]) -> str:
        """Let an event happen of which only some fields are given; its id."""
        raw = given.get("data")
        event = Event(
            event_id=given.get("event_id") or self.log.next_id(),
            event_type=given.get("event_type") or "processing.segment_completed",
            user_id=given.get("user_id") or self.config.user_id,
            run_id=given.get("run_id"),
            video_id=given.get("video_id"),
            segment_id=given.get("segment_id"),
            index_id=given.get("index_id"),
            created_at=given.get("created_at") or self.moment(),
            payload=given.get("payload") or {},
            raw_data=raw if isinstance(raw, str) else None,
        )
        self.emit(event)
        return event.event_id

    def refuse(self, error: ApiError, visit: Visit) -> Answer:
        """An error as an answer, in the shape that is due or was asked for."""
        written = self._errors.write(
            error, request_id=visit.request_id, now=self.clock(), shape=visit.wished_shape()
        )
        return refusal(written.status, written.body, written.headers)

    def close(self) -> None:
        """End every stream and run."""
        self.closing = True
        self.runner.stop()
        self.courier.stop()
        self.log.wake()

    def _event_of(self, step: Step, event_id: str) -> Event:
        return Event(
            event_id=event_id,
            event_type=step.event_type,
            user_id=self.config.user_id,
            run_id=step.run_id,
            video_id=step.video_id,
            segment_id=step.segment_id,
            index_id=step.index_id,
            created_at=self.moment(),
            payload=step.payload,
        )

    def _process_playground(self) -> None:
        """Run 0 went over the playground before anybody listened: no event tells of it."""
        videos = self.library.playground()
        for step in plan_run(self.config, 0, videos) if videos else ():
            self.records.apply(self._event_of(step, "evt_before"))
