"""`api.throttle`: a 429 to one thread holds the requests of all, and of none for ever."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.test_upstream import KEY, Clock, Reply, Upstream, client_of
from videovector_bridge.api import RateLimited, RetryPolicy, VideoVectorClient
from videovector_bridge.api.calls import Call
from videovector_bridge.api.throttle import LONGEST_PAUSE, Throttle

CALL = Call("GET", "/markers")


def throttle_of(clock: Clock, random: Callable[[], float] = lambda: 0.5) -> Throttle:
    """A throttle that never really sleeps."""
    return Throttle(clock=clock, sleep=clock.sleep, random=random)


def test_nothing_waits_before_a_rate_limit() -> None:
    """A client that never meets one never sleeps."""
    clock = Clock()

    throttle_of(clock).wait(CALL, clock() + 20)

    assert clock.naps == []


def test_a_hold_is_waited_for_and_its_end_spread() -> None:
    """Who comes during the hold goes after it, within a second, by its share."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(3.0)

    throttle.wait(CALL, clock() + 20)

    assert clock.naps == [3.5]


def test_without_a_wish_the_hold_is_short() -> None:
    """A 429 need not say how long to stay away."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: 0.0)
    throttle.pause(None)

    throttle.wait(CALL, clock() + 20)

    assert clock.naps == [0.25]


def test_when_a_hold_is_over_one_goes_first() -> None:
    """The first request to come then asks at once, the others follow; later ones are free."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(3.0)

    clock.seconds += 3
    throttle.wait(CALL, clock() + 20)
    assert clock.naps == []
    throttle.wait(CALL, clock() + 20)
    assert clock.naps == [0.5]
    clock.seconds += 0.5
    throttle.wait(CALL, clock() + 20)
    assert clock.naps == [0.5]


def test_a_hold_beyond_the_budget_is_raised_at_once() -> None:
    """The message is better given back than held; the error says that nothing was sent."""
    clock = Clock()
    throttle = throttle_of(clock)
    throttle.pause(30.0)

    with pytest.raises(RateLimited, match=r"GET /markers was not sent.* 30\.0 s more") as caught:
        throttle.wait(CALL, clock() + 20)

    assert clock.naps == []
    assert caught.value.retry_after == 30.0
    assert caught.value.status is None
    assert not caught.value.outcome_unknown


def test_an_absurd_wish_holds_for_a_minute() -> None:
    """After it one request asks again; refused again, it holds the others for another one."""
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
    assert clock.naps == []


