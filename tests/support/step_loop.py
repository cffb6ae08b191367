"""An event loop that runs one callback at a time and can be stopped between any two of them.

Everything happens in one thread and in one order, so that a window takes the same steps at every
run. Time is virtual. Jobs of `run_in_executor` run between two callbacks, and their results arrive
some time later.
"""

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

_MOST_ROUNDS = 1_000

Job = tuple[float, float]
"""Seconds that a job waits for a thread, and seconds until the loop knows its result."""


class Clock(Protocol):
    """The clock that the loop advances when nothing else can happen."""

    now: float


class Died(BaseException):
    """The process was killed: no handler of the product sees this."""


def nothing(*_arguments: object) -> None:
    """Do nothing."""


class StepLoop(asyncio.BaseEventLoop):
    """Calls `step` before each callback; after that raises `Died`, nothing runs.

    `jobs` are the times of the jobs, in turn.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        step: Callable[[], None] = nothing,
        jobs: Iterable[Job] = ((0.0, 0.0),),
    ) -> None:
        self._over = True  # until it is complete
        super().__init__()
        self._over = False
        self.clock = clock
        self.died = False
        self._step = step
        self._jobs = itertools.cycle(jobs)
        self._callbacks: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end. Raises `Died` if the loop was stopped before."""
        outer = events._get_running_loop()  # a window may run while another one is paused
        events._set_running_loop(self)
        try:
            task: asyncio.Task[T] = asyncio.Task(coroutine, loop=self)
            while not task.done():
                try:
                    self._step_once()
                except Died:
                    self.died = True
                if self.died:
                    self._clear_away()
                    raise Died
            self._clear_away()
            return task.result()
        finally:
            events._set_running_loop(outer)
            self._over = True

    def _step_once(self) -> None:
        timers, ready = self._timers, self._callbacks
        while timers and (timers[0][0] <= self.clock.now or timers[0][2].cancelled()):
            ready.append(heapq.heappop(timers)[2])
        if not ready:
            if not timers:
                raise RuntimeError("Nothing is scheduled: this would wait for ever.")
            self.clock.now = timers[0][0]
            return
        if not ready[0].cancelled():
            self._step()
        handle = ready.popleft()
        if not handle.cancelled():
            handle._run()

    def _clear_away(self) -> None:
        """End the tasks that are left, so that Python does not warn of them; jobs fail."""
        self._step, self.died = nothing, True
        for _ in range(_MOST_ROUNDS):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            while self._callbacks:
                self._step_once()
            if self._timers:
                self._step_once()
        raise RuntimeError(f"These tasks cannot be cancelled: {asyncio.all_tasks(self)}")

    # The methods that asyncio needs

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self.clock.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run after all callbacks that are ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._callbacks.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run at that time."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run after so many seconds."""
        return self.call_at(self.clock.now + delay, callback, *args, context=context)

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **named: Any) -> "asyncio.Task[Any]":
        """A task of this loop."""
        return asyncio.Task(coro, loop=self, **named)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Run a job when a thread is free for it, unless its executor is shut down before that."""
        future = self.create_future()
        wait, back = next(self._jobs)

        def start() -> None:
            if future.cancelled() or getattr(executor, "_shutdown", False):
                future.cancel()
            elif self.died:
                future.set_exception(RuntimeError("the process is gone"))
            else:
                self._run_job(future, lambda: func(*args), back)

        self.call_later(0.0 if self.died else wait, start)
        return future

    def _run_job(self, future: "asyncio.Future[Any]", job: Callable[[], Any], back: float) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            result = job()
        except Died:
            self.died = True
            future.set_exception(RuntimeError("the process is gone"))
            return
        except Exception as raised:  # noqa: BLE001  # the future passes it on
            error = raised
        self.call_later(back, self._end_job, future, result, error, self.learn())

    def _end_job(
        self,
        future: "asyncio.Future[Any]",
        result: Any,
        error: Exception | None,
        learned: Callable[[], None],
    ) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            return
        future.set_result(result)
        if not self.died:
            learned()

    def learn(self) -> Callable[[], None]:
        """Return what to do when the loop gets the result of the job that has just ended."""
        return nothing

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Raise the error, except for one of a process that is dead."""
        if not self.died:
            raise RuntimeError(str(context)) from context.get("exception")

    def get_debug(self) -> bool:
        """Not in debug mode."""
        return False

    def is_running(self) -> bool:
        """Running until it is closed."""
        return not self._over

    def is_closed(self) -> bool:
        """Closed at the end of `run`."""
        return self._over

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is dropped at its time."""
