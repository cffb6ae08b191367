"""An event loop with virtual time: it advances only when nothing else can happen.

Jobs of `run_in_executor` run in real threads, as many at once as their executor has, and time
stands still while one of them works. A job that should take time calls `VirtualTime.sleep`. So a
test with a window of a minute takes milliseconds, and does the same on a machine of any speed.
"""

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class JobAbandoned(Exception):
    """The loop was closed while a job slept."""


class _Selector(selectors.DefaultSelector):
    """Advances the loop's time instead of waiting."""

    loop: "_VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.working:
            return super().select(None)  # the end of a job wakes the loop
        if timeout is None:
            raise RuntimeError("Nothing is scheduled and no job works: this would wait for ever.")
        self.loop.now += timeout
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1_000.0
        self.working = 0
        self._queues: dict[Executor | None, deque[Callable[[], None]]] = {}
        self._running: dict[Executor | None, int] = {}
        self._sleepers: set[_Sleeper] = set()
        super().__init__(selector)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Run a job in its own thread once the executor would have one for it."""
        future = self.create_future()
        queue = self._queues.setdefault(executor, deque())
        queue.append(lambda: self._start(executor, future, lambda: func(*args)))
        self._start_jobs(executor)
        return future

    def _start_jobs(self, executor: Executor | None) -> None:
        threads = getattr(executor, "_max_workers", 32)
        queue = self._queues[executor]
        while queue and self._running.get(executor, 0) < threads:
            queue.popleft()()

    def _start(
        self, executor: Executor | None, future: "asyncio.Future[Any]", job: Callable[[], Any]
    ) -> None:
        if future.cancelled() or getattr(executor, "_shutdown", False):
            future.cancel()
            return
        self._running[executor] = self._running.get(executor, 0) + 1
        self.working += 1

        def run() -> None:
            try:
                result, error = job(), None
            except BaseException as raised:  # noqa: BLE001  # the future passes it on
                result, error = None, raised
            if not self.is_closed():
                self.call_soon_threadsafe(self._end, executor, future, result, error)

        threading.Thread(target=run, daemon=True).start()

    def _end(
        self,
        executor: Executor | None,
        future: "asyncio.Future[Any]",
        result: Any,
        error: BaseException | None,
    ) -> None:
        self.working -= 1
        self._running[executor] -= 1
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        self._start_jobs(executor)

    def sleep_in_job(self, seconds: float) -> None:
        sleeper = _Sleeper()
        self.call_soon_threadsafe(self._fall_asleep, sleeper, seconds)
        sleeper.woken.wait()
        if sleeper.abandoned:
            raise JobAbandoned

    def _fall_asleep(self, sleeper: "_Sleeper", seconds: float) -> None:
        self.working -= 1
        self._sleepers.add(sleeper)
        self.call_later(seconds, self._wake, sleeper)

    def _wake(self, sleeper: "_Sleeper") -> None:
        self.working += 1
        self._sleepers.discard(sleeper)
        sleeper.woken.set()

    def close(self) -> None:
        for sleeper in self._sleepers:
            sleeper.abandoned = True
            sleeper.woken.set()
        super().close()


class _Sleeper:
    def __init__(self) -> None:
        self.woken = threading.Event()
        self.abandoned = False


class VirtualTime:
    """Runs coroutines in virtual time, one after another; the time continues."""

    def __init__(self) -> None:
        self._loop: _VirtualLoop | None = None
        self._passed = 1_000.0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end, as `asyncio.run` does."""

        def make_loop() -> asyncio.AbstractEventLoop:
            self._loop = _VirtualLoop()
            self._loop.now = self._passed
            return self._loop

        with asyncio.Runner(loop_factory=make_loop) as runner:
            try:
                return runner.run(coroutine)
            finally:
                self._passed = self.time()

    def time(self) -> float:
        """The time, in seconds."""
        return self._loop.now if self._loop is not None else self._passed

    def sleep(self, seconds: float) -> None:
        """Let time pass; for the jobs of `run_in_executor`."""
        assert self._loop is not None
        self._loop.sleep_in_job(max(0.0, seconds))
