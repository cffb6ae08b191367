"""Trying again: what for, how long, and what is said when it did not help."""

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


class World:
    """A clock that only sleeping and attempts move, and attempts that fail as told."""

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
def test_what_may_pass_is_tried_again(error: Callable[[str], Exception]) -> None:
    """Three failures that may pass, then success."""
    assert World(*(error("busy") for _ in range(3))).call(timeout=30) == "done"


@pytest.mark.parametrize("error", FINAL)
def test_what_cannot_pass_fails_at_once(error: Callable[[str], Exception]) -> None:
    """No second attempt, and Google's own words are in the error."""
    world = World(error("the reason"))
    with pytest.raises(BackendError, match="the reason"):
        world.call(timeout=30)

    assert len(world.allowed) == 1
    assert world.now == 0


def test_other_errors_pass_through() -> None:
    """A lost compare-and-set is no failure of the backend."""
    with pytest.raises(ConflictError):
        World(ConflictError("lost")).call(timeout=30)


@given(st.floats(0, 100), st.floats(0, 30), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_it_ends_within_the_timeout(
    timeout: float, attempt_takes: float, jitters: list[float]
) -> None:
    """Whatever attempts and pauses take; and each attempt gets 10 s at most."""
    endless = itertools.repeat(UNAVAILABLE("down"))
    world = World(attempt_takes=max(attempt_takes, 0.01))
    world.failures = endless
    draws = itertools.cycle(jitters)
    with pytest.raises(BackendError, match="did not succeed within"):
        world.call(timeout, random=lambda: next(draws))

    assert world.now <= timeout + 1e-6
    assert all(0 < seconds <= min(10.0, timeout) for seconds in world.allowed)


def test_error_says_what_how_long_and_why() -> None:
    """One sentence for the operator, with the last answer in it."""
    world = World()
    world.failures = itertools.repeat(UNAVAILABLE("no route"))
    with pytest.raises(BackendError) as caught:
        world.call(timeout=5)

    assert str(caught.value).startswith("Trying did not succeed within 5 s (")
    assert "UNAVAILABLE: no route" in str(caught.value)
    assert isinstance(caught.value.__cause__, google_errors.ServiceUnavailable)
