"""Receive the messages of a topic: from the emulator, or from the log of the embedded backend."""

import time
import uuid
from contextlib import suppress
from pathlib import Path

from google.api_core import exceptions as google_errors
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message


class Subscriber:
    """Receives everything published to one topic after its creation."""

    def __init__(self, settings: BackendSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._name = f"projects/{settings.project}/subscriptions/watch-{uuid.uuid4().hex}"
        if settings.kind == "gcp":
            transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
            self._client = SubscriberClient(transport=transport)
            self._client.create_subscription(
                request={
                    "name": self._name,
                    "topic": f"projects/{settings.project}/topics/{topic}",
                    "enable_message_ordering": True,
                }
            )

    def receive(self, count: int) -> list[Message]:
        """Return the first `count` messages in order; fewer if no more arrive for a long time."""
        if self._settings.kind == "embedded":
            stored = MessageLog(Path(self._settings.embedded_dir)).read(self._topic, limit=count)
            return [record.message for record in stored]
        received: list[Message] = []
        arrived_at = time.monotonic()
        while len(received) < count and time.monotonic() < arrived_at + PATIENCE_SECONDS:
            # A pull from an empty subscription ends with a timeout.
            with suppress(google_errors.DeadlineExceeded):
                response = self._client.pull(
                    subscription=self._name, max_messages=1_000, timeout=2.0, retry=None
                )
                for delivery in response.received_messages:
                    pulled = delivery.message
                    attributes = dict(pulled.attributes)
                    received.append(Message(pulled.data, attributes, pulled.ordering_key))
                ids = [delivery.ack_id for delivery in response.received_messages]
                if ids:
                    arrived_at = time.monotonic()
                    self._client.acknowledge(subscription=self._name, ack_ids=ids)
        return received
