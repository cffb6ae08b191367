"""Delivery attempts: backoff and Retry-After."""

import pytest

from infra.standin.webhooks.attempts import Attempt, compute_backoff, parse_retry_after

FAILED = Attempt(at=0.0, generation=1, sent_at=0.0, status_code=503)
DELIVERED = Attempt(at=0.0, generation=1, sent_at=0.0, status_code=204)
ASKS_FOR_60 = Attempt(at=0.0, generation=1, sent_at=0.0, status_code=503, retry_after=60.0)


@pytest.mark.parametrize(
    ("attempts", "last", "expected"),
    [
        (1, FAILED, 0.5),
        (3, FAILED, 2.0),
        (6, FAILED, 10.0),
        (1, ASKS_FOR_60, 60.0),
        (8, FAILED, None),
        (1, DELIVERED, None),
    ],
)
def test_backoff_doubles_up_to_its_cap(
    attempts: int, last: Attempt, expected: float | None
) -> None:
    """Retry-After extends it; there is none after the last attempt or after a success."""
    assert compute_backoff(attempts, last, base=0.5, cap=10.0, limit=8) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_has_two_forms(value: str, expected: float | None) -> None:
    """Seconds and a date are understood; anything else counts as missing."""
    assert parse_retry_after({"retry-after": value}, now=10.0) == expected
