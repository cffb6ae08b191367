"""What subscribers of a backend would get: read from the emulator, or from the embedded log."""

import time
import uuid
from contextlib import suppress
from pathlib import Path

from google.api_core import exceptions as google_errors
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.embedded.message_log import MessageLog
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message


class Subscriber:
    """Everything published to one topic since this was made."""

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
        """Return the first `count` messages in order; fewer if no more come for long."""
        if self._settings.kind == "embedded":
            stored = MessageLog(Path(self._settings.embedded_dir)).read(self._topic, limit=count)
            return [one.message for one in stored]
        received: list[Message] = []
        came_at = time.monotonic()
        while len(received) < count and time.monotonic() < came_at + PATIENCE_SECONDS:
            # An empty subscription answers by a timeout.
            with suppress(google_errors.DeadlineExceeded):
                answer = self._client.pull(
                    subscription=self._name, max_messages=1_000, timeout=2.0, retry=None
                )
                for one in answer.received_messages:
                    attributes = dict(one.message.attributes)
                    received.append(Message(one.message.data, attributes, one.message.ordering_key))
                ids = [one.ack_id for one in answer.received_messages]
                if ids:
                    came_at = time.monotonic()
                    self._client.acknowledge(subscription=self._name, ack_ids=ids)
        return received
