"""`api.transport` through the client: retries, budget, and the outcome of a failed call."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.api_client import Clock, client_of
from tests.support.leaks import SIGNED_URL
from tests.support.upstream import Fault, Response, Upstream, json_response
from videovector_bridge.api import (
    ApiError,
    CredentialRefused,
    RateLimited,
    RetryPolicy,
    ServerTrouble,
    Unreachable,
)
from videovector_bridge.api.calls import Call
from videovector_bridge.api.client import VideoVectorClient

GRANT = json_response({"signed_url": SIGNED_URL, "expires_at": "2026-01-02T04:00:00Z"})

READS: dict[str, Callable[[VideoVectorClient], object]] = {
    "get": lambda client: list(client.list_markers()),
    "image": lambda client: client.gif("v"),
    "batch": lambda client: client.batch_videos(["v"]),
    "search": lambda client: client.playground_search("cats"),
    "filter search": lambda client: list(client.playground_filter_search([{}])),
}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(httpx.ConnectError),
        Fault(httpx.ConnectTimeout),
        Fault(httpx.ReadTimeout),
        Fault(httpx.ReadError),
        Fault(httpx.RemoteProtocolError),
        Response(status=429),
        Response(status=500),
        Response(status=502),
        Response(status=503),
        Response(status=504),
        Response(status=408),
        Response([b"[", httpx.ReadError("cut off")]),
        json_response(b"no gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda step: str(step).partition(" object at")[0],
)
def test_a_transient_failure_is_retried(fault: Fault | Response) -> None:
    """No response, a broken response, 429 and transient 5xx are retried after full jitter."""
    upstream = Upstream(fault, json_response([]))
    clock = Clock()

    assert list(client_of(upstream, clock=clock).list_markers()) == []
    assert upstream.done
    assert clock.sleeps == [0.25]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 409, 422, 501, 505])
def test_a_permanent_failure_is_not_retried(status: int) -> None:
    """An error that a retry cannot fix is raised at once."""
    upstream = Upstream(Response(status=status))

    with pytest.raises(ApiError) as caught:
        list(client_of(upstream).list_markers())

    assert caught.value.status == status
    assert upstream.done


def test_a_post_that_is_not_marked_safe_is_sent_once() -> None:
    """A lost response to a write without an idempotency key is not requested again."""
    upstream = Upstream(Fault())

    with pytest.raises(Unreachable):
        client_of(upstream)._transport.send(Call("POST", "/anything", body={}))

    assert upstream.done


def test_retry_after_is_waited_for() -> None:
    """Retry-After, as seconds or as a date, is the wait if it is longer than the jitter."""
    upstream = Upstream(
        Response(status=429, headers={"Retry-After": "3"}),
        Response(status=503, headers={"Retry-After": "Fri, 02 Jan 2026 03:04:10 GMT"}),
        json_response([]),
    )
    clock = Clock()

    list(client_of(upstream, clock=clock).list_markers())

    assert clock.sleeps == [3.0, 5.0]


def test_a_retry_after_beyond_the_budget_is_raised_at_once() -> None:
    """The error has the seconds to wait, and no time is lost."""
    upstream = Upstream(Response(status=429, headers={"Retry-After": "60"}))
    clock = Clock()

    with pytest.raises(RateLimited) as caught:
        list(client_of(upstream, clock=clock).list_markers())

    assert caught.value.retry_after == 60.0
    assert clock.sleeps == []


def test_attempts_are_limited() -> None:
    """The error of the last attempt is raised."""
    upstream = Upstream(Fault(), Fault(), Response(status=503))

    with pytest.raises(ServerTrouble):
        list(client_of(upstream, retry=RetryPolicy(attempts=3)).list_markers())

    assert upstream.done


def test_an_unknown_outcome_may_forbid_a_retry() -> None:
    """Where order matters, nothing follows a request that may still take effect."""
    policy = RetryPolicy(retry_unknown_outcome=False)
    busy = json_response({"detail": "busy"}, status=503)
    upstream = Upstream(Fault(httpx.ConnectError), busy, Fault(httpx.ReadTimeout))

    with pytest.raises(Unreachable) as caught:
        client_of(upstream, retry=policy).upsert_marker({})

    assert caught.value.outcome_unknown
    assert upstream.done


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_is_retried_after_a_lost_response(
    read: Callable[[VideoVectorClient], object],
) -> None:
    """Calls that change nothing are retried even if the policy forbids it for effects."""
    lost = (
        Fault(httpx.ReadTimeout),
        Response(status=502),
        Response([httpx.ReadError("cut off")]),
    )
    image = json_response(b"GIF89a", headers={"Content-Type": "image/gif"})
    upstream = Upstream(*lost, image if read is READS["image"] else json_response([]))

    read(client_of(upstream, retry=RetryPolicy(retry_unknown_outcome=False)))

    assert upstream.done


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("fault", [Fault(httpx.ReadTimeout), Response(status=504)], ids=range(2))
def test_the_outcome_of_a_failed_read_is_never_unknown(
    read: Callable[[VideoVectorClient], object], fault: Fault | Response
) -> None:
    """A read cannot take effect later, so the caller need not wait."""
    with pytest.raises(ApiError) as caught:
        read(client_of(Upstream(fault), retry=RetryPolicy(attempts=1)))

    assert not caught.value.outcome_unknown


def test_reads_end_within_their_budget() -> None:
    """They are retried no longer than any other call."""
    upstream = Upstream(*[Fault(httpx.ReadTimeout)] * 4)
    clock = Clock()
    policy = RetryPolicy(budget_seconds=3.0, base=1.0, retry_unknown_outcome=False)

    with pytest.raises(Unreachable):
        list(client_of(upstream, clock=clock, retry=policy).list_markers())

    assert clock.sleeps == [1.0]
    assert len(upstream.requests) == 2


def test_an_unknown_outcome_stays_unknown_after_a_later_attempt() -> None:
    """A refusal of the second attempt says nothing about the first."""
    upstream = Upstream(Fault(httpx.ReadTimeout), Response(status=401))

    with pytest.raises(CredentialRefused) as caught:
        client_of(upstream).upsert_marker({})

    assert caught.value.outcome_unknown


def test_a_request_that_was_not_sent_has_a_known_outcome() -> None:
    """Without a connection there is no later effect."""
    upstream = Upstream(Fault(), Fault())

    with pytest.raises(Unreachable) as caught:
        client_of(upstream, retry=RetryPolicy(attempts=2)).upsert_marker({})

    assert not caught.value.outcome_unknown


def test_the_budget_limits_waits_and_timeouts() -> None:
    """A request's timeout is at most the budget; a longer Retry-After ends the call."""
    upstream = Upstream(Response(status=503, headers={"Retry-After": "3"}))

    with pytest.raises(ServerTrouble):
        list(client_of(upstream, retry=RetryPolicy(budget_seconds=2.0)).list_markers())

    (request,) = upstream.requests
    assert request.extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), 2.0)


