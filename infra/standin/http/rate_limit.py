"""Rate limit: a token bucket for each API key."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Gains `rate` tokens a second, up to `burst`."""

    rate: float
    burst: int
    tokens: float
    filled_at: float

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until one is available."""
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


class RateLimiter:
    """One bucket for each caller. `rate` None: no limit."""

    def __init__(self, rate: float | None, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def wait(self, caller: str, now: float) -> float:
        """Return 0 if the request is allowed; otherwise the seconds to wait."""
        if self._rate is None:
            return 0.0
        bucket = self._buckets.setdefault(
            caller, TokenBucket(self._rate, self._burst, float(self._burst), now)
        )
        return bucket.take(now)
