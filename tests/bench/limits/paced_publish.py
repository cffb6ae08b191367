"""Limit of latency: publish one message for each event, at a rate, without a stream before it.

The event is emitted when its time has come, which is its `created_at`; a request of its own carries
it at once. A message that waits for a free thread is late, and the figures show that.
"""

import argparse
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

import grpc
from google.pubsub_v1 import PublisherClient, PublishRequest
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.bench.measured import print_measurement
from videovector_bridge.events import Event, event_message, lane_key
from videovector_bridge.trace import begin_trace

_THREADS: Final = 16
_LANES: Final = 16
_WARM_UP: Final = 50  # messages without a time


class PacedPublisher:
    """Publishes made-up events to a topic, each in a request of its own."""

    def __init__(self, client: PublisherClient, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._spans = begin_trace().new_spans()

    def warm_up(self) -> None:
        """Publish messages that nobody measures: they have no `ce-time`."""
        for number in range(_WARM_UP):
            self._send(self._request(number, None))

    def publish(self, events: int, rate: float) -> int:
        """Publish `events` events, `rate` a second; return their number."""
        sent: list[Future[None]] = []
        started = time.perf_counter()
        with ThreadPoolExecutor(_THREADS) as threads:
            for number in range(events):
                time.sleep(max(0.0, started + number / rate - time.perf_counter()))
                now = datetime.now(UTC).isoformat()
                sent.append(threads.submit(self._send, self._request(number, now)))
        for future in sent:
            future.result()
        return events

    def _request(self, number: int, created_at: str | None) -> PublishRequest:
        event = Event(
            f"evt_{number:016d}",
            "processing.segment_completed",
            created_at,
            "seg_0123456789ab",
            "vid_0123456789ab",
            "run_0123456789ab",
            "idx_0123456789ab",
            b"{" + b" " * 398 + b"}",
        )
        message = event_message(
            event,
            source="//bench/processing/events",
            channel="stream",
            ordering_key=lane_key(number % _LANES),
            trace=next(self._spans),
        )
        request = PublishRequest.pb()(topic=self._topic)
        request.messages.add(
            data=message.data, attributes=message.attributes, ordering_key=message.ordering_key
        )
        wrapped: PublishRequest = PublishRequest.wrap(request)
        return wrapped

    def _send(self, request: PublishRequest) -> None:
        self._client.publish(request=request, timeout=60, retry=None)


def main() -> int:
    """Publish `--events` events, `--rate` a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"])
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    topic = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/topics/events"
    publisher = PacedPublisher(client, topic)
    publisher.warm_up()
    print_measurement(lambda: publisher.publish(options.events, options.rate))
    channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
