"""One thread at a time, for answers that take much memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from videovector_bridge.errors import TransientError

_WAIT_SECONDS: Final = 10.0


class Turn:
    """Lets one thread at a time read a list from VideoVector and take from it what it needs.

    So the memory of an instance is bounded by one such answer, however many messages it handles.
    """

    def __init__(self, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn and have it during the block. Raises `TransientError` if it is late."""
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise TransientError(
                f"Other messages read lists from VideoVector for {self._wait_seconds:g} s. The "
                f"message is redelivered."
            )
        try:
            yield
        finally:
            self._lock.release()
