"""One run of `reconcile`: follow work, ask VideoVector about it, publish what never came."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends.ports import Backend
from videovector_bridge.backends.reading_ports import MAX_PULLED, Collections, Subscriptions
from videovector_bridge.events import parse_time
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.last_run import note_run
from videovector_bridge.watch.reconcile import stream_progress
from videovector_bridge.watch.reconcile.failed_deliveries import FailedDeliveries
from videovector_bridge.watch.reconcile.repairer import Repair, Repairer
from videovector_bridge.watch.reconcile.report import ReconcileReport
from videovector_bridge.watch.reconcile.sightings import Sighting, collect_sightings
from videovector_bridge.watch.reconcile.status_check import StatusCheck
from videovector_bridge.watch.reconcile.work_store import StoredWork, WorkStore

MOST_MESSAGES: Final = 20_000
"""Messages of one run; the rest waits for the next."""
MOST_OPEN: Final = 10_000
"""Pieces of open work that one run reads; the next run continues there."""

_QUIET_SECONDS: Final = 3.0  # without a message: the subscription counts as empty
_COLLECT_SHARE: Final = 0.5  # of the time of a run
_CALL_SECONDS: Final = 20.0
_THREADS: Final = 16
_NAME: Final = "reconcile"
_NOTE_SECONDS: Final = 10.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
        """Follow the messages, retry failed deliveries, ask about open work, and repair.

        The end of the run is stored, for `status`.
        """
        report = self._run()
        now = self._now().isoformat()
        asked_all = not report.problem and not report.waiting
        fields = {"at": now} | ({"asked_all_at": now} if asked_all else {})
        note_run(self._clients.backend.documents, _NAME, fields, timeout=_NOTE_SECONDS)
        return report

    def _run(self) -> ReconcileReport:
        report = self.report
        report.backlog = not self._collect()
        stored = self._store.list_open(MOST_OPEN, timeout=self._left)
        report.open = len(stored)
        expected = self._retry_deliveries(stored)
        if report.deliveries.rate_limited:
            report.problem = report.deliveries.problem  # no request to VideoVector any more
            return report
        settings, api = self._settings, self._clients.api
        check = StatusCheck(settings, api, self._store, report, left=self._left, now=self._now)
        overdue = check.run(stored)
        ready = self._select_ready(overdue, expected)
        topics = self._clients.backend.topics
        Repairer(settings, api, topics, self._store, report, left=self._left, now=self._now).run(
            ready
        )
        return report

    def _left(self) -> float:
        """Return the seconds for one call."""
        return min(_CALL_SECONDS, self._started + self._settings.seconds - self._clock())

    def _collect(self) -> bool:
        """Store what the messages say, then acknowledge them: a kill between only repeats.

        Returns whether the subscription was read to its end.
        """
        end = self._started + self._settings.seconds * _COLLECT_SHARE
        subscription = self._settings.subscription
        while self.report.messages < MOST_MESSAGES and self._clock() < end:
            pulled = self._clients.subscriptions.pull(
                subscription, limit=MAX_PULLED, timeout=min(_QUIET_SECONDS, self._left())
            )
            if not pulled:
                return True
            self._apply(list(collect_sightings(pulled).values()))
            self._clients.subscriptions.acknowledge(
                subscription, [each.ack_id for each in pulled], timeout=self._left
            )
            self.report.messages += len(pulled)
        return False

    def _apply(self, sightings: Sequence[Sighting]) -> None:
        def apply(sighting: Sighting) -> bool:
            return self._store.apply(sighting, timeout=self._left)

        context = copy_context()
        with ThreadPoolExecutor(_THREADS) as threads:
            runs = [threads.submit(context.copy().run, apply, each) for each in sightings]
            self.report.late += sum(run.result() for run in runs)

    def _retry_deliveries(self, stored: Sequence[StoredWork]) -> set[str]:
        """Retry failed deliveries. Returns the keys of work whose end they bring."""
        deliveries = FailedDeliveries(
            self._clients.webhooks,
            self._clients.backend.documents,
            now=self._now(),
            most_calls=self._settings.max_calls,
            left=self._left,
            grace=timedelta(seconds=self._settings.grace_seconds),
            overdue={each.open.work.key for each in stored if each.open.finished},
        )
        self.report.deliveries = deliveries.retry()
        return deliveries.expected

    def _select_ready(self, overdue: Sequence[Repair], expected: set[str]) -> list[Repair]:
        """Return the repairs whose real events cannot be on their way any more."""
        if not overdue:
            return []
        streams = self._store.list_streams(stream_progress.COLLECTION, timeout=self._left)
        progress = stream_progress.find_progress(streams, self._now())
        self.report.streams_behind = [*progress.behind]
        ready = []
        for repair in overdue:
            work = repair[0].open
            at = parse_time((work.finished or {}).get("at")) or self._now()
            late_stream = "stream" in work.channels and not progress.has_passed(at)
            if self.report.backlog or late_stream or work.work.key in expected:
                self.report.withheld += 1
            else:
                ready.append(repair)
        return ready
