"""Ask VideoVector about open work, within a number of requests and the time of a run."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.errors import ApiError, RequestRefused, ResponseTooLarge
from videovector_bridge.api.models import JsonObject
from videovector_bridge.events import parse_time
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.reconcile.open_work import KEEP_SECONDS, OpenWork, choose_due
from videovector_bridge.watch.reconcile.repair import finished_facts
from videovector_bridge.watch.reconcile.report import ReconcileReport
from videovector_bridge.watch.reconcile.work_status import Finished, read_status
from videovector_bridge.watch.reconcile.work_store import StoredWork, WorkStore

_BATCH: Final = 100  # ids in one request


class StatusCheck:
    """Finds the open work that VideoVector calls finished. Raises `BackendError`.

    Errors of VideoVector are in `report.problem`.
    """

    def __init__(
        self,
        settings: ReconcileSettings,
        api: VideoVectorClient,
        store: WorkStore,
        report: ReconcileReport,
        *,
        left: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._api = api
        self._store = store
        self._report = report
        self._left = left
        self._now = now
        self._rows: dict[str, JsonObject] = {}
        self._asked: set[str] = set()

    def run(self, stored: Sequence[StoredWork]) -> list[tuple[StoredWork, Finished]]:
        """Return the work whose end is overdue: finished, and not on the topic for the grace."""
        now = self._now()
        works = self._forget_old(stored, now)
        self._report.unaskable = sum(not work.videos_to_ask for work in works.values())
        due, waiting = choose_due(
            works.values(),
            now,
            after=timedelta(seconds=self._settings.after_seconds),
            most_videos=_BATCH * self._settings.max_calls,
        )
        self._ask_all(due)
        # After the responses: the real event of work that they call finished is older.
        answered_at = self._now()
        asked = [work for work in due if {*work.videos_to_ask} <= self._asked]
        self._report.asked = len(asked)
        self._report.waiting = waiting + len(due) - len(asked)
        by_key = {each.open.work.key: each for each in stored}
        judged = (
            (each, self._judge(each, answered_at))
            for each in map(by_key.__getitem__, (work.work.key for work in asked))
        )
        return [(each, finished) for each, finished in judged if finished is not None]

    def _forget_old(self, stored: Iterable[StoredWork], now: datetime) -> dict[str, OpenWork]:
        """Delete what has been open for too long, such as work that VideoVector does not know."""
        works = {}
        for each in stored:
            if now - each.open.started_at > timedelta(seconds=KEEP_SECONDS):
                self._store.forget(each, timeout=self._left)
                self._report.forgotten += 1
            else:
                works[each.open.work.key] = each.open
        return works

    def _ask_all(self, due: Iterable[OpenWork]) -> None:
        videos = list(dict.fromkeys(id_ for work in due for id_ in work.videos_to_ask))
        for start in range(0, len(videos), _BATCH):
            if not self._ask(videos[start : start + _BATCH]):
                return

    def _ask(self, videos: Sequence[str]) -> bool:
        """Read the rows of videos. Returns False if VideoVector should not be asked again."""
        if self._left() <= 0 or self._report.calls >= self._settings.max_calls:
            return False
        self._report.calls += 1
        try:
            rows = self._api.batch_status(videos)
        except (RequestRefused, ResponseTooLarge):
            if len(videos) > 1:  # one of them may be the reason
                half = len(videos) // 2
                return self._ask(videos[:half]) and self._ask(videos[half:])
            self._report.unreadable += 1
        except ApiError as error:
            self._report.problem = str(error)
            return False
        else:
            self._rows |= {str(row.get("video_id")): row for row in rows}
        self._asked |= {*videos}
        return True

    def _judge(self, stored: StoredWork, now: datetime) -> Finished | None:
        """Note what the rows say. Returns the result of work whose end is overdue."""
        work = stored.open
        rows = [self._rows[id_] for id_ in work.videos_to_ask if id_ in self._rows]
        status, known = read_status(work.work, rows), work.finished
        if isinstance(status, Finished):
            if known is None or known.get("result") != status.result:
                self._report.finished += 1
                facts = finished_facts(status, now)
                self._note(stored, {"finished": facts, "checked_at": now.isoformat()})
                return None
            since = parse_time(known.get("at")) or now
            grace = timedelta(seconds=self._settings.grace_seconds)
            return status if now - since >= grace else None
        self._report.running += status == "running"
        self._report.unknown += status == "unknown"
        changes: dict[str, Any] = {"finished": None} if known else {}
        if self._report.waiting:
            # The time of a check decides who is asked first, which matters if not all are asked.
            changes["checked_at"] = now.isoformat()
        if changes:
            self._note(stored, changes)
        return None

    def _note(self, stored: StoredWork, changes: dict[str, Any]) -> None:
        # Another run that changed the document knows more.
        self._store.note(stored, changes, timeout=self._left)
