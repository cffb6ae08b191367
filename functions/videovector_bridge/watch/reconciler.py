"""One run of `reconcile`: follow work, ask VideoVector about it, publish what never came."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from videovector_bridge.api import JsonObject, RateLimited, VideoVectorClient
from videovector_bridge.api.errors import ApiError
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends.ports import Backend
from videovector_bridge.backends.reading_ports import MAX_PULLED, Collections, Subscriptions
from videovector_bridge.events import parse_time
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.failed_deliveries import DeliveryReport, FailedDeliveries
from videovector_bridge.watch.open_work import choose_due
from videovector_bridge.watch.repair import build_events, build_message, finished_facts
from videovector_bridge.watch.sightings import Sighting, collect_sightings
from videovector_bridge.watch.work_status import Finished, read_status
from videovector_bridge.watch.work_store import StoredWork, WorkStore

MOST_MESSAGES: Final = 20_000
"""Messages of one run; the rest waits for the next."""
MOST_OPEN: Final = 10_000
"""Pieces of open work that one run reads."""

_BATCH: Final = 100  # ids in one request for a status
_DETAILS: Final = 10  # videos in one request for details, which have pictures
_QUIET_SECONDS: Final = 3.0  # without a message: the subscription counts as empty
_COLLECT_SHARE: Final = 0.5  # of the time of a run
_CALL_SECONDS: Final = 20.0
_THREADS: Final = 8


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class ReconcileReport:
    """What one run did, and the JSON that `reconcile` returns.

    `open` is the work that has not finished, `asked` the part of it that VideoVector was asked
    about, `waiting` the part that was left for the next run, `unknown` what VideoVector does not
    know, `unaskable` what has no known video. `finished` is work that VideoVector first called
    finished in this run: its events have time to arrive. `repaired` are published events, `late`
    events that came after one was published in their place.
    """

    messages: int = 0
    open: int = 0
    asked: int = 0
    calls: int = 0
    running: int = 0
    unknown: int = 0
    unaskable: int = 0
    waiting: int = 0
    finished: int = 0
    repaired: int = 0
    late: int = 0
    repaired_ids: list[str] = field(default_factory=list)
    deliveries: DeliveryReport = field(default_factory=DeliveryReport)
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Clients:
    """What a run uses."""

    backend: Backend
    collections: Collections
    subscriptions: Subscriptions
    api: VideoVectorClient
    webhooks: WebhooksClient


class Reconciler:
    """Runs once. Raises `BackendError`; errors of VideoVector are in the report."""

    def __init__(
        self,
        settings: ReconcileSettings,
        clients: Clients,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._store = WorkStore(clients.backend.documents, clients.collections)
        self._clock = clock
        self._now = now
        self._started = clock()
        self.report = ReconcileReport()

    def run(self) -> ReconcileReport:
        """Follow the messages, retry failed deliveries, ask about open work, and repair."""
        self._collect()
        stored = self._store.list_open(MOST_OPEN, timeout=self._left)
        self.report.open = len(stored)
        self._retry_deliveries()
        if not self.report.deliveries.rate_limited:
            self._check(stored)
        return self.report

    def _left(self) -> float:
        """Return the seconds for one call."""
        return min(_CALL_SECONDS, self._started + self._settings.seconds - self._clock())

    def _collect(self) -> None:
        """Store what the messages say, then acknowledge them: a kill between only repeats."""
        end = self._started + self._settings.seconds * _COLLECT_SHARE
        subscription = self._settings.subscription
        while self.report.messages < MOST_MESSAGES and self._clock() < end:
            pulled = self._clients.subscriptions.pull(
                subscription, limit=MAX_PULLED, timeout=min(_QUIET_SECONDS, self._left())
            )
            if not pulled:
                return
            self._apply(list(collect_sightings(pulled).values()))
            self._clients.subscriptions.acknowledge(
                subscription, [each.ack_id for each in pulled], timeout=self._left
            )
            self.report.messages += len(pulled)

    def _apply(self, sightings: Sequence[Sighting]) -> None:
        def apply(sighting: Sighting) -> bool:
            return self._store.apply(sighting, timeout=self._left)

        context = copy_context()
        with ThreadPoolExecutor(_THREADS) as threads:
            runs = [threads.submit(context.copy().run, apply, each) for each in sightings]
            self.report.late += sum(run.result() for run in runs)

    def _retry_deliveries(self) -> None:
        self.report.deliveries = FailedDeliveries(
            self._clients.webhooks,
            self._clients.backend.documents,
            now=self._now(),
            most_calls=self._settings.max_calls,
            timeout=self._left,
        ).retry()

    def _check(self, stored: Sequence[StoredWork]) -> None:
        now = self._now()
        by_key = {each.open.work.key: each for each in stored}
        works = [each.open for each in stored]
        after = timedelta(seconds=self._settings.after_seconds)
        due, self.report.waiting = choose_due(
            works, now, after=after, most_videos=_BATCH * self._settings.max_calls
        )
        self.report.unaskable = sum(not work.video_to_ask for work in works)
        videos = list(dict.fromkeys(work.video_to_ask for work in due))
        rows: dict[str, JsonObject] = {}
        asked: set[str] = set()
        for start in range(0, len(videos), _BATCH):
            chunk = videos[start : start + _BATCH]
            if self._left() <= 0 or not self._ask(chunk, rows):
                break
            asked |= {*chunk}
        repairs = []
        for work in due:
            if work.video_to_ask in asked:
                self.report.asked += 1
                each = by_key[work.work.key]
                if finished := self._judge(each, rows.get(work.video_to_ask), now):
                    repairs.append((each, finished))
            else:
                self.report.waiting += 1
        self._repair(repairs)

    def _ask(self, videos: Sequence[str], rows: dict[str, JsonObject]) -> bool:
        """Add the rows of videos by id. Returns False if VideoVector should not be asked again."""
        self.report.calls += 1
        try:
            for row in self._clients.api.batch_status(videos):
                rows[str(row.get("video_id"))] = row
        except ApiError as error:
            self.report.problem = str(error)
            return False
        return True

    def _judge(self, stored: StoredWork, row: JsonObject | None, now: datetime) -> Finished | None:
        """Note what the row says. Returns the result of work whose event is overdue."""
        status = read_status(stored.open.work, row)
        known = stored.open.finished
        if isinstance(status, Finished):
            facts = finished_facts(status, now)
            if known is None or known.get("result") != status.result:
                self.report.finished += 1
                self._note(stored, {"finished": facts, "checked_at": now.isoformat()})
                return None
            since = parse_time(known.get("at")) or now
            grace = timedelta(seconds=self._settings.grace_seconds)
            return status if now - since >= grace else None
        self.report.running += status == "running"
        self.report.unknown += status == "unknown"
        # The time of the check decides who is asked first, which matters if not all are asked.
        changes: dict[str, Any] = {"finished": None} if known else {}
        if self.report.waiting:
            changes["checked_at"] = now.isoformat()
        if changes:
            self._note(stored, changes)
        return None

    def _note(self, stored: StoredWork, changes: dict[str, Any]) -> None:
        # Another run that changed the document knows more.
        self._store.note(stored, changes, timeout=self._left)

    def _repair(self, repairs: Sequence[tuple[StoredWork, Finished]]) -> None:
        videos = [each.open.work.video_id for each, _ in repairs if each.open.work.video_id]
        uris = self._find_uris(list(dict.fromkeys(videos)))
        for stored, status in repairs:
            if self._left() <= 0:
                self.report.problem = "The time of the run ended; the next one continues."
                return
            uri = uris.get(stored.open.work.video_id)
            self._publish(stored, status, {"gcs_uri": uri} if uri else {})

    def _find_uris(self, videos: Sequence[str]) -> dict[str, str]:
        """Return the URIs of videos by id, which the events of finished videos have."""
        uris: dict[str, str] = {}
        for start in range(0, len(videos), _DETAILS):
            self.report.calls += 1
            try:
                rows = self._clients.api.batch_videos(videos[start : start + _DETAILS])
            except RateLimited as error:
                self.report.problem = str(error)
                break
            except ApiError:
                continue  # the events are published without
            uris |= {
                str(row["video_id"]): row["video_uri"]
                for row in rows
                if isinstance(row.get("video_uri"), str) and "video_id" in row
            }
        return uris

    def _publish(self, stored: StoredWork, status: Finished, details: dict[str, Any]) -> None:
        """Publish first, then close the work: a kill between publishes the same event again."""
        known = stored.open.finished or {}
        at = parse_time(known.get("at")) or self._now()
        counts = known.get("counts")
        finished = replace(status, counts=counts if isinstance(counts, dict) else status.counts)
        events = build_events(stored.open, finished, at, details)
        for channel, event in events:
            message = build_message(
                event, channel, api_host=self._settings.api.host, lanes=self._settings.lanes
            )
            self._clients.backend.topics.publish(
                self._settings.topics.events, [message], timeout=self._left
            )
        ids = {event.type: event.id for _, event in events}
        self._store.finish(stored.open.work, at, ids, timeout=self._left)
        self.report.repaired += len(events)
        self.report.repaired_ids += ids.values()