def test_the_timeout_of_an_attempt_is_the_rest_of_the_budget() -> None:
    """Later attempts have less time, so that the call ends within its budget."""
    upstream = Upstream(Response(status=503, headers={"Retry-After": "15"}), json_response([]))

    list(client_of(upstream).list_markers())

    timeouts = [request.extensions["timeout"]["read"] for request in upstream.requests]
    assert timeouts == [10.0, 5.0]


def test_a_body_that_trickles_is_ended() -> None:
    """A body that arrives byte by byte ends with the budget."""
    clock = Clock()

    def trickle() -> Iterator[bytes]:
        while True:
            clock.seconds += 3
            yield b" "

    with pytest.raises(Unreachable, match="did not end in time"):
        list(client_of(Upstream(Response(trickle())), clock=clock).list_markers())

    assert clock.seconds == pytest.approx(1021)


def test_a_retry_has_the_same_idempotency_key() -> None:
    """The vendor can tell a retry from a second call, which has another key."""
    upstream = Upstream(Fault(httpx.ReadTimeout), Response(status=502), GRANT, GRANT)
    client = client_of(upstream)

    client.signed_url("gs://b/o", force_refresh=True)
    client.signed_url("gs://b/o", force_refresh=True)

    keys = [request.headers["Idempotency-Key"] for request in upstream.requests]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]
