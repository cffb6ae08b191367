"""A number of bytes that the threads of a process share, so that its memory is bounded."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ByteBudget:
    """Counts the bytes that are in use at once, at most `total`. Threads share it.

    `small_share` is the part that only sizes of up to `small_bytes` may use, so that slow large
    ones do not exclude small ones.
    """

    def __init__(self, total: int, *, small_bytes: int = 0, small_share: int = 0) -> None:
        self._total = total
        self._small_bytes = small_bytes
        self._small_share = small_share
        self._free = total
        self._changed = threading.Condition()
        # Who waits, in order; small ones apart, because they may pass large ones.
        self._waiting: dict[bool, deque[object]] = {True: deque(), False: deque()}

    @contextmanager
    def reserve(self, size: int, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Reserve so many bytes until the end of the block, or yield False where they are not free.

        Waits up to `wait_seconds` for others to give bytes back, and is served in order of
        arrival: a large size is not passed by for ever. What could never be free is not waited
        for.
        """
        reserved = self._take(size, wait_seconds)
        try:
            yield reserved
        finally:
            if reserved:
                self._give_back(size)

    def _take(self, size: int, wait_seconds: float) -> bool:
        small = size <= self._small_bytes
        needed = size if small else size + self._small_share
        if needed > self._total:
            return False
        waiting, ticket = self._waiting[small], object()

        def is_served() -> bool:
            return waiting[0] is ticket and needed <= self._free

        with self._changed:
            if waiting or needed > self._free:
                if wait_seconds <= 0:
                    return False
                waiting.append(ticket)
                served = self._changed.wait_for(is_served, wait_seconds)
                waiting.remove(ticket)
                self._changed.notify_all()  # the next in line may be served as well
                if not served:
                    return False
            self._free -= size
        return True

    def _give_back(self, size: int) -> None:
        with self._changed:
            self._free += size
            self._changed.notify_all()
