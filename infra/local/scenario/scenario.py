"""The scenario of `make run` after draining has started: kill a window, cause failures, observe.

The outcome is judged by the topics and the API alone.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from infra.local.configuration import selects_everything
from infra.local.oracle.failure_report import NO_FAILURES
from infra.local.oracle.observer import Observer, Snapshot
from infra.local.oracle.progress import Progress
from infra.local.scenario.draining import start_reconciling, start_second_batch
from infra.local.scenario.failures import Failures, fetch_free_videos
from infra.local.scenario.redrive import redrive_rejected
from infra.local.scenario.selected import fetch_selected_ids
from infra.local.scheduler import Scheduler
from infra.local.stack import Stack
from infra.standin import Control
from videovector_bridge.api import ApiError
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.errors import BackendError

_KILL_AFTER = 20  # events of the second batch
_TIME_LIMIT_SECONDS = 240.0  # for a slow machine; a stalled run is given up earlier
_STALL_SECONDS = 60.0  # without any change; longer than the redelivery backoff here
_STALL_AFTER_REJECTION_SECONDS = 10.0  # a rejection is not retried
_NOTICE_SECONDS = 5.0  # until the scheduler notices that a window was killed
_REAL_WINDOWS = 3
_REAL_EFFECTS_SECONDS = 15.0
_POLL_SECONDS = 0.3

Show = Callable[[Snapshot], None]


def watch_scenario(
    stack: Stack, progress: Progress, *, started_at: datetime, show: Show
) -> Snapshot:
    """Watch until every emitted event has arrived with its effects, or until the time limit.

    Draining has started, and `progress` counts its windows.
    """
    observer, control = Observer(stack, progress, started_at), stack.upstream.control
    if control is not None:
        run = StandInRun(stack, progress, observer, control, _build_failures(stack, control))
        return run.watch(show)
    return _watch_real_api(stack, progress, observer, show)


def _build_failures(stack: Stack, control: Control) -> Failures | None:
    """Return the failures of the run; None if their effects are not checked."""
    configuration = stack.configuration
    if configuration.unchecked or not selects_everything(configuration.drain.streams.values()):
        return None

    def redrive(event_ids: Sequence[str]) -> Collection[str]:
        topic = configuration.topic_names["events"]
        return redrive_rejected(stack.cloud.environment, topic, event_ids, notify=print)

    return Failures(control, fetch_free_videos(stack.upstream), redrive)


class StandInRun:
    """The scenario over the stand-in, which reports the events that it emitted.

    `stopped` is set when the run ends or is interrupted.
    """

    def __init__(
        self,
        stack: Stack,
        progress: Progress,
        observer: Observer,
        control: Control,
        failures: Failures | None = None,
    ) -> None:
        self._stack = stack
        self._progress = progress
        self._observer = observer
        self._control = control
        self._failures = failures
        self._streams = tuple(stack.configuration.drain.streams.values())
        self._selected: frozenset[str] | None = None
        self.killed_windows = 0
        self.stopped = threading.Event()
        self._reconciling: Scheduler | None = None
        self._stall = _StallTimer()

    def watch(self, show: Show) -> Snapshot:
        """Run it until it is complete or stalled; return the last snapshot."""
        deadline = time.monotonic() + _TIME_LIMIT_SECONDS
        killer = threading.Thread(target=self.kill_a_window, args=[deadline], daemon=True)
        killer.start()
        try:
            return self._watch(killer, deadline, show)
        finally:
            # Also on Ctrl-C: the caller closes the stand-in's client and the functions next.
            self.stopped.set()
            killer.join()
            if self._reconciling is not None:
                self._reconciling.stop()

    def _watch(self, killer: threading.Thread, deadline: float, show: Show) -> Snapshot:
        while True:
            journal = self._control.journal()
            all_emitted = journal["runs_active"] == 0 and not killer.is_alive()
            snapshot = self._snapshot(journal, all_emitted=all_emitted)
            show(snapshot)
            # A window after the killed one must end too: its report proves that it resumed.
            complete = snapshot.complete and self._has_last_cursor(snapshot, journal)
            complete = complete and self._progress.windows >= 2
            limit = _STALL_AFTER_REJECTION_SECONDS if snapshot.unexpected else _STALL_SECONDS
            stalled = self._stall.seconds(_state(snapshot)) > limit
            crashed = bool(self._stack.crash_report())
            if (all_emitted and (complete or stalled)) or crashed or time.monotonic() > deadline:
                return snapshot
            self._advance_failures(journal)
            if all_emitted and snapshot.has_all_events:
                self._reconcile()
            time.sleep(_POLL_SECONDS)

    def _reconcile(self) -> None:
        """Start calling `reconcile`, once, if ends were lost."""
        if self._reconciling is None and self._progress.lost_ends:
            self._reconciling = start_reconciling(self._stack, self._progress)

    def _advance_failures(self, journal: dict[str, Any]) -> None:
        """Advance the failures, after a first window has ended."""
        if self._failures is not None and self._progress.windows >= 1:
            with suppress(ApiError, BackendError):  # retried at the next poll
                self._failures.advance(self._observer.observe(journal["markers"]))

    def _snapshot(self, journal: dict[str, Any], *, all_emitted: bool) -> Snapshot:
        # Read before the topic, so that no delivery after this line counts as missing.
        webhooks = self._control.webhooks()
        required = journal["event_ids"]
        if not selects_everything(self._streams):
            if all_emitted and self._selected is None:
                self._selected = fetch_selected_ids(self._stack.upstream, self._streams)
            required = [event_id for event_id in required if event_id in (self._selected or ())]
        return self._observer.take_snapshot(
            "draining" if all_emitted else "processing",
            required=required,
            markers=journal["markers"],
            killed_windows=self.killed_windows,
            webhooks=webhooks,
            failures=self._failures.report() if self._failures else NO_FAILURES,
        )

    def _has_last_cursor(self, snapshot: Snapshot, journal: dict[str, Any]) -> bool:
        """Whether the cursor is the last event. A filtered stream ends at another event."""
        return not selects_everything(self._streams) or snapshot.cursor == journal["last_event_id"]

    def kill_a_window(self, deadline: float) -> None:
        """Emit a batch, and kill `drain` during a window that publishes it.

        `deadline` is a time of `time.monotonic`. On a slow machine a batch may end before a window
        is observed in it; then emit another.
        """
        progress = self._progress
        while not self._has_first_window() or self._control.journal(ids=False)["runs_active"]:
            if self.stopped.wait(0.1) or time.monotonic() > deadline:
                return
        # Filters may select few events: then kill after the first.
        kill_after = _KILL_AFTER if selects_everything(self._streams) else 1
        while not self.killed_windows and not self._must_stop(deadline):
            events = len(progress.events) + kill_after
            start_second_batch(self._control)
            self._kill_within_batch(events, deadline)

    def _has_first_window(self) -> bool:
        """Whether a window has ended, and has published events unless filters may exclude all."""
        if selects_everything(self._streams):
            return self._progress.published_by_ended > 0
        return self._progress.windows > 0

    def _kill_within_batch(self, events: int, deadline: float) -> None:
        """Kill a window after this number of events, or return when the batch is drained."""
        progress = self._progress
        last_window: int | None = None
        while not self.killed_windows and not self._must_stop(deadline):
            # A window is open if the topic has more messages than ended windows report.
            if len(progress.events) >= events and progress.messages > progress.published_by_ended:
                self._kill()
                continue
            if last_window is None and not self._control.journal(ids=False)["runs_active"]:
                # The open window or the one after it drains the last event.
                last_window = progress.windows + 2
            if last_window is not None and progress.windows >= last_window:
                return
            self.stopped.wait(0.02)
            self._observer.read_events()

    def _must_stop(self, deadline: float) -> bool:
        return self.stopped.is_set() or time.monotonic() > deadline

    def _kill(self) -> None:
        drain, cut_before = self._stack.drain, self._progress.cut_windows
        drain.kill()
        # The scheduler soon notices the killed window, unless no window was open.
        until = time.monotonic() + _NOTICE_SECONDS
        while self._progress.cut_windows == cut_before and time.monotonic() < until:
            time.sleep(0.02)
        self.killed_windows += self._progress.cut_windows > cut_before
        drain.start()


def _watch_real_api(stack: Stack, progress: Progress, observer: Observer, show: Show) -> Snapshot:
    """Run a few windows over an API that does not report how many events it emitted."""
    deadline = time.monotonic() + _TIME_LIMIT_SECONDS
    drained_at: float | None = None
    with VideoVectorClient(
        stack.upstream.api_url, lambda: stack.upstream.key, timeout_seconds=5
    ) as api:
        while True:
            markers = _fetch_markers(api) if stack.configuration.effects_allowed else None
            phase = "draining" if drained_at is None else "waiting for effects"
            snapshot = observer.take_snapshot(phase, required=None, markers=markers)
            show(snapshot)
            now, last = time.monotonic(), progress.last_window.get("outcome")
            windows = progress.windows + progress.cut_windows
            enough = windows >= _REAL_WINDOWS * len(stack.configuration.drain.streams)
            if drained_at is None and (enough or last in ("idle", "failed")):
                drained_at = now
            elif drained_at is not None and (
                snapshot.complete or now > drained_at + _REAL_EFFECTS_SECONDS
            ):
                return snapshot
            if now > deadline or stack.crash_report():
                return snapshot
            time.sleep(1.0)


def _fetch_markers(api: VideoVectorClient) -> list[dict[str, Any]] | None:
    """Return the account's markers; None if the API refuses, as without the scope."""
    try:
        return [dict(marker.fields) for marker in api.list_markers()]
    except ApiError:
        return None


class _StallTimer:
    """Measures how long the state of the run has not changed."""

    def __init__(self) -> None:
        self._state: object = None
        self._since = 0.0

    def seconds(self, state: object) -> float:
        """Return for how long `state` has been the same."""
        now = time.monotonic()
        if state != self._state:
            self._state, self._since = state, now
        return now - self._since


def _state(snapshot: Snapshot) -> tuple[object, ...]:
    progress, effects = snapshot.progress, snapshot.effects
    arrived = progress.messages, len(progress.webhooks), effects.confirmed.total()
    return snapshot.emitted, arrived, snapshot.cursor, snapshot.failures, snapshot.lost_ends
