"""The retries of requests to Google, and the error when they do not help."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError, OutOfTimeError
from videovector_bridge.retry import Backoff, call_with_retries

T = TypeVar("T")

# Errors after which the same request may succeed. OSError covers the connection where HTTP is
# spoken: all errors of requests and urllib3 are among them.
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
    OSError,
)
_TIMEOUTS: tuple[type[Exception], ...] = (google_errors.DeadlineExceeded, TimeoutError)
_FAILURES: tuple[type[Exception], ...] = (
    google_errors.GoogleAPICallError,
    auth_errors.GoogleAuthError,
    OSError,
)


class _NoTimeLeftError(Exception):
    """The deadline passed before an attempt began."""


_OUT_OF_RETRIES: tuple[type[Exception], ...] = (_NoTimeLeftError, *_RETRYABLE)


@dataclass(frozen=True, slots=True)
class Retry:
    """How to retry: `base` and `cap` limit the full jitter. Times in seconds.

    One attempt lasts at most `attempt_seconds`. `attempts` is their number; None: any.
    """

    attempt_seconds: float = 10.0
    base: float = 0.1
    cap: float = 3.0
    attempts: int | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def call(
        self,
        operation: str,
        attempt: Callable[[float], T],
        timeout: Timeout,
        explain: Callable[[Exception], str | None],
    ) -> T:
        """Return the result of `attempt(seconds)`; retry it until it succeeds or `timeout` ends.

        `operation` names the call in errors ("Writing X"). `explain` returns advice for an error
        that must not be retried, or raises another error in its place. Raises `BackendError` at
        once for such errors, and at the end of `timeout` for the others; `OutOfTimeError` if no
        attempt failed by itself: the time ended before the first attempt, or during the only one.
        """
        seconds_left = self._countdown(timeout)
        allowed = max(0.0, seconds_left())
        attempts = 0
        last: Exception | None = None
        cut_off = True

        def attempt_once(left: float) -> T:
            nonlocal attempts, last, cut_off
            if left <= 0:
                raise _NoTimeLeftError
            attempts += 1
            seconds = min(self.attempt_seconds, left)
            try:
                return attempt(seconds)
            except _FAILURES as error:
                if not isinstance(error, _RETRYABLE):
                    advice = explain(error) or f"Google answered: {describe(error)}"
                    raise BackendError(f"{operation} failed. {advice}") from error
                last = error
                cut_off = cut_off and seconds == left and isinstance(error, _TIMEOUTS)
                raise

        try:
            return call_with_retries(
                attempt_once,
                seconds_left=seconds_left,
                least_wait=lambda error: 0.0 if isinstance(error, _RETRYABLE) else None,
                backoff=Backoff(self.base, self.cap, self.sleep, self.random),
                attempts=self.attempts,
            )
        except _OUT_OF_RETRIES:
            pass
        reason = "no time was left to try" if last is None else describe(last)
        kind = OutOfTimeError if cut_off else BackendError
        raise kind(
            f"{operation} did not succeed within {allowed:.3g} s ({attempts} attempts); "
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
