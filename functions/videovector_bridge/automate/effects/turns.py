"""Let the handlers of one target take turns in a process, instead of repeating lost writes.

A burst often has several events of one target. Their handlers would change its record at the same
time: all but one of them lose each compare-and-set, and read and write again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A turn for each target. Thread-safe.

    Only an optimization: who waits too long continues without a turn, so that a slow handler delays
    no other one for longer than that. The compare-and-set decides what is stored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def taken(self, target: str, seconds: float) -> Iterator[None]:
        """Wait up to `seconds` for the turn of the target, and have it until the block ends."""
        turn = self._join(target)
        has_turn = turn.acquire(timeout=seconds)
        try:
            yield
        finally:
            if has_turn:
                turn.release()
            self._leave(target)

    def _join(self, target: str) -> threading.Lock:
        with self._lock:
            turn, users = self._turns.get(target, (threading.Lock(), 0))
            self._turns[target] = turn, users + 1
            return turn

    def _leave(self, target: str) -> None:
        with self._lock:
            turn, users = self._turns[target]
            if users == 1:
                del self._turns[target]
            else:
                self._turns[target] = turn, users - 1
