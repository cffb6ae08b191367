"""From emitted to published: the delay of each message on a topic, read from a subscription.

Emitted is the event's `created_at` (`ce-time`). Published is the time that Pub/Sub gave the message
when it accepted the request: 1 to 2 ms before the publisher has the response (measured here). All
processes are on one machine, and so have one clock. The emulator's time has whole milliseconds,
rounded down, so that a delay may be 0.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PubsubMessage, SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.local.clouds.emulators import Emulators

_PER_PULL: Final = 1_000
_PULL_SECONDS: Final = 5.0
_EMPTY_PULLS: Final = 3
_MILLISECOND: Final = timedelta(milliseconds=1)


class Delays:
    """A subscription of a project's topic `events`, which begins now."""

    def __init__(self, emulators: Emulators, project: str) -> None:
        options = [("grpc.max_receive_message_length", -1)]
        self._channel = grpc.insecure_channel(emulators.pubsub_host, options=options)
        transport = SubscriberGrpcTransport(channel=self._channel)
        self._client = SubscriberClient(transport=transport)
        self._name = f"projects/{project}/subscriptions/bench"
        topic = f"projects/{project}/topics/events"
        self._client.create_subscription(name=self._name, topic=topic)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def read(self, count: int) -> list[float]:
        """Return the delays (ms) of the next `count` messages that have a `ce-time`.

        Raises `RuntimeError` if there are fewer.
        """
        delays: list[float] = []
        empty = 0
        while len(delays) < count and empty < _EMPTY_PULLS:
            messages = self._pull()
            empty = 0 if messages else empty + 1
            delays += find_delays(messages)
        if len(delays) != count:
            raise RuntimeError(f"{len(delays)} of {count} messages are on {self._name}")
        return delays

    def _pull(self) -> Sequence[PubsubMessage]:
        try:
            response = self._client.pull(
                subscription=self._name,
                max_messages=_PER_PULL,
                timeout=_PULL_SECONDS,
                retry=None,
            )
        except DeadlineExceeded:
            return []
        received = response.received_messages
        if received:
            ids = [each.ack_id for each in received]
            self._client.acknowledge(subscription=self._name, ack_ids=ids)
        return [each.message for each in received]


def find_delays(messages: Sequence[PubsubMessage]) -> Iterator[float]:
    """Yield the delay (ms) of each message that has a `ce-time`."""
    for message in messages:
        if emitted := message.attributes.get("ce-time"):
            yield (message.publish_time - datetime.fromisoformat(emitted)) / _MILLISECOND
