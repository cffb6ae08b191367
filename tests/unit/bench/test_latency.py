"""Delays from emitted to published."""

from datetime import UTC, datetime

from google.pubsub_v1 import PubsubMessage

from tests.bench.delays import find_delays
from tests.bench.latency import summarise_delays

PUBLISHED = datetime(2026, 1, 1, 0, 0, 1, 250_000, tzinfo=UTC)


def test_a_delay_is_from_the_time_of_the_event_to_that_of_the_message() -> None:
    """In milliseconds. A message without `ce-time`, of a warm-up, has none."""
    emitted = {"ce-time": "2026-01-01T00:00:01.249500Z"}
    messages = [
        PubsubMessage(attributes=emitted, publish_time=PUBLISHED),
        PubsubMessage(attributes={}, publish_time=PUBLISHED),
    ]

    assert list(find_delays(messages)) == [0.5]


def test_delays_are_summarised_by_their_percentiles() -> None:
    """And by the longest one."""
    latency = summarise_delays("bridge", 10, [float(n) for n in range(101)])

    assert (latency.name, latency.rate, latency.events) == ("bridge", 10, 101)
    assert (latency.p50_ms, latency.p99_ms, latency.max_ms) == (50.0, 99.0, 100.0)
