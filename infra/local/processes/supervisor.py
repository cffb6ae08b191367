"""Restarts functions that end unexpectedly, as Cloud Run does."""

import threading
import time
from collections.abc import Callable, Iterable

from infra.local.processes.functions import Function

_CHECK_SECONDS = 0.2
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0


class Supervisor(threading.Thread):
    """Restarts ended functions until stopped, and passes a sentence about each to `notify`.

    A function that keeps ending is restarted with exponential backoff. A function that was ended
    with its `kill` is not restarted.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        notify: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._functions = tuple(functions)
        self._notify = notify
        self._clock = clock
        self._backoff: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        """Check the functions until stopped."""
        while not self._stopped.wait(_CHECK_SECONDS):
            self.check()

    def stop(self) -> None:
        """Stop checking; wait for a check in progress."""
        self._stopped.set()
        if self.is_alive():
            self.join()

    def check(self) -> None:
        """Restart each function that has ended, unless its backoff has not passed yet."""
        for function in self._functions:
            self._check(function, self._clock())

    def _check(self, function: Function, now: float) -> None:
        not_before = self._not_before.get(function.name, 0.0)
        if now < not_before:
            return
        last_line = function.restart_if_ended()
        if not last_line:
            return
        # After a long run the backoff starts from the beginning.
        ran_long = now - not_before > _MAX_BACKOFF_SECONDS
        previous = 0.0 if ran_long else self._backoff.get(function.name, 0.0)
        backoff = min(_MAX_BACKOFF_SECONDS, 2 * previous or _FIRST_BACKOFF_SECONDS)
        self._backoff[function.name] = backoff
        self._not_before[function.name] = now + backoff
        self._notify(
            f"Function {function.name} ended by itself ({last_line}); it was restarted. "
            f"Its log: {function.log}"
        )
