"""`python -m tests.bench.stages`: the CPU time of an event in each step of a window, in memory.

Each step works alone on the same events, many times; the smallest time counts, because other
programs can only add to it. What `make bench` measures beyond the sum are the socket, the threads,
gRPC and the garbage collector.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.pubsub_v1.types import PublishRequest
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.bench.tables import open_console
from videovector_bridge.api.frames import Frame, FrameDecoder
from videovector_bridge.api.stream import STREAM_ERROR, Position
from videovector_bridge.backends.publish_limits import check_request, split_requests
from videovector_bridge.events import MAX_DATA_BYTES, Event, decode_event, event_message, lane
from videovector_bridge.ingest.batcher import BatchLimits, _OpenBatch
from videovector_bridge.ingest.publisher import _event_bytes
from videovector_bridge.trace import begin_trace

_EVENTS: Final = 20_000
_ENTITIES: Final = 64
_DATA_BYTES: Final = 400
_REPEATS: Final = 15
_CHUNK: Final = 65_536
_PER_REQUEST: Final = 1_000
_MAX_FRAME: Final = 4_194_304
_TOPIC: Final = "projects/p/topics/events"


@dataclass(frozen=True, slots=True)
class Step:
    """A step and its CPU time of an event (microseconds)."""

    name: str
    microseconds: float


def measure_steps() -> list[Step]:
    """Measure every step, in the order of a window."""
    chunks = _make_chunks()
    steps: list[Step] = []

    def measure(name: str, work: Callable[[], Any]) -> Any:
        seconds, result = min((_time(work) for _ in range(_REPEATS)), key=lambda pair: pair[0])
        steps.append(Step(name, seconds / _EVENTS * 1e6))
        return result

    frames: Sequence[Frame] = measure("decode frames", lambda: _decode(chunks))
    events: Sequence[Event] = measure(
        "decode events", lambda: [decode_event(frame.data) for frame in frames]
    )
    measure("collect a batch, decoding included", lambda: _collect(frames))
    measure("find the lane", lambda: [lane(event, 16) for event in events])
    requests = measure(
        "split into requests",
        lambda: list(split_requests(events, _event_bytes, _PER_REQUEST, max_bytes=MAX_DATA_BYTES)),
    )
    messages = measure("build messages", lambda: [_build(request) for request in requests])
    measure("check the limits of Pub/Sub", lambda: _check(messages))
    encoded = measure("fill protobuf messages", lambda: [_fill(request) for request in messages])
    measure("serialize", lambda: [request.SerializeToString() for request in encoded])
    return steps


def main() -> int:
    """Print the table and return 0."""
    table = Table(title="CPU of an event, in us", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("step")
    table.add_column("us", justify="right")
    for step in measure_steps():
        table.add_row(step.name, f"{step.microseconds:.2f}")
    open_console().print(table)
    return 0


def _time(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _make_chunks() -> list[bytes]:
    """Return events as the stand-in's flood has them, as they come from a socket."""
    frames = bytearray()
    for number in range(_EVENTS):
        entity = number % _ENTITIES
        head = (
            f'{{"event_id":"evt_{number:016x}","event_type":"processing.segment_completed",'
            f'"user_id":"user_bench","run_id":"run_flood_{entity:04d}",'
            f'"video_id":"vid_flood_{entity:04d}","segment_id":"seg_flood_{number:09d}",'
            f'"index_id":"idx_flood","created_at":"2026-01-01T00:00:00.{number:06d}Z",'
            f'"payload":{{"n":{number},"pad":"'
        )
        pad = "x" * (_DATA_BYTES - len(head) - 3)
        frames += (
            f"id: evt_{number:016x}\nevent: processing.segment_completed\n"
            f'data: {head}{pad}"}}}}\n\n'
        ).encode()
    return [bytes(frames[at : at + _CHUNK]) for at in range(0, len(frames), _CHUNK)]


def _decode(chunks: Sequence[bytes]) -> list[Any]:
    decoder = FrameDecoder(_MAX_FRAME, STREAM_ERROR.encode(), lambda _event, _data: None)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def _collect(frames: Sequence[Frame]) -> None:
    limits = BatchLimits(16, 0.05, 10**9, 10**12, claimable=False, batch_events=10**9)
    batch, position = _OpenBatch(limits), Position(None, "latest", "0")
    for frame in frames:
        batch.add(frame, position)


def _build(events: Sequence[Event]) -> list[Any]:
    source = "//api.example.test/processing/events"
    return [
        event_message(event, source=source, channel="stream", ordering_key="lane-00", trace=span)
        for event, span in zip(events, begin_trace().new_spans(), strict=False)
    ]


def _check(requests: Sequence[Any]) -> None:
    for request in requests:
        check_request(_TOPIC, request)


def _fill(messages: Sequence[Any]) -> Any:
    request = PublishRequest.pb()(topic=_TOPIC)
    for message in messages:
        request.messages.add(
            data=message.data, attributes=message.attributes, ordering_key=message.ordering_key
        )
    return request


if __name__ == "__main__":
    sys.exit(main())
