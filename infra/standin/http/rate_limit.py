"""A token bucket for each API key."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up."""

    rate: float
    burst: int
    tokens: float
    filled_at: float

    def take(self, now: float) -> float:
        """0 if a token was there to take; otherwise the seconds until one is."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


class RateLimiter:
    """One bucket for each caller; no rate, no limit."""

    def __init__(self, rate: float | None, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def wait(self, caller: str, now: float) -> float:
        """0 if the caller may go on; otherwise the seconds to wait."""
        if self._rate is None:
            return 0.0
        bucket = self._buckets.setdefault(
            caller, TokenBucket(self._rate, self._burst, float(self._burst), now)
        )
        return bucket.take(now)
