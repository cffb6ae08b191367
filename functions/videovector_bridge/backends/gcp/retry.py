"""Trying again within an absolute time limit, and saying plainly why it did not help."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError, OutOfTimeError

T = TypeVar("T")

# Answers of gRPC and HTTP after which the same request may succeed.
_RETRYABLE: tuple[type[Exception], ...] = (
    google_errors.Aborted,
    google_errors.BadGateway,
    google_errors.Cancelled,
    google_errors.DeadlineExceeded,
    google_errors.GatewayTimeout,
    google_errors.InternalServerError,
    google_errors.ResourceExhausted,
    google_errors.ServiceUnavailable,
    google_errors.TooManyRequests,
    google_errors.Unknown,
    auth_errors.TransportError,
)
# Errors of the connection, where HTTP is spoken: all of requests' and urllib3's among them.
_CONNECTION: tuple[type[Exception], ...] = (OSError,)
_TIMEOUTS: tuple[type[Exception], ...] = (google_errors.DeadlineExceeded, TimeoutError)
_FAILURES: tuple[type[Exception], ...] = (
    google_errors.GoogleAPICallError,
    auth_errors.GoogleAuthError,
    *_CONNECTION,
)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try: full-jitter pauses that double, attempts cut short. Times in seconds."""

    attempt_seconds: float = 10.0
    first_pause: float = 0.1
    longest_pause: float = 3.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform

    def call(
        self,
        what: str,
        attempt: Callable[[float], T],
        timeout: Timeout,
        explain: Callable[[Exception], str | None],
    ) -> T:
        """Return what `attempt(seconds)` returns, calling it until it succeeds or time is up.

        `what` names the operation for errors. `explain` may turn an error that is not worth a
        retry into a sentence for the operator, or raise another error in its place. Raises
        `BackendError` at once for such errors, and when the time is over for the others;
        `OutOfTimeError` if no attempt failed by itself: the time was over before the first, or
        ended the only one.
        """
        left = self._countdown(timeout)
        allowed = remaining = left()
        pause = self.first_pause
        attempts = 0
        last: Exception | None = None
        cut_off = True
        while remaining > 0:
            attempts += 1
            seconds = min(self.attempt_seconds, remaining)
            try:
                return attempt(seconds)
            except _FAILURES as error:
                if not isinstance(error, _RETRYABLE + _CONNECTION):
                    advice = explain(error) or f"Google answered: {describe(error)}"
                    raise BackendError(f"{what} failed. {advice}") from error
                last = error
                cut_off &= seconds == remaining and isinstance(error, _TIMEOUTS)
            wait = self.jitter(0.0, pause)
            pause = min(pause * 2, self.longest_pause)
            if wait >= left():
                break
            self.sleep(wait)
            remaining = left()
        reason = "no time was left to try" if last is None else describe(last)
        kind = OutOfTimeError if cut_off else BackendError
        raise kind(
            f"{what} did not succeed within {max(0.0, allowed):.3g} s ({attempts} attempts); "
            f"the last: {reason}"
        ) from last

    def _countdown(self, timeout: Timeout) -> Callable[[], float]:
        if callable(timeout):
            return timeout
        deadline = self.clock() + timeout
        return lambda: deadline - self.clock()


def describe(error: Exception) -> str:
    """Return the status and the message of an error in one line."""
    if isinstance(error, google_errors.GoogleAPICallError):
        status = error.grpc_status_code.name if error.grpc_status_code else str(error.code)
        return f"{status}: {error.message}"
    return f"{type(error).__name__}: {error}"
