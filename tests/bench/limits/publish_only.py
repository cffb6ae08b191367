"""Limit of the emulator: publish requests that are prepared before the measurement."""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

import grpc
from google.pubsub_v1 import PublisherClient, PublishRequest
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.bench.measured import print_measurement
from videovector_bridge.events import Event, attributes, lane_key
from videovector_bridge.trace import begin_trace

_PER_REQUEST: Final = 1_000
_THREADS: Final = 8
_LANES: Final = 16


def publish(client: PublisherClient, requests: Sequence[PublishRequest], events: int) -> int:
    """Publish `events` messages, at least one request; return their number."""
    count = max(1, events // _PER_REQUEST)

    def send(index: int) -> None:
        client.publish(request=requests[index % len(requests)], timeout=60, retry=None)

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(send, range(count)))
    return count * _PER_REQUEST


def _request(topic: str, ordering_key: str) -> PublishRequest:
    event = Event(
        "evt_0123456789abcdef",
        "processing.segment_completed",
        "2026-01-01T00:00:00.000000Z",
        "seg_0123456789ab",
        "vid_0123456789ab",
        "run_0123456789ab",
        "idx_0123456789ab",
        b"{" + b" " * 398 + b"}",
    )
    request = PublishRequest.pb()(topic=topic)
    for span in islice(begin_trace().new_spans(), _PER_REQUEST):
        message_attributes = attributes(
            event, source="//bench/processing/events", channel="stream", trace=span
        )
        request.messages.add(
            data=event.data, attributes=message_attributes, ordering_key=ordering_key
        )
    wrapped: PublishRequest = PublishRequest.wrap(request)
    return wrapped


def main() -> int:
    """Publish one request, then measure `--events` messages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True)
    events = parser.parse_args().events
    options = [("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"], options=options)
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    topic = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/topics/events"
    ready = [_request(topic, lane_key(lane)) for lane in range(_LANES)]
    publish(client, ready[:1], _PER_REQUEST)
    print_measurement(lambda: publish(client, ready, events))
    channel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
