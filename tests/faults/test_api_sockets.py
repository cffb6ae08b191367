"""The API client over real sockets: lost responses, and a 429 to one of many threads."""

import threading
from collections.abc import Callable
from random import Random

import pytest

from tests.support.api_client import KEY
from tests.support.leaks import assert_no_secret
from tests.support.peers import Request, Response, scripted_server
from videovector_bridge.api import RetryPolicy, Unreachable
from videovector_bridge.api.client import VideoVectorClient


def test_a_lost_response_is_requested_again() -> None:
    """The client's own pool recovers from a server that closes the connection, and from none."""
    sent: list[tuple[str, str]] = []
    grant = b'{"signed_url": "https://x/?sig=1", "expires_at": "soon"}'

    def drop_first(request: Request) -> Response | None:
        sent.append((request.headers["idempotency-key"], request.headers["x-api-key"]))
        return Response(200, grant) if len(sent) > 1 else None

    with scripted_server(drop_first) as host:
        client = VideoVectorClient(f"http://{host}/api/v2", lambda: KEY, sleep=lambda _: None)
        signed = client.signed_url("gs://b/o")

    first, second = sent
    assert signed.url == "https://x/?sig=1"
    assert first == second
    assert first[1] == KEY
    client.close()
    with client, pytest.raises(Unreachable, match="POST /api/v2/videos/signed-url") as caught:
        client.signed_url("gs://b/o")
    assert_no_secret(caught.value)


class SharedClock:
    """A clock for several threads: when all of them sleep, it moves to the next alarm."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self._alarms: list[float] = []
        self._awake = 0
        self._changed = threading.Condition()

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved by `seconds`."""
        with self._changed:
            alarm = self.seconds + seconds
            self._alarms.append(alarm)
            self._awake -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.seconds >= alarm)

    def start(self, *work: Callable[[], object]) -> list[threading.Thread]:
        """Start threads; return when each of them sleeps or has ended."""

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
        """Move to the next alarm; return when all threads sleep. False if none sleeps."""
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


def test_no_thread_sends_during_a_pause() -> None:
    """One gets Retry-After 30 s; twelve others send nothing for 30 s, then not all at once."""
    clock = SharedClock()
    sent_at: list[float] = []
    results: list[list[object]] = []
    lock = threading.Lock()

    def limit_first(_request: Request) -> Response:
        with lock:
            sent_at.append(clock())
            first = len(sent_at) == 1
        headers = {"Retry-After": "30"} if first else {}
        return Response(429 if first else 200, b"[]", headers=headers)

    with (
        scripted_server(limit_first) as host,
        VideoVectorClient(
            f"http://{host}/api/v2",
            lambda: KEY,
            retry=RetryPolicy(budget_seconds=60.0),
            sleep=clock.sleep,
            clock=clock,
            random=Random(7).random,
        ) as client,
    ):

        def list_all() -> None:
            results.append(list(client.list_markers()))

        threads = clock.start(list_all)
        assert sent_at == [1000.0]
        threads += clock.start(*[list_all] * 12)
        assert sent_at == [1000.0]
        while clock.next():
            pass
        for thread in threads:
            thread.join(30)

    later = sorted(sent_at[1:])
    assert results == [[]] * 13
    assert len(later) == 13
    assert later[0] == 1030.0
    assert later[-1] <= 1031.0
    assert len(set(later)) == 13
