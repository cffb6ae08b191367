"""Starts runs and lets them progress over time."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from infra.standin.config import StandInConfig
from infra.standin.library.catalog import Library, Video
from infra.standin.runs.plan import Step, plan_run, run_id_of

_TICK_SECONDS = 0.02
_BURST = 500  # events between two chances for others to run


@dataclass(frozen=True, slots=True)
class Started:
    """Runs that were started, and how many events they will emit together."""

    run_ids: tuple[str, ...]
    events: int


class Runner:
    """Interleaves the steps of concurrent runs and hands them to `emit` at a rate."""

    def __init__(
        self, config: StandInConfig, library: Library, emit: Callable[[Step], None]
    ) -> None:
        self._config = config
        self._library = library
        self._emit = emit
        self._numbers = 1
        self._next_video: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.active = 0

    def start(self, runs: int, videos_per_run: int, events_per_second: float | None) -> Started:
        """Start `runs` runs at `events_per_second` together; None is as fast as it goes."""
        plans: list[deque[Step]] = []
        run_ids = []
        for _ in range(runs):
            number, self._numbers = self._numbers, self._numbers + 1
            run_ids.append(run_id_of(self._config.seed, number))
            plans.append(deque(plan_run(self._config, number, self._pick(number, videos_per_run))))
        total = sum(map(len, plans))
        self.active += runs
        self._spawn(plans, events_per_second)
        return Started(tuple(run_ids), total)

    async def forever(self, every: float) -> None:
        """Start one run every so many seconds."""
        while True:
            self.start(1, self._config.videos_per_run, self._config.events_per_second)
            await asyncio.sleep(every)

    def stop(self) -> None:
        """Abandon what is under way."""
        for task in self._tasks:
            task.cancel()

    def _pick(self, number: int, count: int) -> list[Video]:
        indexes = self._library.index_ids
        index_id = indexes[number % len(indexes)]
        videos = self._library.indexed(index_id)
        if not videos:
            return []
        start = self._next_video.get(index_id, 0)
        self._next_video[index_id] = start + count
        return [videos[(start + n) % len(videos)] for n in range(min(count, len(videos)))]

    def _spawn(self, plans: list[deque[Step]], rate: float | None) -> None:
        task = asyncio.get_running_loop().create_task(self._play(plans, rate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, plans: list[deque[Step]], rate: float | None) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        emitted = 0
        turns = deque(plans)
        while turns:
            due = emitted + _BURST if not rate else int((loop.time() - began) * rate) + 1
            for _ in range(min(_BURST, due - emitted)):
                if not turns:
                    break
                plan = turns.popleft()
                self._emit(plan.popleft())
                emitted += 1
                if plan:
                    turns.append(plan)
                else:
                    self.active -= 1
            await asyncio.sleep(_TICK_SECONDS if rate else 0)
