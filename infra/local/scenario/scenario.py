"""`make run`, once draining has begun: a window is killed, things fail, what arrives is watched.

What counts is what the topics and the API show.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from infra.local.clouds.cloud import Observed
from infra.local.oracle.observer import Observer, Snapshot
from infra.local.oracle.progress import Progress
from infra.local.scenario.draining import start_second_batch
from infra.local.scenario.failures import NO_FAILURES, Failures, free_videos
from infra.local.scenario.redrive import original
from infra.local.scenario.selected import selected_ids, selects_everything
from infra.local.stack import Stack
from infra.standin import Control
from videovector_bridge.api import ApiError, VideoVectorClient

_KILL_AFTER = 20  # events of the second batch
_TIME_LIMIT_SECONDS = 240.0  # for a slow machine; what stands still is given up before
_GIVE_UP_SECONDS = 60.0  # without anything new: longer than a redelivery waits here...
_REJECTED_SECONDS = 10.0  # ...and after a rejection, which is not retried
_NOTICE_SECONDS = 5.0  # for the clock to notice that a window was killed
_REAL_WINDOWS = 3
_REAL_EFFECTS_SECONDS = 15.0
_POLL_SECONDS = 0.3

Show = Callable[[Snapshot], None]


def watch_scenario(
    stack: Stack, progress: Progress, *, started_at: datetime, show: Show
) -> Snapshot:
    """Watch until everything that was emitted has arrived with its effects, or time is up.

    Draining has begun; `progress` hears of its windows.
    """
    observer, control = Observer(stack, progress, started_at), stack.upstream.control
    if control is not None:
        run = _StandInRun(stack, progress, observer, control, _failures(stack, control))
        return run.watch(show)
    return _watch_real_api(stack, progress, observer, show)


def _failures(stack: Stack, control: Control) -> Failures | None:
    """The failures of the run; None where nobody could say what they must lead to."""
    configuration = stack.configuration
    if configuration.unchecked or not selects_everything(configuration.drain.streams.values()):
        return None

    def redrive(message: Observed) -> None:
        stack.cloud.publish(configuration.topic_names["events"], original(message))

    return Failures(control, free_videos(stack.upstream), redrive)


class _StandInRun:
    """The scenario over the stand-in, which says what it emitted."""

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
        self._killed_windows = 0
        self._over = threading.Event()
        self._quiet = _Quiet()

    def watch(self, show: Show) -> Snapshot:
        """Run it to its end, or until nothing comes any more; return what stands then."""
        deadline = time.monotonic() + _TIME_LIMIT_SECONDS
        killer = threading.Thread(target=self._kill_a_window, args=[deadline], daemon=True)
        killer.start()
        try:
            return self._watch(killer, deadline, show)
        finally:
            # Ctrl-C too: what it asks, and the function that it starts, end only after it.
            self._over.set()
            killer.join()

    def _watch(self, killer: threading.Thread, deadline: float, show: Show) -> Snapshot:
        while True:
            journal = self._control.journal()
            over = journal["runs_active"] == 0 and not killer.is_alive()
            snapshot = self._look("draining" if over else "processing", journal, over=over)
            show(snapshot)
            # A window after the killed one has to end, too: that it resumed is what it reports.
            arrived = snapshot.complete and self._cursor_arrived(snapshot, journal)
            arrived = arrived and self._progress.windows >= 2
            patience = _REJECTED_SECONDS if snapshot.unexpected else _GIVE_UP_SECONDS
            stuck = self._quiet.seconds(_facts(snapshot)) > patience
            trouble = bool(self._stack.trouble())
            if (over and (arrived or stuck)) or trouble or time.monotonic() > deadline:
                return snapshot
            self._let_things_fail(journal)
            time.sleep(_POLL_SECONDS)

    def _let_things_fail(self, journal: dict[str, Any]) -> None:
        """Go on with the failures, once a first window has shown that all is well."""
        if self._failures is not None and self._progress.windows >= 1:
            with suppress(ApiError):  # the next look asks again
                self._failures.advance(self._observer.observation(journal["markers"]))

    def _look(self, phase: str, journal: dict[str, Any], *, over: bool) -> Snapshot:
        # Asked before the topic is looked at: what is sent after that is not missed yet.
        webhooks = self._control.webhooks()
        required = journal["event_ids"]
        if not selects_everything(self._streams):
            if over and self._selected is None:
                self._selected = selected_ids(self._stack.upstream, self._streams)
            required = [each for each in required if each in (self._selected or ())]
        return self._observer.look(
            phase,
            required=required,
            markers=journal["markers"],
            killed_windows=self._killed_windows,
            webhooks=webhooks,
            failures=self._failures.report() if self._failures else NO_FAILURES,
        )

    def _cursor_arrived(self, snapshot: Snapshot, journal: dict[str, Any]) -> bool:
        """Whether a window has committed the last event; a filtered stream has its own last."""
        return not selects_everything(self._streams) or snapshot.cursor == journal["last_event_id"]

    def _kill_a_window(self, deadline: float) -> None:
        """Emit a batch, and kill drain half-way through a window that publishes it.

        On a slow machine a batch may be over before a window is seen in it: then another follows.
        """
        progress = self._progress
        while not self._has_first_window() or self._control.journal(ids=False)["runs_active"]:
            if self._over.wait(0.1) or time.monotonic() > deadline:
                return
        while not self._killed_windows and not self._is_over(deadline):
            # Filters may leave few: then after the first.
            enough = len(progress.events) + (
                _KILL_AFTER if selects_everything(self._streams) else 1
            )
            start_second_batch(self._control)
            self._kill_within_a_batch(enough, deadline)

    def _has_first_window(self) -> bool:
        """Whether a window has ended that published events, if filters leave any for sure."""
        if selects_everything(self._streams):
            return self._progress.published_by_ended > 0
        return self._progress.windows > 0

    def _kill_within_a_batch(self, enough: int, deadline: float) -> None:
        """Kill a window once so many events were seen; return too when all windows are over."""
        progress = self._progress
        last_window: int | None = None
        while not self._killed_windows and not self._is_over(deadline):
            # A window is under way if more was published than ended windows report.
            if len(progress.events) >= enough and progress.messages > progress.published_by_ended:
                self._kill()
                continue
            if last_window is None and not self._control.journal(ids=False)["runs_active"]:
                # The window that is open by now may be the last one, or the next.
                last_window = progress.windows + 2
            if last_window is not None and progress.windows >= last_window:
                return
            self._over.wait(0.02)
            self._observer.look_at_events()

    def _is_over(self, deadline: float) -> bool:
        return self._over.is_set() or time.monotonic() > deadline

    def _kill(self) -> None:
        drain, cut_before = self._stack.drain, self._progress.cut_windows
        drain.kill()
        # The clock notices soon that its window was cut off, unless it was between two windows.
        until = time.monotonic() + _NOTICE_SECONDS
        while self._progress.cut_windows == cut_before and time.monotonic() < until:
            time.sleep(0.02)
        self._killed_windows += self._progress.cut_windows > cut_before
        drain.start()


def _watch_real_api(stack: Stack, progress: Progress, observer: Observer, show: Show) -> Snapshot:
    """A few windows over an API that does not say how much it emitted."""
    deadline = time.monotonic() + _TIME_LIMIT_SECONDS
    drained_at: float | None = None
    with VideoVectorClient(
        stack.upstream.api_url, lambda: stack.upstream.key, timeout_seconds=5
    ) as api:
        while True:
            markers = _markers(api) if stack.configuration.effects_allowed else None
            phase = "draining" if drained_at is None else "waiting for effects"
            snapshot = observer.look(phase, required=None, markers=markers)
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
            if now > deadline or stack.trouble():
                return snapshot
            time.sleep(1.0)


def _markers(api: VideoVectorClient) -> list[dict[str, Any]] | None:
    """The account's markers; None where they cannot be read (a key without that scope, say)."""
    try:
        return [dict(each.fields) for each in api.list_markers()]
    except ApiError:
        return None


class _Quiet:
    """Measures for how long nothing new has been seen."""

    def __init__(self) -> None:
        self._facts: object = None
        self._since = 0.0

    def seconds(self, facts: object) -> float:
        """For how long `facts` have been the same."""
        now = time.monotonic()
        if facts != self._facts:
            self._facts, self._since = facts, now
        return now - self._since


def _facts(snapshot: Snapshot) -> tuple[object, ...]:
    progress, effects = snapshot.progress, snapshot.effects
    arrived = progress.messages, len(progress.webhooks), effects.found.total()
    return snapshot.emitted, arrived, snapshot.cursor, snapshot.failures
