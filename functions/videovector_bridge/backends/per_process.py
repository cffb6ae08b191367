"""One value per process, created at its first use."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Creates a value once in each process, for all its threads.

    functions-framework forks after import, and a gRPC client does not survive a fork: each child
    creates its own.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, T] | None = None

    def get(self) -> T:
        """Return the value of this process. Errors of `make` pass through."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            made = self._made
            if made is None or made[0] != os.getpid():
                made = (os.getpid(), self._make())
                self._made = made
            return made[1]
