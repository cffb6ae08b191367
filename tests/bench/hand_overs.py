"""Latency over hand-overs: windows of profile `live`, called in turn by two jobs.

Windows are shorter than deployed ones, so that a hundred hand-overs take minutes. As a deployed
one, a window ends when it is asked after the middle of its time.
"""

import math
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import LOGS
from infra.local.processes.upstream import StandInProcess
from tests.bench.latency import Latency, SteadyStream, summarise_delays

_RATE: Final = 100
_EVERY_SECONDS: Final = 2.7  # between two calls: a little more than half a window
_SETTINGS: Final = {"PROFILE": "live", "WINDOW_SECONDS": "5", "LEASE_SECONDS": "5"}
_EMIT_SECONDS: Final = 5.0  # of one request to the stand-in, at most
_LOOK_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class HandOvers:
    """The latency over so many hand-overs, and the longest time without a reader (seconds)."""

    count: int
    latency: Latency
    longest_gap_seconds: float


def measure_hand_overs(emulators: Emulators, count: int, say: Callable[[str], None]) -> HandOvers:
    """Hand a stream over `count` times while it emits events all the time.

    Raises `RuntimeError` if a window ends otherwise, or if an event is not published.
    """
    say(f"Latency over {count} hand-overs...")
    standin = StandInProcess(run_every_seconds=0, logs=LOGS / "bench")
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            SteadyStream(standin.wait(), emulators, folder, _SETTINGS) as stream,
        ):
            return _hand_over(stream, count)
    finally:
        standin.stop()


def _hand_over(stream: SteadyStream, count: int) -> HandOvers:
    stream.measure_window(_RATE, 1)  # loads Google's libraries
    windows = [stream.drain()]
    stream.wait_for_reader(windows[0])
    watch = _GapWatch(stream)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as emitting:
        emitted = emitting.submit(_emit, stream, count * _EVERY_SECONDS)
        for number in range(1, count + 1):
            time.sleep(max(0.0, began + number * _EVERY_SECONDS - time.monotonic()))
            windows.append(stream.drain())
        windows[-2].result()
        stream.wait_for_reader(windows[-1])
        longest = watch.end()
        events = emitted.result()
    windows[-1].result()
    stream.drain().result()  # what was emitted after the last of them
    ends = [window.result()["stop_reason"] for window in windows]
    if ends != ["handed_over"] * count + ["deadline"]:
        raise RuntimeError(f"Not every window handed the stream over: {ends}")
    latency = summarise_delays(f"live, {count} hand-overs", _RATE, stream.read_delays(events))
    return HandOvers(count, latency, longest)


def _emit(stream: SteadyStream, seconds: float) -> int:
    requests = math.ceil(seconds / _EMIT_SECONDS)
    return sum(stream.emit(_RATE, seconds / requests) for _ in range(requests))


class _GapWatch:
    """Looks for times without a reader, from now on, in a thread."""

    def __init__(self, stream: SteadyStream) -> None:
        self._stream = stream
        self._longest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Stop, and return the longest time without a reader (seconds)."""
        self._ended.set()
        self._thread.join()
        return round(self._longest, 2)

    def _watch(self) -> None:
        met_at = time.monotonic()
        while not self._ended.wait(_LOOK_SECONDS):
            now = time.monotonic()
            if self._stream.has_reader():
                self._longest = max(self._longest, now - met_at - _LOOK_SECONDS)
                met_at = time.monotonic()
