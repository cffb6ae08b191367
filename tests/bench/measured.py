"""Measure work in a process of its own, as `program.py` starts it, and print the figures."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.bench.row import Row, measure_session


@dataclass(frozen=True, slots=True)
class Measurement:
    """Work on `events` events: wall seconds, CPU seconds, peak memory (MB) of its processes."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    def as_row(self, name: str) -> Row:
        """Return the figures for one event, under a name."""
        cpu_us = self.cpu_seconds / self.events * 1e6
        return Row(name, self.events / self.seconds, cpu_us, self.peak_mb)


def print_measurement(work: Callable[[], int]) -> None:
    """Call `work`, which returns a number of events, and print its measurement as a line of JSON.

    Imports, connections and whatever else the caller prepared are not part of it, except that
    they add to the peak memory.
    """
    session = os.getsid(0)
    before = measure_session(session)
    started = time.perf_counter()
    events = work()
    seconds = time.perf_counter() - started
    after = measure_session(session)
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    print(json.dumps(asdict(Measurement(events, seconds, cpu_seconds, after.peak_mb))), flush=True)
