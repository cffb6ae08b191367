"""What every baseline does in the same way: its options, its events, its position in Firestore."""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from google.cloud.firestore import Client
from google.cloud.pubsub_v1 import PublisherClient

from tests.bench.baselines.feed import read_events
from videovector_bridge.api.stream import STREAM_PATH
from videovector_bridge.events import Event, event_message, lane, lane_key
from videovector_bridge.settings.api import host_of
from videovector_bridge.trace import begin_trace

WARM_UP_EVENTS: Final = 1_000
"""Events before the measurement, as in the bridge's: the first ones load code and connect."""
_LANES: Final = 16


@dataclass(frozen=True, slots=True)
class Job:
    """Publish the events of one stream with `publisher`, in lanes if `ordered`.

    The position is field `cursor` of document `baselines/NAME`.
    """

    name: str
    publisher: PublisherClient
    ordered: bool
    documents: Client = field(default_factory=Client)

    def events(self, count: int) -> Iterator[tuple[str, Event]]:
        """Yield the next `count` events after the position, each with its SSE id."""
        cursor = self._document().get().to_dict()
        feed = read_events(
            os.environ["VIDEO_VECTOR_BASE_URL"],
            os.environ["VIDEO_VECTOR_API_KEY"],
            cursor["cursor"] if cursor else None,
        )
        return islice(feed, count)

    def write_position(self, event_id: str) -> None:
        """Write the position: every event up to it is acknowledged."""
        self._document().set({"cursor": event_id})

    def publish(self) -> "Publish":
        """Return what publishes one event as the bridge's CloudEvent."""
        return Publish(self)

    def _document(self) -> Any:
        return self.documents.document("baselines", self.name)


class Publish:
    """Passes events to the batching client; the future of each has its message id."""

    def __init__(self, job: Job) -> None:
        self._publisher = job.publisher
        self._ordered = job.ordered
        self._topic = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/topics/events"
        self._source = f"//{host_of(os.environ['VIDEO_VECTOR_BASE_URL'])}{STREAM_PATH}"
        self._spans = begin_trace().new_spans()

    def __call__(self, event: Event) -> "Future[str]":
        """Publish one event."""
        key = lane_key(lane(event, _LANES)) if self._ordered else ""
        message = event_message(
            event,
            source=self._source,
            channel="stream",
            ordering_key=key,
            trace=next(self._spans),
        )
        future: Future[str] = self._publisher.publish(
            self._topic, message.data, ordering_key=key, **message.attributes
        )
        return future


def parse_options(description: str | None) -> argparse.Namespace:
    """Parse `--events N` and `--ordered`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--ordered", action="store_true", help="ordering keys: one for each lane")
    return parser.parse_args()
