"""Publish messages again at a bounded rate.

A message counts as published after Pub/Sub has acknowledged it. A replay keeps no position: after
a failure or a kill, the same interval is published from its beginning.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from videovector_bridge.backends.ports import MAX_REQUEST_MESSAGES, Message, Topics
from videovector_bridge.backends.publish_limits import split_requests, wire_size
from videovector_bridge.backends.reading_ports import PublishedMessage
from videovector_bridge.cli.operate.replay.interval import Interval
from videovector_bridge.errors import BridgeError
from videovector_bridge.events import MAX_DATA_BYTES, entity_lane, lane_key

_REQUEST_SECONDS: Final = 30.0
_PROGRESS_SECONDS: Final = 5.0


@dataclass(slots=True)
class Result:
    """How many messages were published; `error` says why the replay ended early."""

    published: int = 0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"published": self.published, "error": self.error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayer:
    """Publishes to `topic`, at most `rate` messages a second. `notify` receives the progress."""

    topics: Topics
    topic: str
    rate: int
    lanes: int
    notify: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    result: Result = field(default_factory=Result)

    def run(self, pages: Iterable[Sequence[PublishedMessage]], interval: Interval) -> Result:
        """Publish every message of the interval, in the order of the pages within each lane.

        A failure or an interrupt is in the result.
        """
        try:
            next_at = shown_at = self.clock()
            for page in pages:
                messages = [
                    make_repeat(each.message, self.lanes)
                    for each in page
                    if interval.includes(each)
                ]
                for request in split_lanes(messages, min(self.rate, MAX_REQUEST_MESSAGES)):
                    if (wait := next_at - self.clock()) > 0:
                        self.sleep(wait)
                    # What was not used of the rate is not made up for.
                    next_at = max(next_at, self.clock()) + len(request) / self.rate
                    self.topics.publish(self.topic, request, timeout=_REQUEST_SECONDS)
                    self.result.published += len(request)
                    shown_at = self._show(shown_at)
        except BridgeError as error:
            self.result.error = str(error)
        except KeyboardInterrupt:
            self.result.error = "Interrupted."
        return self.result

    def _show(self, shown_at: float) -> float:
        now = self.clock()
        if now - shown_at < _PROGRESS_SECONDS:
            return shown_at
        self.notify(f"Published {self.result.published:,} messages.")
        return now


def make_repeat(message: Message, lanes: int) -> Message:
    """Return the message to publish again: the same data and attributes, in the same lane.

    A message without an ordering key gets the one of its lane, if it is an event.
    """
    if message.ordering_key or not message.attributes.get("ce-id"):
        return message
    return message._replace(ordering_key=lane_key(entity_lane(message.attributes, lanes)))


def split_lanes(messages: Sequence[Message], most: int) -> Iterator[Sequence[Message]]:
    """Split messages into publish requests: one lane each, `most` messages, Pub/Sub's bytes.

    The order within each lane stays.
    """
    by_lane: dict[str, list[Message]] = {}
    for message in messages:
        by_lane.setdefault(message.ordering_key, []).append(message)
    for members in by_lane.values():
        yield from split_requests(members, wire_size, most, max_bytes=MAX_DATA_BYTES)
