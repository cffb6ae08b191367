"""A budget of bytes for all threads of a process, which bounds its memory."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ByteBudget:
    """Limits the bytes that are in use at once to `total`. Thread-safe.

    Only sizes up to `small_bytes` may use the last `small_share` bytes, so that slow large ones do
    not exclude small ones.
    """

    def __init__(self, total: int, *, small_bytes: int = 0, small_share: int = 0) -> None:
        self._total = total
        self._small_bytes = small_bytes
        self._small_share = small_share
        self._free = total
        self._changed = threading.Condition()
        # Waiting threads in order; small sizes apart, because they may overtake large ones.
        self._waiting: dict[bool, deque[object]] = {True: deque(), False: deque()}

    @contextmanager
    def reserve(self, size: int, wait_seconds: float = 0.0) -> Iterator[bool]:
        """Reserve `size` bytes until the end of the block; yield False if they are not free.

        Waits up to `wait_seconds` for free bytes, in order of arrival, so that a large size is not
        overtaken without end. A size that can never be free does not wait.
        """
        reserved = self._reserve(size, wait_seconds)
        try:
            yield reserved
        finally:
            if reserved:
                self._release(size)

    def _reserve(self, size: int, wait_seconds: float) -> bool:
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

    def _release(self, size: int) -> None:
        with self._changed:
            self._free += size
            self._changed.notify_all()
