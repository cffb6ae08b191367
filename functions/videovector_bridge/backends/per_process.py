"""One value per process, made when first asked for."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Make a value once in each process and hand it to every thread.

    functions-framework forks after import, and a gRPC client does not survive a fork: a child
    makes its own.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, T] | None = None

    def get(self) -> T:
        """Return this process's value; raises whatever making it raises."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            made = self._made
            if made is None or made[0] != os.getpid():
                made = (os.getpid(), self._make())
                self._made = made
            return made[1]