def test_a_shorter_wish_does_not_shorten_a_hold() -> None:
    """The answers of several threads come in any order."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: 0.0)
    throttle.pause(10.0)
    throttle.pause(1.0)

    throttle.wait(CALL, clock() + 20)

    assert clock.naps == [10.0]


def test_a_hold_that_grows_is_waited_for_again() -> None:
    """Who sleeps looks again before it goes, and raises if it has become too long."""
    clock = Clock()
    longer = iter([5.0, 60.0])

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        throttle.pause(next(longer))

    throttle = Throttle(clock=clock, sleep=sleep, random=lambda: 0.0)
    throttle.pause(3.0)

    with pytest.raises(RateLimited):
        throttle.wait(CALL, clock() + 20)

    assert clock.naps == [3.0, 5.0]


@given(
    st.floats(min_value=0, max_value=100),
    st.floats(min_value=0.1, max_value=100),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_whoever_waits_goes_after_the_hold_and_in_time(
    hold: float, budget: float, share: float
) -> None:
    """Never during it, never more than a second after it, never past the budget; or it raises."""
    clock = Clock()
    throttle = throttle_of(clock, lambda: share)
    throttle.pause(hold)
    opens, deadline = clock() + min(hold, LONGEST_PAUSE), clock() + budget

    try:
        throttle.wait(CALL, deadline)
    except RateLimited:
        assert opens >= deadline
        assert clock.naps == []
    else:
        assert opens <= clock() <= opens + 1.0 + 1e-9
        assert clock() <= deadline + 1e-9


def test_a_hold_outlasts_the_call_that_met_it() -> None:
    """Later calls fail without a request until it is nearly over, then wait for its end."""
    upstream = Upstream(Reply(status=429, headers={"Retry-After": "30"}), Reply([]))
    clock = Clock()
    client = client_of(upstream, clock=clock)

    for _ in range(2):
        with pytest.raises(RateLimited):
            list(client.list_markers())
    assert len(upstream.requests) == 1
    assert clock.naps == []
    clock.seconds += 20
    assert list(client.list_markers()) == []
    assert clock.naps == [11.0]


def test_what_was_held_has_the_rest_of_its_budget() -> None:
    """The timeout of the request is what the wait has left."""
    upstream = Upstream(Reply(status=429, headers={"Retry-After": "25"}), Reply([]))
    clock = Clock()
    client = client_of(upstream, clock=clock)

    with pytest.raises(RateLimited):
        list(client.list_markers())
    clock.seconds += 13
    list(client.list_markers())

    assert [sent.extensions["timeout"]["read"] for sent in upstream.requests] == [10.0, 7.0]


def test_a_call_that_may_not_be_repeated_is_held_too() -> None:
    """It waits before it is sent for the first time, so nothing is done twice."""
    upstream = Upstream(Reply(status=429, headers={"Retry-After": "2"}), Reply({}))
    clock = Clock()
    transport = client_of(upstream, clock=clock)._transport
    write = Call("POST", "/anything", body={})

    with pytest.raises(RateLimited):
        transport.send(write)
    transport.send(write)

    assert clock.naps == [3.0]


def test_only_a_rate_limit_holds() -> None:
    """Other trouble, though it asks to wait, is the trouble of one request."""
    upstream = Upstream(Reply(status=503, headers={"Retry-After": "30"}), Reply([]))
    clock = Clock()
    client = client_of(upstream, clock=clock, retry=RetryPolicy(attempts=1))

    with pytest.raises(Exception, match="503"):
        list(client.list_markers())
    list(client.list_markers())

    assert clock.naps == []


class SharedClock:
    """A clock for threads that sleep on it: it moves when all of them do, to the next alarm."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self._alarms: list[float] = []
        self._awake = 0
        self._changed = threading.Condition()

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Wait until the clock stands there."""
        with self._changed:
            alarm = self.seconds + seconds
            self._alarms.append(alarm)
            self._awake -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.seconds >= alarm)

    def start(self, *work: Callable[[], object]) -> list[threading.Thread]:
        """Start threads; return when each of them sleeps or is done."""

        def run(each: Callable[[], object]) -> None:
            try:
                each()
            finally:
                with self._changed:
                    self._awake -= 1
                    self._changed.notify_all()

        threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in work]
        with self._changed:
            self._awake += len(threads)
        for thread in threads:
            thread.start()
        self._settle()
        return threads

    def next(self) -> bool:
        """Move on to the next alarm, return when all sleep again; False if nobody sleeps."""
        with self._changed:
            if not self._alarms:
                return False
            self.seconds = max(self.seconds, min(self._alarms))
            due = [alarm for alarm in self._alarms if alarm <= self.seconds]
            self._alarms = [alarm for alarm in self._alarms if alarm > self.seconds]
            self._awake += len(due)
            self._changed.notify_all()
        self._settle()
        return True

    def _settle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._awake == 0, timeout=30)


@contextmanager
def limiting_server(clock: SharedClock, asked: list[float]) -> Iterator[str]:
    """Yield the base URL of a server that answers 429 to its first request, and notes the times."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer one request."""
            with lock:
                asked.append(clock())
                first = len(asked) == 1
            self.send_response(429 if first else 200)
            if first:
                self.send_header("Retry-After", "30")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api/v2"
        server.shutdown()
        thread.join()


def test_over_real_sockets_no_thread_asks_during_a_hold() -> None:
    """One is told to wait 30 s; twelve others send nothing until then, and not all at once then."""
    clock = SharedClock()
    asked: list[float] = []
    answers: list[list[object]] = []
    with (
        limiting_server(clock, asked) as base_url,
        VideoVectorClient(
            base_url,
            lambda: KEY,
            retry=RetryPolicy(budget_seconds=60.0),
            sleep=clock.sleep,
            clock=clock,
            random=Random(7).random,
        ) as client,
    ):

        def ask() -> None:
            answers.append(list(client.list_markers()))

        threads = clock.start(ask)
        assert asked == [1000.0]
        threads += clock.start(*[ask] * 12)
        assert asked == [1000.0]
        while clock.next():
            pass
        for thread in threads:
            thread.join(30)

    later = sorted(asked[1:])
    assert answers == [[]] * 13
    assert len(later) == 13
    assert later[0] == 1030.0
    assert later[-1] <= 1031.0
    assert len(set(later)) == 13
