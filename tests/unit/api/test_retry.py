"""`retry` and `api.retry`: when to retry, and how long to wait before."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_client import NOW, Clock
from videovector_bridge.api.retry import RetryPolicy, parse_retry_after
from videovector_bridge.retry import Backoff, call_with_retries, full_jitter


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Friday, 02-Jan-26 03:04:35 GMT", 30.0),
        ("Fri Jan  2 03:04:35 2026", 30.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("Fri, 02 Jan 2026 05:04:35 +0200", 30.0),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30.0),
    ],
)
def test_retry_after_is_parsed_in_both_forms(value: str, seconds: float) -> None:
    """Seconds and all three forms of HTTP dates are parsed; the past is 0."""
    assert seconds == parse_retry_after(value, NOW)


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "1e9", "inf", "nan", "9" * 400, "١٢", "Fri, 99 Foo 2026"]
)
def test_unreadable_retry_after_is_none(value: str) -> None:
    """Text that is neither seconds nor a date is ignored."""
    assert parse_retry_after(value, NOW) is None


@given(st.text())
def test_any_retry_after_is_none_or_not_negative(value: str) -> None:
    """No header raises an error or gives a negative wait."""
    seconds = parse_retry_after(value, NOW)

    assert seconds is None or 0 <= seconds < float("inf")


@given(st.integers(min_value=0, max_value=2 * 10**9))
def test_any_http_date_ahead_is_its_distance(seconds: int) -> None:
    """An HTTP date is parsed as the seconds until then."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert parse_retry_after(date, NOW) == seconds


@given(
    st.integers(min_value=0, max_value=10**6),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_jitter_stays_below_its_ceiling(attempt: int, drawn: float) -> None:
    """The wait is the drawn part of base doubled with each attempt, never above the cap."""
    wait = full_jitter(attempt, base=0.5, cap=8.0, random=lambda: drawn)

    assert wait == drawn * min(8.0, 0.5 * 2 ** min(attempt, 10))


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"budget_seconds": 0.0}, {"base": -1.0}, {"cap": -1.0}]
)
def test_a_policy_without_an_attempt_is_refused(wrong: dict[str, float]) -> None:
    """A policy without attempts or budget is a programming error."""
    with pytest.raises(ValueError, match="above 0"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


class WaitError(Exception):
    """The error of the attempts below, with its least wait."""

    def __init__(self, least: float | None) -> None:
        super().__init__(f"least wait {least}")
        self.least = least


def play(clock: Clock, policy: RetryPolicy, *outcomes: WaitError | str) -> tuple[str, list[float]]:
    """Run attempts with these outcomes; return the result and the seconds each had left."""
    rest = list(outcomes)
    left: list[float] = []

    def attempt(seconds_left: float) -> str:
        left.append(seconds_left)
        outcome = rest.pop(0)
        if isinstance(outcome, WaitError):
            raise outcome
        return outcome

    deadline = clock() + policy.budget_seconds
    result = call_with_retries(
        attempt,
        seconds_left=lambda: deadline - clock(),
        least_wait=lambda error: error.least if isinstance(error, WaitError) else None,
        backoff=Backoff(policy.base, policy.cap, clock.sleep, lambda: 1.0),
        attempts=policy.attempts,
    )
    assert not rest
    return result, left


def test_a_wait_is_the_longer_of_jitter_and_retry_after() -> None:
    """Each wait is full jitter unless Retry-After is longer."""
    clock = Clock()
    policy = RetryPolicy(attempts=4, budget_seconds=20, base=1, cap=3)

    result, left = play(clock, policy, WaitError(0), WaitError(7), WaitError(0), "ok")

    assert result == "ok"
    assert clock.sleeps == [1, 7, 3]
    assert left == [20, 19, 12, 9]


def test_attempts_are_limited() -> None:
    """The last attempt's error is raised, not a wrapper."""
    clock = Clock()
    last = WaitError(0)

    with pytest.raises(WaitError) as caught:
        play(clock, RetryPolicy(attempts=2, base=1), WaitError(0), last)

    assert caught.value is last
    assert clock.sleeps == [1]


def test_a_wait_beyond_the_budget_is_not_begun() -> None:
    """A wait without an attempt after it would only cost time."""
    clock = Clock()

    with pytest.raises(WaitError):
        play(clock, RetryPolicy(budget_seconds=5), WaitError(5.0))

    assert clock.sleeps == []


def test_an_error_without_a_least_wait_is_not_retried() -> None:
    """None from `least_wait` raises the error at once."""
    clock = Clock()

    with pytest.raises(WaitError):
        play(clock, RetryPolicy(), WaitError(None))

    assert clock.sleeps == []
