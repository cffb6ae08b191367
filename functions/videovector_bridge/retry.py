"""The retry loop of all requests, to VideoVector and to Google: full jitter within a time limit.

It knows nothing of HTTP and gRPC, and reads no clock itself. `api` and `backends` import it; what
they retry is in their own `retry` modules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

T = TypeVar("T")

# 2**62 is far above any cap, and larger powers would overflow a float.
_MAX_DOUBLINGS = 62


def full_jitter(attempt: int, *, base: float, cap: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait before the next attempt; `attempt` counts the waits from 0.

    Uniform over 0 to `base` seconds doubled with each attempt, at most `cap`. Full jitter keeps
    many clients from retrying at the same moment. `random` returns [0, 1).
    """
    doublings = min(max(attempt, 0), _MAX_DOUBLINGS)
    return random() * min(cap, base * 2.0**doublings)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter over `base` seconds that double up to `cap`, and how to draw and to sleep."""

    base: float
    cap: float
    sleep: Callable[[float], None]
    random: Callable[[], float]


def call_with_retries(
    attempt: Callable[[float], T],
    *,
    seconds_left: Callable[[], float],
    least_wait: Callable[[BaseException], float | None],
    backoff: Backoff,
    attempts: int | None = None,
) -> T:
    """Return the result of `attempt(seconds)`; retry it until it succeeds.

    `seconds_left` returns the seconds until the deadline, negative after it. `attempt` gets them,
    but at least 0. `least_wait` returns the least seconds to wait after an error, or None for an
    error that must not be retried. The wait is that or full jitter, whichever is longer. The last
    error is raised unchanged after so many `attempts` (None: any number), or when the wait would
    reach the deadline.
    """

    def error_wait(state: tenacity.RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        return None if error is None else least_wait(error)

    def wait(state: tenacity.RetryCallState) -> float:
        jitter = full_jitter(
            state.attempt_number - 1, base=backoff.base, cap=backoff.cap, random=backoff.random
        )
        return max(jitter, error_wait(state) or 0.0)

    def is_last(state: tenacity.RetryCallState) -> bool:
        if attempts is not None and state.attempt_number >= attempts:
            return True
        return state.upcoming_sleep >= seconds_left()

    retrying = tenacity.Retrying(
        retry=lambda state: error_wait(state) is not None,
        wait=wait,
        stop=is_last,
        sleep=backoff.sleep,
        reraise=True,
    )
    return retrying(lambda: attempt(max(0.0, seconds_left())))
