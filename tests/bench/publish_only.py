"""Upper limit of the emulator: publish requests that are prepared before the measurement."""

import resource
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import grpc
from google.pubsub_v1 import PublisherClient, PublishRequest
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from infra.local.clouds.emulators import Emulators
from tests.bench.row import Row
from videovector_bridge.events import Event, attributes
from videovector_bridge.trace import begin_trace

_PER_REQUEST = 1_000
_THREADS = 8


def publish_prepared(emulators: Emulators, events: int) -> Row:
    """Publish `events` messages like the bridge's, 1,000 a request."""
    options = [("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(emulators.pubsub_host, options=options)
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    topic = f"projects/bench-{uuid.uuid4().hex[:8]}/topics/events"
    client.create_topic(name=topic)
    ready = [_request(topic, f"lane-{lane:02d}") for lane in range(16)]

    def publish(index: int) -> None:
        client.publish(request=ready[index % len(ready)], timeout=60, retry=None)

    before = _cpu_seconds()
    started = time.perf_counter()
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(publish, range(events // _PER_REQUEST)))
    seconds = time.perf_counter() - started
    cpu = _cpu_seconds() - before
    channel.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row("publish only, ready batches", events / seconds, cpu / events * 1e6, peak)


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


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
