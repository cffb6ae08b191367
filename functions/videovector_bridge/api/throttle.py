"""A rate limit that one thread meets holds the requests of every thread."""

import random as _random
import threading
import time
from collections.abc import Callable
from typing import Final

from videovector_bridge.api.calls import Call
from videovector_bridge.api.errors import RateLimited

# However long a server asks to stay away, one request asks again after so many seconds.
LONGEST_HOLD: Final = 60.0
_BACKOFF: Final = 0.25  # where it does not say how long
_SPREAD: Final = 1.0


class Throttle:
    """Lets requests go, or holds them after a 429. For many threads; seconds throughout.

    When a hold ends, the first request to come goes at once, and those that wait follow within a
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
        self._opens = float("-inf")
        self._probed = True

    def hold(self, retry_after: float | None) -> None:
        """Hold all requests for that long (None: briefly), at most `LONGEST_HOLD`."""
        seconds = _BACKOFF if retry_after is None else min(retry_after, LONGEST_HOLD)
        with self._lock:
            self._opens = max(self._opens, self._clock() + seconds)
            self._probed = False

    def wait(self, call: Call, deadline: float) -> None:
        """Return when `call` may be sent.

        Raises `RateLimited` at once if that would not be before `deadline`, by the clock.
        """
        share = self._random()
        while (seconds := self._seconds(call, deadline, share)) > 0:
            self._sleep(seconds)

    def _seconds(self, call: Call, deadline: float, share: float) -> float:
        """Return how long to sleep before looking again; another 429 may have come meanwhile."""
        with self._lock:
            now = self._clock()
            if now >= self._opens and not self._probed:
                self._probed = True
                return 0.0
            opens = self._opens
        if now < opens and opens >= deadline:
            raise RateLimited(
                f"{RateLimited.headline}: it answered another request with 429, so {call.method} "
                f"{call.path} was not sent; requests are held for {opens - now:.1f} s more. "
                f"{RateLimited.advice}",
                method=call.method,
                path=call.path,
                retry_after=opens - now,
            )
        # Half of what is left at the most: the request needs time as well.
        return opens + share * min(_SPREAD, max(0.0, deadline - opens) / 2) - now
