"""Simulate the windows of a stream over a day: instance time, publishing, and waiting times. Pure.

A window begins at its call, reads what has waited, then reads along, and ends after the idle
timeout, at its limit, or when a window of the profile `live` takes over. Time has steps of a
second; within a second, events arrive evenly.
"""

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

BILLED_STEP: Final = 0.1
"""Cloud Run rounds the time of an instance up to this, in seconds."""

_STEPS_A_SECOND: Final = 10  # of waiting times


@dataclass(frozen=True, slots=True)
class WindowTiming:
    """Schedule and limits of a window, in seconds.

    `limit` is from the call to the last moment of reading, `start` from the call to the first
    event, `end` from the last moment of reading to the response, `publish` from the arrival of an
    event to its message. `rate` is how many events a second a window publishes. `overlap` is how
    much longer than the schedule a window of `live` runs. `idle` may be infinite.
    """

    every: int
    limit: float
    idle: float
    start: float
    end: float
    publish: float
    rate: float
    lease: float
    linger: float
    lanes: int
    batch_events: int
    instance_idle: float
    cold_start: float
    overlap: float = 0.0


@dataclass(slots=True)
class Windows:
    """A day of windows.

    `published` has the events of each second, by second. `waits` counts events by how long they
    waited for their message, in tenths of a second. `requests` are publish requests.
    """

    windows: int = 0
    cold_starts: int = 0
    instance_seconds: float = 0.0
    writes: float = 0.0
    requests: float = 0.0
    events: int = 0
    published: dict[int, int] = field(default_factory=dict)
    waits: Counter[int] = field(default_factory=Counter)

    def wait(self, share: float) -> float:
        """Return the seconds in which this share of the events had their message."""
        return find_wait(self.waits, share)


def find_wait(waits: Mapping[int, float], share: float) -> float:
    """Return the smallest wait (s) that `share` of the events did not exceed; 0 without events."""
    left = share * sum(waits.values())
    for tenths in sorted(waits):
        left -= waits[tenths]
        if left <= 0:
            return tenths / _STEPS_A_SECOND
    return max(waits, default=0) / _STEPS_A_SECOND


def simulate_windows(arrivals: Sequence[int], timing: WindowTiming) -> Windows:
    """Return the windows of one stream over the seconds of `arrivals`.

    The day before was the same: its last events wait for the first window.
    """
    simulation = _Simulation(arrivals, timing)
    for call in range(0, len(arrivals), timing.every):
        simulation.run_window(call)
    return simulation.result


class _Simulation:
    def __init__(self, arrivals: Sequence[int], timing: WindowTiming) -> None:
        self.result = Windows()
        self._arrivals = arrivals
        self._timing = timing
        self._waiting: deque[tuple[int, int]] = deque()  # second of arrival, events
        self._next = 0  # the first second whose events have not arrived
        before = min(timing.every, len(arrivals))
        unread_from = min(math.ceil(timing.limit), before) - before
        for second in range(unread_from, 0):
            if events := arrivals[second]:
                self._waiting.append((second, events))
        self._ended_at = float(unread_from)

    def run_window(self, call: int) -> None:
        timing, result = self._timing, self.result
        cold = call - self._ended_at > timing.instance_idle
        begin = call + timing.start + (timing.cold_start if cold else 0.0)
        limit = min(call + timing.limit, float(len(self._arrivals)))
        written = result.writes
        stop = max(begin, float(self._read(begin, limit)))
        seconds = stop - call + timing.end + timing.overlap
        result.windows += 1
        result.cold_starts += cold
        result.instance_seconds += math.ceil(seconds / BILLED_STEP - 1e-6) * BILLED_STEP
        # The claim of the lease, and the last write, which has the last checkpoint.
        silent = stop - begin - (result.writes - written)
        result.writes += 2 + math.floor(silent / (timing.lease / 3) + 1e-6)
        self._ended_at = stop

    def _read(self, begin: float, limit: float) -> float:
        """Read from `begin` until `limit` or the idle timeout; return when reading ended."""
        timing = self._timing
        last, second = begin, int(begin)
        while second < limit:
            # An event of this second arrives in its middle.
            if last + timing.idle <= second + 0.5:
                return max(begin, last + timing.idle)
            moment = max(begin, float(second))
            until = min(second + 1.0, limit)
            self._arrive(second)
            live = self._publish(second, moment, until)
            if live is not None:
                last = max(moment, second + live / (live + 1) if live else 0.0)
                # A commit a second; the last one is the end of the window.
                self.result.writes += 1
            second += 1
        return limit

    def _arrive(self, second: int) -> None:
        """Let the events up to and in this second wait."""
        for past in range(self._next, second + 1):
            if events := self._arrivals[past]:
                self._waiting.append((past, events))
        self._next = max(self._next, second + 1)

    def _publish(self, second: int, moment: float, until: float) -> int | None:
        """Publish what waits, in order, from `moment` to `until`.

        Returns how many events of this second were published, or None if none at all.
        """
        timing, result = self._timing, self.result
        room = max(1, int(timing.rate * (until - moment)))
        total = live = 0
        while self._waiting and total < room:
            arrived, events = self._waiting.popleft()
            taken = min(events, room - total)
            if taken < events:
                self._waiting.appendleft((arrived, events - taken))
            waits = (0.0, 0.0)
            if arrived < second or taken < events:
                turn = moment + (total + taken / 2) / timing.rate
                waits = (turn - arrived - 0.25, turn - arrived - 0.75)
            total += taken
            live += taken if arrived == second else 0
            # Half of them arrived in each half of their second.
            for wait, share in zip(waits, (taken - taken // 2, taken // 2), strict=True):
                tenths = round((max(0.0, wait) + timing.publish) * _STEPS_A_SECOND)
                result.waits[tenths] += share
        if not total:
            return None
        result.events += total
        result.published[second] = total
        result.requests += self._count_requests(total - live, timing.rate)
        result.requests += self._count_requests(live, live / (until - moment))
        return live

    def _count_requests(self, events: int, rate: float) -> float:
        """Return the publish requests of events that arrive with this rate.

        A batch ends `linger` after its first event, and has a request for each of its lanes.
        Events are in lanes at random.
        """
        if not events:
            return 0.0
        timing = self._timing
        batch = min(1 + rate * timing.linger, float(timing.batch_events), float(events))
        empty: float = (1 - 1 / timing.lanes) ** batch
        return events / batch * timing.lanes * (1 - empty)
