"""When and how long to wait before asking again. Knows nothing of HTTP; reads no clock itself."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

T = TypeVar("T")

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")
# 2**62 is far above any cap, and larger powers would overflow a float.
_MAX_DOUBLINGS = 62


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks to wait, or None if it cannot be read.

    `value` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); a date without a zone is
    taken as UTC. `now` must be aware. Never negative, never infinite, never raises.
    """
    value = value.strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def full_jitter(attempt: int, *, base: float, cap: float, random: Callable[[], float]) -> float:
    """Return the seconds to wait before trying again, `attempt` counting the waits from 0.

    Evenly spread over 0 to `base` seconds doubled with each attempt, at most `cap`: "full
    jitter" keeps many clients from coming back at the same moment. `random` returns [0, 1).
    """
    doublings = min(max(attempt, 0), _MAX_DOUBLINGS)
    return random() * min(cap, base * 2.0**doublings)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long one call is tried. Seconds throughout.

    `budget_seconds` spans the whole call: no attempt starts after it, a wait that would reach
    past it is not begun, and each attempt's own timeout is cut to what is left of it.
    `retry_in_doubt` allows another attempt while the one before may still take effect; a caller
    to whom the order of effects matters forbids it and looks at `ApiError.in_doubt`. Reads have
    no effect, so they are tried again in any case.
    """

    attempts: int = 4
    budget_seconds: float = 20.0
    base: float = 0.25
    cap: float = 5.0
    retry_in_doubt: bool = True

    def __post_init__(self) -> None:
        """Refuse a policy that could not make even one attempt."""
        if self.attempts < 1 or self.budget_seconds <= 0 or self.base < 0 or self.cap < 0:
            raise ValueError(f"a policy needs an attempt and a budget above 0: {self!r}")


def call_with_retries(
    attempt: Callable[[float], T],
    *,
    policy: RetryPolicy,
    least_wait: Callable[[BaseException], float | None],
    sleep: Callable[[float], None],
    clock: Callable[[], float],
    random: Callable[[], float],
) -> T:
    """Return what `attempt(seconds_left)` returns, trying again as `policy` allows.

    `least_wait` judges an error: None means that asking again is of no use or not safe, a
    number means that it is, but no sooner than that many seconds. The wait is the longer of
    that and full jitter. When nothing is left to try, the last error is raised as it was.
    `clock` counts monotonic seconds.
    """
    deadline = clock() + policy.budget_seconds

    def judge(state: tenacity.RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        return None if error is None else least_wait(error)

    def wait(state: tenacity.RetryCallState) -> float:
        jitter = full_jitter(
            state.attempt_number - 1, base=policy.base, cap=policy.cap, random=random
        )
        return max(jitter, judge(state) or 0.0)

    def spent(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= policy.attempts or clock() + state.upcoming_sleep >= deadline

    retrying = tenacity.Retrying(
        retry=lambda state: judge(state) is not None,
        wait=wait,
        stop=spent,
        sleep=sleep,
        reraise=True,
    )
    return retrying(lambda: attempt(max(0.0, deadline - clock())))
