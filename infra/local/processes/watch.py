"""A watch over the functions: one that ends by itself is started again, as on Cloud Run."""

import threading
import time
from collections.abc import Callable, Iterable

from infra.local.processes.functions import Function

_LOOK_SECONDS = 0.2
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0


class Watch(threading.Thread):
    """Starts dead functions again until stopped, and tells of each in a sentence.

    A function that keeps dying is started after ever longer pauses. One that was killed through
    its `kill` was meant to die.
    """

    def __init__(self, functions: Iterable[Function], tell: Callable[[str], None]) -> None:
        super().__init__(name="watch", daemon=True)
        self._functions = tuple(functions)
        self._tell = tell
        self._pauses: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """Watch until stopped."""
        while not self._over.wait(_LOOK_SECONDS):
            for function in self._functions:
                self._look(function, time.monotonic())

    def stop(self) -> None:
        """Look no more; waits for a look that is under way."""
        self._over.set()
        if self.is_alive():
            self.join()

    def _look(self, function: Function, now: float) -> None:
        not_before = self._not_before.get(function.name, 0.0)
        if now < not_before:
            return
        said = function.revive()
        if not said:
            return
        # One that lived for long after its last pause begins anew.
        lived_long = now - not_before > _LONGEST_PAUSE_SECONDS
        last = 0.0 if lived_long else self._pauses.get(function.name, 0.0)
        pause = min(_LONGEST_PAUSE_SECONDS, 2 * last or _FIRST_PAUSE_SECONDS)
        self._pauses[function.name] = pause
        self._not_before[function.name] = now + pause
        self._tell(
            f"Function {function.name} ended by itself ({said}); it was started again. "
            f"All it said: {function.log}"
        )
