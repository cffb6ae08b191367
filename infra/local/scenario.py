"""`make run`: events of a library in the making are drained, and effects arrive.

One window is killed half-way, to show the resume. The result is what the topics and the API show.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.clock import Clock
from infra.local.cloud import Cloud
from infra.local.expected import Expected, expected_effects, markers_right, shipped_automations
from infra.local.progress import Progress
from infra.local.stack import Stack
from infra.local.standin import Control

_RUNS = 8
_VIDEOS_PER_RUN = 4
_EVENTS_PER_SECOND = 16.0
_KILL_AFTER = 20  # events that the window has published
_TIME_LIMIT_SECONDS = 75.0
_REAL_WINDOWS = 3
_POLL_SECONDS = 0.2
_MONOTONIC_SLACK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects found, effects wanted, and how long they took after their event (milliseconds)."""

    markers: int = 0
    markers_wanted: int = 0
    urls: int = 0
    urls_wanted: int = 0
    milliseconds: tuple[float, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every wanted effect happened."""
        return (self.markers, self.urls) == (self.markers_wanted, self.urls_wanted)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands. `emitted` is None where the API does not tell."""

    phase: str
    seconds: float
    emitted: int | None
    missing: int
    progress: Progress
    effects: Effects
    cursor: str | None


def run_scenario(
    stack: Stack, *, started_at: datetime, show: Callable[[Snapshot], None]
) -> Snapshot:
    """Drain until everything that was emitted has arrived with its effects, or time is up."""
    progress = Progress()
    clock = Clock(
        stack.functions["drain"].url,
        stack.streams,
        pause_seconds=0.5,
        attempt_seconds=float(os.environ.get("WINDOW_SECONDS", "6")) + _MONOTONIC_SLACK_SECONDS,
        on_tick=progress.note_tick,
    )
    run = _Run(stack, progress, started_at, show)
    try:
        if stack.upstream.control is not None:
            return run.with_standin(stack.upstream.control, clock)
        return run.with_real_api(clock)
    finally:
        clock.stop()


class _Run:
    """One scenario under way."""

    def __init__(
        self,
        stack: Stack,
        progress: Progress,
        started_at: datetime,
        show: Callable[[Snapshot], None],
    ) -> None:
        self._stack = stack
        self._progress = progress
        self._started_at = started_at
        self._show = show
        self._deadline = time.monotonic() + _TIME_LIMIT_SECONDS
        self._automations = shipped_automations(os.environ.get("AUTOMATIONS_FILE", ""))

    def with_standin(self, control: Control, clock: Clock) -> Snapshot:
        """A library processed, a connection cut, a window killed, everything accounted for."""
        control.runs(_RUNS, videos_per_run=_VIDEOS_PER_RUN, events_per_second=_EVENTS_PER_SECOND)
        control.faults({"on": "stream", "kind": "cut", "after_events": 12, "mid_frame": True})
        clock.start()
        killer = threading.Thread(target=self._kill_a_window, daemon=True)
        killer.start()
        while True:
            journal = control.journal()
            over = journal["runs_active"] == 0 and not killer.is_alive()
            snapshot = self._look("draining" if over else "processing", journal)
            self._show(snapshot)
            done = over and not snapshot.missing and snapshot.effects.complete
            if done or time.monotonic() > self._deadline:
                return snapshot
            time.sleep(_POLL_SECONDS)

    def with_real_api(self, clock: Clock) -> Snapshot:
        """A few windows over a real API; how much it emitted is not known."""
        clock.start()
        while True:
            snapshot = self._look("draining", None)
            self._show(snapshot)
            windows, last = self._progress.windows, self._progress.last_window.get("outcome")
            if windows >= _REAL_WINDOWS or last in ("idle", "failed"):
                return self._look("done", None)
            if time.monotonic() > self._deadline:
                return snapshot
            time.sleep(_POLL_SECONDS)

    def _kill_a_window(self) -> None:
        """Kill the drain process half-way through a window that has published something."""
        progress = self._progress
        while progress.windows < 1 or len(progress.events) < progress.reported + _KILL_AFTER:
            if time.monotonic() > self._deadline:
                return
            time.sleep(0.02)
        drain = self._stack.functions["drain"]
        drain.kill()
        progress.killed_windows += 1
        drain.start()
        drain.wait()

    def _look(self, phase: str, journal: dict[str, Any] | None) -> Snapshot:
        cloud: Cloud = self._stack.cloud
        self._progress.note_events(cloud.observe("events"))
        self._progress.note_rejected(cloud.observe("rejected"))
        self._progress.note_urls(cloud.observe("media-urls"))
        missing = 0
        effects = Effects()
        if journal is not None:
            missing = sum(each not in self._progress.events for each in journal["event_ids"])
            expected = expected_effects(self._progress.data.values(), self._automations)
            effects = self._effects(expected, journal["markers"])
        return Snapshot(
            phase,
            (datetime.now(UTC) - self._started_at).total_seconds(),
            None if journal is None else journal["emitted"],
            missing,
            self._progress,
            effects,
            cloud.cursor(self._stack.streams[0]),
        )

    def _effects(self, expected: Expected, markers: list[dict[str, Any]]) -> Effects:
        first_seen, urls = self._progress.first_seen, self._progress.urls
        right = markers_right(expected, markers)
        took = [
            (urls[message_id] - first_seen[event_id]).total_seconds() * 1_000
            for message_id, event_id in expected.urls.items()
            if message_id in urls
        ]
        updated = {f"{m['target_type']}:{m['target_id']}": m["updated_at"] for m in markers}
        for target in right:
            at = updated.get(target.removeprefix("marker:"))
            if at is not None:
                seen = first_seen[expected.marker_events[target]]
                took.append((datetime.fromisoformat(at) - seen).total_seconds() * 1_000)
        return Effects(
            len(right),
            len(expected.markers),
            sum(message_id in urls for message_id in expected.urls),
            len(expected.urls),
            tuple(took),
        )
