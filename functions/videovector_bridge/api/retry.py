"""The retry policy of requests to VideoVector, and its Retry-After."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")


def parse_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds of a `Retry-After`, or None if it cannot be parsed.

    `value` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); a date without a zone is
    UTC. `now` must be aware. Never negative, never infinite, never raises.
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


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The attempts and the budget of one call. Times in seconds.

    `budget_seconds` spans the whole call: no attempt starts after it, no wait reaches past it, and
    each attempt's timeout is cut to the rest of it. `base` and `cap` limit the full jitter.
    `retry_unknown_outcome` allows another attempt while an earlier one may still take effect. A
    caller that depends on the order of effects forbids it and checks `ApiError.outcome_unknown`.
    Reads have no effect and are retried in any case.
    """

    attempts: int = 4
    budget_seconds: float = 20.0
    base: float = 0.25
    cap: float = 5.0
    retry_unknown_outcome: bool = True

    def __post_init__(self) -> None:
        """Raise `ValueError` for a policy that allows no attempt."""
        if self.attempts < 1 or self.budget_seconds <= 0 or self.base < 0 or self.cap < 0:
            raise ValueError(f"a policy needs an attempt and a budget above 0: {self!r}")
