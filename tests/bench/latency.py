"""Latency within one window: events at a steady rate, from emitted to published.

The stand-in emits the events of runs at the rate, in ticks of 20 ms. The bridge waits up to
`LINGER_MS` (50 by default) to publish more of them together. `paced_publish` is the limit.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import LOGS, Function
from infra.local.processes.upstream import StandInProcess, Upstream
from tests.bench.bridge import prepare_cloud
from tests.bench.delays import Delays
from tests.bench.figures import percentile
from tests.bench.program import run_program

_EVENTS_OF_A_RUN: Final = 20  # about; the stand-in reports the exact number
_WARM_UP_RATE: Final = 100
_IDLE_SECONDS: Final = 5  # ends a window
_WINDOW_SECONDS: Final = 120
_CONNECT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Delays (ms) of `events` events at `rate` a second; `name` says who published them."""

    name: str
    rate: int
    events: int
    p50_ms: float
    p99_ms: float
    max_ms: float


def summarise_delays(name: str, rate: int, delays: Sequence[float]) -> Latency:
    """Return the percentiles of the delays."""
    p50, p99, highest = percentile(delays, 50), percentile(delays, 99), max(delays)
    return Latency(name, rate, len(delays), round(p50, 1), round(p99, 1), round(highest, 1))


def measure_latency(
    emulators: Emulators, rates: Sequence[int], seconds: float, say: Callable[[str], None]
) -> Iterator[Latency]:
    """Yield for each rate the latency of a bare publish, and then that of the bridge."""
    for rate in rates:
        say(f"Latency at {rate:,} events/s, bare publish...")
        yield summarise_delays("bare publish", rate, _bare_delays(emulators, rate, seconds))
    standin = StandInProcess(run_every_seconds=0, logs=LOGS / "bench")
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            _SteadyStream(standin.wait(), emulators, folder) as stream,
        ):
            stream.delays(_WARM_UP_RATE, 1)  # the first window loads Google's libraries
            for rate in rates:
                say(f"Latency at {rate:,} events/s, bridge...")
                yield summarise_delays("bridge", rate, stream.delays(rate, seconds))
    finally:
        standin.stop()


def _bare_delays(emulators: Emulators, rate: int, seconds: float) -> list[float]:
    environment = prepare_cloud(emulators, "")
    delays = Delays(emulators, environment["GOOGLE_CLOUD_PROJECT"])
    try:
        events = math.ceil(rate * seconds)
        options = ("--events", str(events), "--rate", str(rate))
        run_program("limits.paced_publish", *options, environment=environment)
        return delays.read(events)
    finally:
        delays.close()


class _SteadyStream:
    """A function `drain`, and a stand-in whose events it publishes as they are emitted."""

    def __init__(self, upstream: Upstream, emulators: Emulators, folder: str) -> None:
        assert upstream.control is not None  # it is the stand-in
        self._control = upstream.control
        environment = prepare_cloud(emulators, folder)
        self._delays = Delays(emulators, environment["GOOGLE_CLOUD_PROJECT"])
        self._function = Function(
            "drain-latency",
            "drain",
            {
                **environment,
                "VIDEO_VECTOR_BASE_URL": upstream.api_url,
                "VIDEO_VECTOR_API_KEY": upstream.key,
                "WINDOW_SECONDS": str(_WINDOW_SECONDS),
                "IDLE_SECONDS": str(_IDLE_SECONDS),
            },
            LOGS / "bench",
        )
        self._threads = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._function.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._function.close()
        self._threads.shutdown()
        self._delays.close()

    def delays(self, rate: int, seconds: float) -> list[float]:
        """Return the delays of about `rate * seconds` events, all of one window.

        Raises `RuntimeError` if the window did not publish every event.
        """
        window = self._threads.submit(self._drain)
        self._wait_for_connection(window)
        runs = math.ceil(rate * seconds / _EVENTS_OF_A_RUN)
        events: int = self._control.runs(runs, events_per_second=rate)["events"]
        report = window.result()
        if report.get("published") != events:
            raise RuntimeError(f"The window did not publish its {events} events: {report}")
        return self._delays.read(events)

    def _drain(self) -> dict[str, Any]:
        self._function.wait()
        response = httpx.post(self._function.url, json={}, timeout=_WINDOW_SECONDS + 10)
        report: dict[str, Any] = response.json()
        return report

    def _wait_for_connection(self, window: "Future[dict[str, Any]]") -> None:
        """Return when the window reads the stream. Raises `RuntimeError` if it does not."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while not self._control.journal(ids=False)["streams_open"]:
            if window.done() or time.monotonic() > deadline:
                ended = window.result() if window.done() else "no response"
                raise RuntimeError(f"The window does not read the stream: {ended}")
            time.sleep(0.02)
