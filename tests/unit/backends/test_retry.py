"""`backends.gcp.retry`: which errors are retried, how long, and the final error."""

import itertools
from collections.abc import Callable

import pytest
from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.errors import BackendError, ConflictError

UNAVAILABLE: Callable[[str], Exception] = google_errors.ServiceUnavailable
RETRYABLE: list[Callable[[str], Exception]] = [
    google_errors.Aborted,
    google_errors.Cancelled,
    google_errors.DeadlineExceeded,
    google_errors.InternalServerError,
    google_errors.ResourceExhausted,
    google_errors.ServiceUnavailable,
    google_errors.Unknown,
    auth_errors.TransportError,
    ConnectionResetError,
]
FINAL: list[Callable[[str], Exception]] = [
    google_errors.InvalidArgument,
    google_errors.NotFound,
    google_errors.PermissionDenied,
    google_errors.Unauthenticated,
    google_errors.FailedPrecondition,
    auth_errors.RefreshError,
]


class Attempts:
    """A clock that only sleeps and attempts move, and attempts with scripted failures."""

    def __init__(self, *failures: Exception, attempt_takes: float = 0.0) -> None:
        self.now = 0.0
        self.failures = iter(failures)
        self.attempt_takes = attempt_takes
        self.allowed: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds

    def attempt(self, seconds: float) -> str:
        """Fail with the next failure, if there is one."""
        self.allowed.append(seconds)
        self.now += min(seconds, self.attempt_takes)
        for failure in self.failures:
            raise failure
        return "done"

    def call(self, timeout: float, random: Callable[[], float] = lambda: 1.0) -> str:
        """Run the attempts under the policy."""
        retry = Retry(clock=lambda: self.now, sleep=self.sleep, random=random)
        return retry.call("Trying", self.attempt, timeout, lambda _: None)


@pytest.mark.parametrize("error", RETRYABLE)
def test_a_transient_error_is_retried(error: Callable[[str], Exception]) -> None:
    """Three transient failures, then success."""
    assert Attempts(*(error("busy") for _ in range(3))).call(timeout=30) == "done"


@pytest.mark.parametrize("error", FINAL)
def test_a_permanent_error_fails_at_once(error: Callable[[str], Exception]) -> None:
    """No second attempt, and Google's message is in the error."""
    attempts = Attempts(error("the reason"))
    with pytest.raises(BackendError, match="the reason"):
        attempts.call(timeout=30)

    assert len(attempts.allowed) == 1
    assert attempts.now == 0


def test_other_errors_pass_through() -> None:
    """A failed compare-and-set is not a failure of the backend."""
    with pytest.raises(ConflictError):
        Attempts(ConflictError("lost")).call(timeout=30)


@given(st.floats(0, 100), st.floats(0, 30), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_it_ends_within_the_timeout(
    timeout: float, attempt_takes: float, jitters: list[float]
) -> None:
    """For any duration of attempts and waits; each attempt has at most 10 s."""
    endless = itertools.repeat(UNAVAILABLE("down"))
    attempts = Attempts(attempt_takes=max(attempt_takes, 0.01))
    attempts.failures = endless
    draws = itertools.cycle(jitters)
    with pytest.raises(BackendError, match="did not succeed within"):
        attempts.call(timeout, random=lambda: next(draws))

    assert attempts.now <= timeout + 1e-6
    assert all(0 < seconds <= min(10.0, timeout) for seconds in attempts.allowed)


def test_the_error_has_the_operation_the_time_and_the_cause() -> None:
    """One sentence for the operator, with the last error in it."""
    attempts = Attempts()
    attempts.failures = itertools.repeat(UNAVAILABLE("no route"))
    with pytest.raises(BackendError) as caught:
        attempts.call(timeout=5)

    assert str(caught.value).startswith("Trying did not succeed within 5 s (")
    assert "UNAVAILABLE: no route" in str(caught.value)
    assert isinstance(caught.value.__cause__, google_errors.ServiceUnavailable)
