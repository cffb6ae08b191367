"""Publish the events that take the place of those that never came, and close their work."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.errors import ApiError
from videovector_bridge.backends.ports import Topics
from videovector_bridge.errors import TransientError
from videovector_bridge.events import parse_time
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.telemetry import current_trace
from videovector_bridge.watch.reconcile.repair import build_events, build_message
from videovector_bridge.watch.reconcile.report import ReconcileReport
from videovector_bridge.watch.reconcile.work_status import Finished
from videovector_bridge.watch.reconcile.work_store import StoredWork, WorkStore

_DETAILS: Final = 10  # videos in one request, because the response has their pictures

Repair = tuple[StoredWork, Finished]


class Repairer:
    """Publishes repairs while time is `left`. Raises `BackendError`."""

    def __init__(
        self,
        settings: ReconcileSettings,
        api: VideoVectorClient,
        topics: Topics,
        store: WorkStore,
        report: ReconcileReport,
        *,
        left: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._api = api
        self._topics = topics
        self._store = store
        self._report = report
        self._left = left
        self._now = now

    def run(self, repairs: Sequence[Repair]) -> None:
        """Publish the events of repairs; what is left waits for the next run."""
        for repair in repairs:
            if repair[0].open.work.kind == "run" and self._left() > 0:
                self._publish(*repair, {})
        videos = [repair for repair in repairs if repair[0].open.work.kind == "video"]
        most = _DETAILS * self._settings.max_calls
        for start in range(0, min(len(videos), most), _DETAILS):
            chunk = videos[start : start + _DETAILS]
            uris = self._find_uris(chunk)
            if uris is None:
                return
            for stored, status in chunk:
                uri = uris.get(stored.open.work.video_id)
                if self._left() > 0:
                    self._publish(stored, status, {"gcs_uri": uri} if uri else {})

    def _find_uris(self, repairs: Sequence[Repair]) -> dict[str, str] | None:
        """Return the URIs of finished videos by id; None if VideoVector cannot say them now.

        If it refuses to say them, the events are published without.
        """
        if self._report.problem or self._left() <= 0:
            return None  # after an error, VideoVector is not asked again
        self._report.calls += 1
        try:
            rows = self._api.batch_videos(
                dict.fromkeys(stored.open.work.video_id for stored, _ in repairs)
            )
        except ApiError as error:
            if isinstance(error, TransientError):
                self._report.problem = str(error)
                return None
            return {}
        return {
            str(row.get("video_id")): row["video_uri"]
            for row in rows
            if isinstance(row.get("video_uri"), str)
        }

    def _publish(self, stored: StoredWork, status: Finished, details: dict[str, Any]) -> None:
        """Publish first, then close the work: a kill between publishes the same event again."""
        now = self._now()
        # Work that has changed since it was listed has ended or started again.
        if self._store.note(stored, {"checked_at": now.isoformat()}, timeout=self._left) is None:
            return
        known = stored.open.finished or {}
        at = parse_time(known.get("at")) or now
        counts = known.get("counts")
        finished = replace(status, counts=counts if isinstance(counts, dict) else status.counts)
        events = build_events(stored.open, finished, at, details)
        for channel, event in events:
            message = build_message(
                event,
                channel,
                api_host=self._settings.api.host,
                lanes=self._settings.lanes,
                trace=current_trace().new_span(),
            )
            self._topics.publish(self._settings.topics.events, [message], timeout=self._left)
        ids = {event.type: event.id for _, event in events}
        self._store.finish(stored.open.work, at, ids, timeout=self._left)
        self._report.add_repaired([*ids.values()])
