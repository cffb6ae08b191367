"""A 429 to one thread pauses the requests of all threads."""

import random as _random
import threading
import time
from collections.abc import Callable
from typing import Final

from videovector_bridge.api.calls import Call
from videovector_bridge.api.errors import RateLimited

# The longest pause: after it, one request tests whether the limit still applies.
LONGEST_PAUSE: Final = 60.0
_DEFAULT_PAUSE: Final = 0.25  # for a 429 without Retry-After
_SPREAD: Final = 1.0


class Throttle:
    """Delays requests after a 429. Thread-safe; times in seconds.

    When a pause ends, the first request is sent at once, and the waiting ones within the next
    second, evenly spread. `clock` counts monotonic seconds, `random` returns [0, 1).
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._lock = threading.Lock()
        self._paused_until = float("-inf")
        self._probed = True

    def pause(self, retry_after: float | None) -> None:
        """Pause all requests for `retry_after` (None: briefly), at most `LONGEST_PAUSE`."""
        seconds = _DEFAULT_PAUSE if retry_after is None else min(retry_after, LONGEST_PAUSE)
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)
            self._probed = False

    def wait(self, call: Call, deadline: float) -> None:
        """Wait until `call` may be sent.

        Raises `RateLimited` at once if that is not before `deadline`, by the clock.
        """
        share = self._random()
        while (seconds := self._seconds_to_wait(call, deadline, share)) > 0:
            self._sleep(seconds)

    def _seconds_to_wait(self, call: Call, deadline: float, share: float) -> float:
        """Return the seconds to sleep before the next check, since another 429 may arrive."""
        with self._lock:
            now = self._clock()
            if now >= self._paused_until and not self._probed:
                self._probed = True
                return 0.0
            end = self._paused_until
        if now < end and end >= deadline:
            raise RateLimited(
                f"{RateLimited.headline}: another request got a 429, so {call.method} "
                f"{call.path} was not sent; requests are paused for {end - now:.1f} s more. "
                f"{RateLimited.advice}",
                method=call.method,
                path=call.path,
                retry_after=end - now,
            )
        # At most half of the rest: the request needs time as well.
        return end + share * min(_SPREAD, max(0.0, deadline - end) / 2) - now
