"""Simulate the instances of a function that gets messages: billed time and starts. Pure.

An instance is billed while it handles at least one request. Requests at once share that time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.cli.cost.deployed import Size
from videovector_bridge.cli.cost.windows import BILLED_STEP

_HALF_STEP: Final = BILLED_STEP / 2


@dataclass(frozen=True, slots=True)
class Service:
    """One request: seconds of waiting for others, seconds of CPU, and CPU of a start (s).

    `idle_seconds` is how long an instance without requests stays.
    """

    waiting: float
    cpu: float
    start_cpu: float
    idle_seconds: float

    def seconds(self, size: Size) -> float:
        """Return the duration of a request that is alone."""
        return self.waiting + self.cpu / min(size.cpu, 1.0)

    def rate(self, size: Size) -> float:
        """Return the requests a second of one busy instance."""
        return min(size.concurrency / self.seconds(size), size.cpu / self.cpu)


@dataclass(frozen=True, slots=True)
class Instances:
    """A day of a function: requests, billed time, starts, and the longest delay of a request."""

    requests: float
    instance_seconds: float
    starts: int
    longest_delay: float


def simulate_instances(requests: Mapping[int, float], service: Service, size: Size) -> Instances:
    """Return the instances that handle the requests of each second."""
    rate, alone = service.rate(size), service.seconds(size)
    used_until = [-math.inf] * size.max_instances
    waiting = total = billed = delay = 0.0
    starts, second = 0, 0
    for due in [*sorted(requests), None]:
        # What did not fit into a second is handled in the seconds after it.
        while waiting > 0 and (due is None or second < due):
            handled = min(waiting, rate * size.max_instances)
            billed += handled / rate
            waiting -= handled
            second += 1
        if due is None:
            break
        second = due
        waiting += requests[due]
        total += requests[due]
        delay = max(delay, waiting / (rate * size.max_instances))
        needed = min(size.max_instances, max(1, math.ceil(waiting / rate - 1e-9)))
        for number in range(needed):
            starts += second - used_until[number] > service.idle_seconds
            used_until[number] = second
        handled = min(waiting, rate * size.max_instances)
        billed += _billed_seconds(handled, alone, rate, size)
        waiting -= handled
        second += 1
    billed += starts * service.start_cpu / min(size.cpu, 1.0)
    return Instances(total, billed, starts, delay)


def _billed_seconds(requests: float, alone: float, rate: float, size: Size) -> float:
    """Return the billed time of requests that arrive at random times within a second."""
    if size.concurrency == 1:
        return requests * (alone + _HALF_STEP)
    # Busy periods of a queue with unlimited servers (M/G/infinity).
    idle = math.exp(-requests * alone)
    return max(requests / rate, (1 - idle) + requests * idle * _HALF_STEP)
