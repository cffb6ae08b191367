"""The cost planner against real windows: the same arrivals, an hour of virtual time.

Windows, messages and what they cost are counted where the services would count them.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import httpx
import pytest

from tests.support.upstream import Response, Upstream, event_stream
from tests.support.vendor_events import event, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import FailingReads, SlowTopics, watched
from tests.support.windows import make_settings, run_window
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message, Timeout, Topics
from videovector_bridge.cli.cost.arrivals import make_days
from videovector_bridge.cli.cost.day import make_timing
from videovector_bridge.cli.cost.deployed import read_deployment
from videovector_bridge.cli.cost.measured import read_measured
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.windows import simulate_windows
from videovector_bridge.cli.cost.workload import Operation, Pattern, Workload

HOUR = 3_600
PUBLISH_SECONDS = 0.02


class Arriving(Upstream):
    """VideoVector sends each event when it arrives, and to a new connection what came before."""

    def __init__(self, time: VirtualTime, moments: Sequence[float]) -> None:
        super().__init__()
        self._time = time
        self._moments = moments
        self.begin = time.time()

    def respond(self, request: httpx.Request) -> Response:
        """Return the stream after the request's Last-Event-ID."""
        last = request.headers.get("Last-Event-ID", "0")
        return event_stream(then=lambda _request: self._send(int(last.removeprefix("evt-"))))

    async def _send(self, after: int) -> AsyncIterator[bytes]:
        for number in range(after + 1, len(self._moments) + 1):
            due = self.begin + self._moments[number - 1]
            while (left := due - self._time.time()) > 0:
                await asyncio.sleep(min(left, 15))
                yield b": heartbeat\n\n"
            yield sse(event(number, run_id=f"run-{number}"), f"evt-{number:04d}")
        while True:
            await asyncio.sleep(15)
            yield b": heartbeat\n\n"


class MeteredTopics(SlowTopics):
    """Counts the requests, and notes when each event was published."""

    def __init__(self, real: Topics, time: VirtualTime) -> None:
        super().__init__(real, time, PUBLISH_SECONDS)
        self.requests = 0
        self.published_at: dict[str, float] = {}

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish, and count it."""
        super().publish(topic, messages, timeout=timeout)
        self.requests += 1
        for message in messages:
            self.published_at[message.attributes["ce-id"]] = self._time.time()


@dataclass(frozen=True)
class Counted:
    """What the services count in an hour, and how long each event waited (s)."""

    windows: int
    seconds: float
    requests: int
    reads: int
    writes: int
    waits: Sequence[float]


def make_inputs(pattern: Pattern, events_a_day: float) -> Inputs:
    """A deployment as it would be, with this workload."""
    deployment = read_deployment()
    window = deployment.window
    return Inputs(
        deployment,
        Workload(events_a_day * 365 / 12, 700, pattern, 0.3, "upsert_marker", 0, 10, 0.05),
        Operation(
            "economy", 1, 60, window.window_seconds, window.idle_seconds, window.lanes, "none"
        ),
        read_measured(),
    )


def spread(arrivals: Sequence[int]) -> list[float]:
    """The moments of the events: at random in their second."""
    source = random.Random(7)
    moments = [second + source.random() for second, n in enumerate(arrivals) for _ in range(n)]
    return sorted(moments)


def run_windows(backend: Backend, inputs: Inputs, arrivals: Sequence[int]) -> Counted:
    """Call `drain` every minute, as Cloud Scheduler does."""
    time = VirtualTime()
    topics = MeteredTopics(backend.topics, time)
    documents = FailingReads(backend.documents)
    moments = spread(arrivals)
    upstream = Arriving(time, moments)
    window = inputs.deployment.window
    settings = make_settings(
        START_FROM="evt-0",
        WINDOW_SECONDS=f"{window.window_seconds:g}",
        LINGER_MS=str(window.linger_ms),
    )
    seconds = 0.0
    calls = range(0, len(arrivals), inputs.operation.every_seconds)
    for call in calls:
        time.run(asyncio.sleep(upstream.begin + call - time.time()))
        report = run_window(
            watched(backend, topics, documents), upstream, settings=settings, time=time
        )
        assert report.outcome in ("drained", "idle")
        seconds += report.window_seconds
    waits = [
        at - upstream.begin - moments[int(id_.removeprefix("evt-")) - 1]
        for id_, at in topics.published_at.items()
    ]
    writes = len(documents.written)
    return Counted(len(calls), seconds, topics.requests, documents.reads, writes, sorted(waits))


@pytest.mark.parametrize(
    ("pattern", "events_a_day"),
    [("steady", 0), ("steady", 3_000), ("steady", 100_000), ("bursts", 20_000)],
)
def test_real_windows_use_what_the_planner_says(
    embedded_backend: Backend, pattern: Pattern, events_a_day: float
) -> None:
    """Windows and reads are equal; time is within 2 %, requests 10 %, writes 15 %, waits 1 s."""
    inputs = make_inputs(pattern, events_a_day)
    (day,) = make_days(pattern, inputs.workload.events_a_month)
    arrivals = [1, *day.arrivals[1:HOUR]]  # without a cursor there is no idle timeout
    counted = run_windows(embedded_backend, inputs, arrivals)
    # Calls and responses take no virtual time.
    planned = simulate_windows(arrivals, replace(make_timing(inputs), start=0.0, end=0.0))
    assert planned.windows == counted.windows
    # Without those that the last window left.
    assert len(counted.waits) == pytest.approx(planned.events, rel=0.01)
    assert planned.instance_seconds == pytest.approx(counted.seconds, rel=0.02)
    assert planned.requests == pytest.approx(counted.requests, rel=0.1)
    assert planned.writes == pytest.approx(counted.writes, rel=0.15)
    assert counted.reads == planned.windows
    for share in (0.5, 0.99):
        waited = counted.waits[int(share * (len(counted.waits) - 1))]
        assert planned.wait(share) == pytest.approx(waited, abs=1)
