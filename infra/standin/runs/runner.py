"""Starts runs, and emits their events over time."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from infra.standin.config import StandInConfig
from infra.standin.library.catalog import Library, Video
from infra.standin.runs.plan import RunStep, lose_ends, plan_run, run_id_of

_TICK_SECONDS = 0.02
_BURST = 500  # events before the event loop runs other tasks


@dataclass(frozen=True, slots=True)
class StartedRuns:
    """The ids of started runs, the total number of their events, and of those that are lost."""

    run_ids: tuple[str, ...]
    events: int
    lost: int


class Runner:
    """Interleaves the steps of concurrent runs and calls `emit` with each of them, at a rate."""

    def __init__(
        self, config: StandInConfig, library: Library, emit: Callable[[RunStep], None]
    ) -> None:
        self._config = config
        self._library = library
        self._emit = emit
        self._next_number = 1
        self._next_video: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.active = 0

    def start(
        self,
        runs: int,
        videos_per_run: int,
        events_per_second: float | None,
        *,
        lose: Collection[str] = (),
    ) -> StartedRuns:
        """Start `runs` runs, at `events_per_second` in total. None: as fast as possible.

        `lose` has the kinds whose last events are never sent: `run`, `video`.
        """
        plans: list[deque[RunStep]] = []
        run_ids = []
        for _ in range(runs):
            number, self._next_number = self._next_number, self._next_number + 1
            run_ids.append(run_id_of(self._config.seed, number))
            videos = self._next_videos(number, videos_per_run)
            plans.append(deque(lose_ends(plan_run(self._config, number, videos), lose)))
        steps = sum(map(len, plans))
        lost = sum(step.lost for plan in plans for step in plan)
        self.active += runs
        self._spawn(plans, events_per_second)
        return StartedRuns(tuple(run_ids), steps - lost, lost)

    async def repeat(self, interval: float) -> None:
        """Start one run every `interval` seconds until cancelled."""
        while True:
            self.start(1, self._config.videos_per_run, self._config.events_per_second)
            await asyncio.sleep(interval)

    def stop(self) -> None:
        """Cancel all runs."""
        for task in self._tasks:
            task.cancel()

    def _next_videos(self, number: int, count: int) -> list[Video]:
        indexes = self._library.index_ids
        index_id = indexes[number % len(indexes)]
        videos = self._library.indexed(index_id)
        if not videos:
            return []
        start = self._next_video.get(index_id, 0)
        self._next_video[index_id] = start + count
        return [videos[(start + n) % len(videos)] for n in range(min(count, len(videos)))]

    def _spawn(self, plans: list[deque[RunStep]], rate: float | None) -> None:
        task = asyncio.get_running_loop().create_task(self._play(plans, rate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, plans: list[deque[RunStep]], rate: float | None) -> None:
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        emitted = 0
        queue = deque(plans)
        while queue:
            due = emitted + _BURST if not rate else int((loop.time() - started_at) * rate) + 1
            for _ in range(min(_BURST, due - emitted)):
                if not queue:
                    break
                plan = queue.popleft()
                self._emit(plan.popleft())
                emitted += 1
                if plan:
                    queue.append(plan)
                else:
                    self.active -= 1
            await asyncio.sleep(_TICK_SECONDS if rate else 0)
