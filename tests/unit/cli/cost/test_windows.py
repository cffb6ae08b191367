"""`cli.cost.windows`: windows that are simulated. tests/functions/drain compares with real ones."""

import math
from dataclasses import replace

import pytest

from videovector_bridge.cli.cost.windows import WindowTiming, find_wait, simulate_windows

TIMING = WindowTiming(
    every=60,
    limit=48.0,
    idle=10.0,
    start=0.0,
    end=0.0,
    publish=0.1,
    rate=1_000.0,
    lease=30.0,
    linger=0.05,
    lanes=16,
    batch_events=4_096,
    instance_idle=900.0,
    cold_start=5.0,
)
HOUR = 3_600


def at(*events: tuple[int, int]) -> list[int]:
    """An hour with this number of events in these seconds."""
    arrivals = [0] * HOUR
    for second, number in events:
        arrivals[second] = number
    return arrivals


def test_a_window_without_events_ends_after_the_idle_timeout() -> None:
    """It claims and releases the lease, and renews it once in 10 s."""
    result = simulate_windows(at(), TIMING)

    assert (result.windows, result.cold_starts, result.events) == (60, 0, 0)
    assert result.instance_seconds == pytest.approx(600)
    assert result.writes == 180
    assert (result.requests, result.wait(0.99)) == (0, 0)


def test_an_event_prolongs_a_window() -> None:
    """The idle timeout begins again, up to the limit of the window."""
    once = simulate_windows(at((5, 1)), TIMING)
    always = simulate_windows([1] * HOUR, TIMING)

    assert once.instance_seconds == pytest.approx(600 + 5.5)
    assert always.instance_seconds == pytest.approx(60 * 48)


def test_an_event_between_windows_waits_for_the_next() -> None:
    """It arrives in the middle of its second; half of the events in each half."""
    result = simulate_windows(at((30, 2)), TIMING)

    assert result.events == 2
    assert result.wait(0.5) == pytest.approx(60 - 30.75 + 0.1, abs=0.06)
    assert result.wait(1.0) == pytest.approx(60 - 30.25 + 0.1, abs=0.06)
    assert result.published == {60: 2}


def test_an_event_during_a_window_is_published_at_once() -> None:
    """After the time of publishing."""
    assert simulate_windows(at((3, 50)), TIMING).waits == {1: 50}


def test_the_last_events_wait_for_the_first_window() -> None:
    """The day before was the same, so that each event is counted once."""
    result = simulate_windows(at((HOUR - 1, 7)), TIMING)

    assert (result.events, result.published) == (7, {0: 7})
    assert result.wait(1.0) < 2


def test_more_events_than_a_window_can_publish_wait() -> None:
    """They are published in order, at the rate of a window."""
    result = simulate_windows(at((0, 10_000)), TIMING)

    assert result.published == dict.fromkeys(range(10), 1_000)
    assert result.wait(1.0) == pytest.approx(10, abs=1)


def test_every_event_is_published_once() -> None:
    """Also if there are more than the windows can publish for a while."""
    arrivals = [3_000 if second < 300 else 1 for second in range(HOUR)]
    result = simulate_windows(arrivals, replace(TIMING, rate=2_000))

    assert result.events == sum(result.published.values()) == sum(result.waits.values())
    assert sum(arrivals) - 60 <= result.events <= sum(arrivals) + 60


def test_waiting_events_share_requests() -> None:
    """A batch of many events has one request for each lane; single events one each."""
    single = simulate_windows(at(*((second, 1) for second in range(0, 40, 4))), TIMING)
    together = simulate_windows(at((50, 4_000)), replace(TIMING, rate=1e6))

    assert single.requests == pytest.approx(10, rel=0.01)
    assert together.requests == pytest.approx(16, rel=0.01)


def test_an_instance_that_is_gone_starts_again() -> None:
    """A schedule of more than the time that Cloud Run keeps an instance: each window is cold."""
    result = simulate_windows(at(), replace(TIMING, every=1_800))

    assert result.cold_starts == result.windows == 2


def test_windows_of_live_follow_each_other() -> None:
    """Only at a handover, events wait; an instance runs all the time, two while they overlap."""
    live = replace(TIMING, limit=60.0, idle=math.inf, start=1.0, overlap=2.0)
    result = simulate_windows([1] * HOUR, live)

    assert result.instance_seconds == pytest.approx(60 * 62)
    assert result.wait(0.5) == pytest.approx(0.1)
    assert 0.5 < result.wait(1.0) < 1.5


def test_time_is_billed_in_steps_of_100_ms() -> None:
    """Rounded up for each window."""
    result = simulate_windows(at(), replace(TIMING, end=0.01))

    assert result.instance_seconds == pytest.approx(60 * 10.1)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 0.1), (0.5, 0.1), (0.51, 2.0), (0.99, 2.0), (1.0, 2.0)]
)
def test_a_wait_is_that_of_a_share_of_the_events(share: float, expected: float) -> None:
    """The smallest that this share did not exceed."""
    assert find_wait({1: 50, 20: 50}, share) == expected


def test_without_events_there_is_no_wait() -> None:
    """It is 0."""
    assert find_wait({}, 0.99) == 0
