"""`api.throttle`: a 429 to one thread pauses the requests of all, for a bounded time."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_client import Clock, client_of
from tests.support.upstream import Response, Upstream, json_response
from videovector_bridge.api import RateLimited, RetryPolicy
from videovector_bridge.api.calls import Call
from videovector_bridge.api.throttle import LONGEST_PAUSE, Throttle

CALL = Call("GET", "/markers")


def throttle_of(clock: Clock, random: Callable[[], float] = lambda: 0.5) -> Throttle:
    """A throttle that never really sleeps."""
    return Throttle(clock=clock, sleep=clock.sleep, random=random)


def test_without_a_429_nothing_waits() -> None:
    """A client that gets no 429 never sleeps."""
    clock = Clock()

    throttle_of(clock).wait(CALL, clock() + 20)

    assert clock.sleeps == []


def test_requests_after_a_pause_are_spread() -> None:
    """A request during the pause is sent after it, within a second, at its random share."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(3.0)

    throttle.wait(CALL, clock() + 20)

    assert clock.sleeps == [3.5]


def test_without_retry_after_the_pause_is_short() -> None:
    """A 429 need not have Retry-After."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: 0.0)
    throttle.pause(None)

    throttle.wait(CALL, clock() + 20)

    assert clock.sleeps == [0.25]


def test_after_a_pause_one_request_is_first() -> None:
    """The first request after a pause is sent at once, the next ones follow, later ones at once."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(3.0)

    clock.seconds += 3
    throttle.wait(CALL, clock() + 20)
    assert clock.sleeps == []
    throttle.wait(CALL, clock() + 20)
    assert clock.sleeps == [0.5]
    clock.seconds += 0.5
    throttle.wait(CALL, clock() + 20)
    assert clock.sleeps == [0.5]


def test_a_pause_beyond_the_budget_is_raised_at_once() -> None:
    """Pub/Sub can redeliver the message later; the error says that nothing was sent."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(30.0)

    with pytest.raises(RateLimited, match=r"GET /markers was not sent.* 30\.0 s more") as caught:
        throttle.wait(CALL, clock() + 20)

    assert clock.sleeps == []
    assert caught.value.retry_after == 30.0
    assert caught.value.status is None
    assert not caught.value.outcome_unknown


def test_a_huge_retry_after_pauses_for_a_minute() -> None:
    """Then one request tests the limit; a second 429 pauses the others for another minute."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(1e9)

    with pytest.raises(RateLimited):
        throttle.wait(CALL, clock() + LONGEST_PAUSE)
    clock.seconds += LONGEST_PAUSE
    throttle.wait(CALL, clock() + 20)
    throttle.pause(1e9)

    with pytest.raises(RateLimited):
        throttle.wait(CALL, clock() + 20)
    assert clock.sleeps == []


def test_a_shorter_retry_after_does_not_shorten_a_pause() -> None:
    """The responses to several threads arrive in any order."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: 0.0)
    throttle.pause(10.0)
    throttle.pause(1.0)

    throttle.wait(CALL, clock() + 20)

    assert clock.sleeps == [10.0]


def test_a_pause_that_grows_is_checked_after_the_wait() -> None:
    """A waiting request checks again before it is sent, and raises if the pause is too long."""
    clock = Clock()
    longer = iter([5.0, 60.0])

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        throttle.pause(next(longer))

    throttle = Throttle(clock=clock, sleep=sleep, random=lambda: 0.0)
    throttle.pause(3.0)

    with pytest.raises(RateLimited):
        throttle.wait(CALL, clock() + 20)

    assert clock.sleeps == [3.0, 5.0]


@given(
    st.floats(min_value=0, max_value=100),
    st.floats(min_value=0.1, max_value=100),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_a_waiting_request_is_sent_after_the_pause_and_in_time(
    pause: float, budget: float, share: float
) -> None:
    """Not during the pause, at most a second after it, within the budget; or it raises."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: share)
    throttle.pause(pause)
    end, deadline = clock() + min(pause, LONGEST_PAUSE), clock() + budget

    try:
        throttle.wait(CALL, deadline)
    except RateLimited:
        assert end >= deadline
        assert clock.sleeps == []
    else:
        assert end <= clock() <= end + 1.0 + 1e-9
        assert clock() <= deadline + 1e-9


def test_a_pause_outlasts_the_call_that_got_the_429() -> None:
    """Later calls fail without a request until its end is within their budget; then they wait."""
    upstream = Upstream(Response(status=429, headers={"Retry-After": "30"}), json_response([]))
    clock = Clock()
    client = client_of(upstream, clock=clock)

    for _ in range(2):
        with pytest.raises(RateLimited):
            list(client.list_markers())
    assert len(upstream.requests) == 1
    assert clock.sleeps == []
    clock.seconds += 20
    assert list(client.list_markers()) == []
    assert clock.sleeps == [11.0]


def test_a_call_that_waited_has_the_rest_of_its_budget() -> None:
    """The timeout of the request is the budget without the wait."""
    upstream = Upstream(Response(status=429, headers={"Retry-After": "25"}), json_response([]))
    clock = Clock()
    client = client_of(upstream, clock=clock)

    with pytest.raises(RateLimited):
        list(client.list_markers())
    clock.seconds += 13
    list(client.list_markers())

    assert [sent.extensions["timeout"]["read"] for sent in upstream.requests] == [10.0, 7.0]


def test_a_call_that_must_not_be_repeated_waits_too() -> None:
    """It waits before it is first sent, so nothing happens twice."""
    upstream = Upstream(Response(status=429, headers={"Retry-After": "2"}), json_response({}))
    clock = Clock()
    transport = client_of(upstream, clock=clock)._transport
    write = Call("POST", "/anything", body={})

    with pytest.raises(RateLimited):
        transport.send(write)
    transport.send(write)

    assert clock.sleeps == [3.0]


def test_only_a_429_pauses() -> None:
    """Another error with Retry-After concerns one request only."""
    upstream = Upstream(Response(status=503, headers={"Retry-After": "30"}), json_response([]))
    clock = Clock()
    client = client_of(upstream, clock=clock, retry=RetryPolicy(attempts=1))

    with pytest.raises(Exception, match="503"):
        list(client.list_markers())
    list(client.list_markers())

    assert clock.sleeps == []
