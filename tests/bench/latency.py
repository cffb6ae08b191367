"""Latency within one window: events at a steady rate, from emitted to published.

The stand-in emits the events of runs at the rate, in ticks of 20 ms. The bridge waits up to
`LINGER_MS` (50, with profile `live` 10) to publish more of them together. `paced_publish` is the
limit.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
ECONOMY: Final = "economy"
LIVE: Final = "live"

_CALLS: Final = 4  # at once
_CALL_SECONDS: Final = 130.0
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
    for profile in (ECONOMY, LIVE):
        settings = {"PROFILE": profile, "WINDOW_SECONDS": "120", "IDLE_SECONDS": "5"}
        standin = StandInProcess(run_every_seconds=0, logs=LOGS / "bench")
        try:
            with (
                tempfile.TemporaryDirectory() as folder,
                SteadyStream(standin.wait(), emulators, folder, settings) as stream,
            ):
                stream.measure_window(_WARM_UP_RATE, 1)  # loads Google's libraries
                for rate in rates:
                    say(f"Latency at {rate:,} events/s, {profile}...")
                    yield summarise_delays(profile, rate, stream.measure_window(rate, seconds))
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


class SteadyStream:
    """A function `drain`, and a stand-in whose events it publishes as they are emitted."""

    def __init__(
        self, upstream: Upstream, emulators: Emulators, folder: str, settings: Mapping[str, str]
    ) -> None:
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
                **settings,
            },
            LOGS / "bench",
        )
        self._threads = ThreadPoolExecutor(_CALLS)

    def __enter__(self) -> Self:
        self._function.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._function.close()
        self._threads.shutdown()
        self._delays.close()

    def measure_window(self, rate: int, seconds: float) -> list[float]:
        """Return the delays (ms) of about `rate * seconds` events, all of one window.

        Raises `RuntimeError` if the window did not publish every event.
        """
        window = self.drain()
        self.wait_for_reader(window)
        events = self.emit(rate, seconds)
        report = window.result()
        if report.get("published") != events:
            raise RuntimeError(f"The window did not publish its {events} events: {report}")
        return self.read_delays(events)

    def drain(self) -> "Future[dict[str, Any]]":
        """Call `drain`; the result is its report."""
        return self._threads.submit(self._drain)

    def emit(self, rate: int, seconds: float) -> int:
        """Emit about `rate * seconds` events at this rate; return their number at the end."""
        runs = math.ceil(rate * seconds / _EVENTS_OF_A_RUN)
        events: int = self._control.runs(runs, events_per_second=rate)["events"]
        return events

    def read_delays(self, events: int) -> list[float]:
        """Return the delays (ms) of the next `events` messages."""
        return self._delays.read(events)

    def has_reader(self) -> bool:
        """Whether a window reads the stream now."""
        return bool(self._control.journal(ids=False)["streams_open"])

    def _drain(self) -> dict[str, Any]:
        self._function.wait()
        response = httpx.post(self._function.url, json={}, timeout=_CALL_SECONDS)
        report: dict[str, Any] = response.json()
        return report

    def wait_for_reader(self, window: "Future[dict[str, Any]]") -> None:
        """Return when the window reads the stream. Raises `RuntimeError` if it does not."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while not self.has_reader():
            if window.done() or time.monotonic() > deadline:
                ended = window.result() if window.done() else "no response"
                raise RuntimeError(f"The window does not read the stream: {ended}")
            time.sleep(0.02)
