"""A client of the API in virtual time, for a real or a scripted upstream."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx

from tests.support.upstream import BASE_URL
from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.client import VideoVectorClient

KEY: Final = "sk_live_0123456789abcdef"
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """A monotonic clock that only `sleep` advances; `sleeps` records how long each sleep was."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Advance without waiting."""
        self.sleeps.append(seconds)
        self.seconds += seconds


def client_of(
    upstream: httpx.BaseTransport,
    *,
    clock: Clock | None = None,
    key: Callable[[], str] = lambda: KEY,
    retry: RetryPolicy | None = None,
) -> VideoVectorClient:
    """Return a client of an upstream. It never really sleeps, and draws the full jitter."""
    clock = clock or Clock()
    return VideoVectorClient(
        BASE_URL,
        key,
        http=httpx.Client(transport=upstream),
        retry=retry,
        sleep=clock.sleep,
        clock=clock,
        now=lambda: NOW,
        random=lambda: 1.0,
    )
