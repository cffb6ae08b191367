"""The rate limit."""

from infra.standin.http.rate_limit import RateLimiter


def test_the_bucket_refills_for_each_caller() -> None:
    """The burst is available at once, then one request every half second."""
    limiter = RateLimiter(rate=2.0, burst=2)

    assert [limiter.wait("a", now) for now in (0.0, 0.0, 0.0, 0.5)] == [0, 0, 0.5, 0]
    assert limiter.wait("b", 0.0) == 0
