"""The deadline of a window, which bounds every request of its stages."""

from collections.abc import Callable


class Deadline:
    """The end of the window or of its lease, whichever is earlier. It can be cancelled.

    Threads call `seconds_left` when a request starts, not when it is queued. Times are those of
    `clock`, in seconds.
    """

    def __init__(self, ends_at: float, lease_until: float, *, clock: Callable[[], float]) -> None:
        self.ends_at = ends_at
        self._lease_until = lease_until
        self._clock = clock
        self._cancelled = False

    def seconds_left(self) -> float:
        """Return the seconds left for a request; with 0 or less, no request may start."""
        if self._cancelled:
            return 0.0
        return min(self.ends_at, self._lease_until) - self._clock()

    def renew(self, lease_until: float) -> None:
        """Set the new end of the lease."""
        self._lease_until = lease_until

    def cancel(self) -> None:
        """Allow no further request."""
        self._cancelled = True
