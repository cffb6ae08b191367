"""A lock for reading lists from VideoVector, which may be large."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from videovector_bridge.errors import TransientError

_WAIT_SECONDS: Final = 10.0


class ListLock:
    """Lets one thread at a time read a list from VideoVector and extract what it needs.

    This bounds the memory of an instance to one such list, however many messages it handles.
    """

    def __init__(self, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()

    @contextmanager
    def acquired(self) -> Iterator[None]:
        """Acquire the lock for the block. Raises `TransientError` after `wait_seconds`."""
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise TransientError(
                f"Other messages read lists from VideoVector for {self._wait_seconds:g} s. The "
                f"message is redelivered."
            )
        try:
            yield
        finally:
            self._lock.release()
