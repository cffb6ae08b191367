"""When a window must stop: one value, handed to everything that blocks."""

from collections.abc import Callable


class Deadline:
    """The end of the window, the end of its lease, or now once it is cancelled: what is first.

    Threads ask it when a call starts, not before the call waits for its turn. Times are those of
    `clock`, in seconds.
    """

    def __init__(self, ends_at: float, lease_until: float, *, clock: Callable[[], float]) -> None:
        self.ends_at = ends_at
        self._lease_until = lease_until
        self._clock = clock
        self._cancelled = False

    def seconds_left(self) -> float:
        """Seconds in which a request may still be made; 0 or less: none may."""
        if self._cancelled:
            return 0.0
        return min(self.ends_at, self._lease_until) - self._clock()

    def renew(self, lease_until: float) -> None:
        """Note that the lease now ends at another time."""
        self._lease_until = lease_until

    def cancel(self) -> None:
        """Let no further request be made."""
        self._cancelled = True
