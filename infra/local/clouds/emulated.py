"""The cloud on Google's emulators."""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import grpc
from google.api_core.exceptions import Conflict, DeadlineExceeded, ServiceUnavailable
from google.cloud.storage import Client
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.local.clouds.backend_cloud import BackendCloud
from infra.local.clouds.cloud import TopicMessage
from infra.local.clouds.emulated_pusher import EmulatedPusher
from infra.local.clouds.emulators import Emulators
from infra.local.topology import Subscription, Topology
from videovector_bridge.backends import open_backend
from videovector_bridge.settings import BackendSettings

_BATCH = 1_000
# The longest that Pub/Sub allows: here a window of messages waits in the memory of a pusher.
_ACK_DEADLINE_SECONDS = 600
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class EmulatedCloud(BackendCloud):
    """Topics, subscriptions and buckets on the emulators, in a project of one run."""

    kind = "gcp"

    def __init__(self, emulators: Emulators, settings: BackendSettings) -> None:
        """`settings` has the names of the project and the buckets."""
        self.project = settings.project
        self._settings = settings
        self._emulators = emulators
        # Google's libraries read these variables, here and in the functions.
        os.environ.update(emulators.environment)
        super().__init__(open_backend(settings))
        self._channel = grpc.insecure_channel(emulators.pubsub_host, options=_UNLIMITED)
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        self._subscriber = SubscriberClient(
            transport=SubscriberGrpcTransport(channel=self._channel)
        )
        self._pushers: list[EmulatedPusher] = []

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which functions find the emulators."""
        return {
            "BACKEND": "gcp",
            "GOOGLE_CLOUD_PROJECT": self.project,
            "PREVIEW_BUCKET": self._settings.preview_bucket,
            **self._emulators.environment,
        }

    def build(self, topology: Topology, urls: Mapping[str, str], *, watch: tuple[str, ...]) -> None:
        """Create topics, subscriptions and buckets, as in `Cloud.build`, and start the pushers."""
        for bucket in filter(None, (self._settings.preview_bucket, self._settings.claim_bucket)):
            with suppress(Conflict):  # an emulator that was running before may have it
                Client(project=self.project).create_bucket(bucket, timeout=10, retry=None)
        for topic, seconds in topology.topics.items():
            # Without a retention, no subscription can begin before its creation.
            request = {
                "name": self._path("topics", topic),
                "message_retention_duration": timedelta(seconds=seconds),
            }
            self._publisher.create_topic(request=request)
        for topic in watch:
            self._subscriber.create_subscription(
                name=self._path("subscriptions", f"watch-{topic}"),
                topic=self._path("topics", topic),
                ack_deadline_seconds=_ACK_DEADLINE_SECONDS,
            )
        for subscription in topology.subscriptions:
            if not subscription.function:
                self._subscribe(subscription, subscription.ack_deadline_seconds)
            elif subscription.function in urls:
                self._subscribe(subscription, _ACK_DEADLINE_SECONDS)
                pusher = EmulatedPusher(
                    self._subscriber,
                    self._path("subscriptions", subscription.name),
                    subscription,
                    urls[subscription.function],
                    topology.messages_at_once(subscription.function),
                )
                self._pushers.append(pusher)
                pusher.start()

    def _subscribe(self, subscription: Subscription, ack_deadline_seconds: int) -> None:
        request: dict[str, object] = {
            "name": self._path("subscriptions", subscription.name),
            "topic": self._path("topics", subscription.topic),
            "ack_deadline_seconds": ack_deadline_seconds,
            "filter": subscription.filter,
            # Shorter than in the cloud: here a person waits for the result.
            "retry_policy": {
                "minimum_backoff": timedelta(seconds=1),
                "maximum_backoff": timedelta(seconds=10),
            },
        }
        if subscription.dead_letter_topic:
            request["dead_letter_policy"] = {
                "dead_letter_topic": self._path("topics", subscription.dead_letter_topic),
                "max_delivery_attempts": subscription.max_delivery_attempts,
            }
        self._subscriber.create_subscription(request=request)

    def observe(self, topic: str) -> list[TopicMessage]:
        """Return new messages on a watched topic since the last call."""
        path = self._path("subscriptions", f"watch-{topic}")
        messages: list[TopicMessage] = []
        while True:
            try:
                response = self._subscriber.pull(
                    subscription=path,
                    max_messages=_BATCH,
                    return_immediately=True,
                    timeout=10,
                    retry=None,
                )
            except (DeadlineExceeded, ServiceUnavailable):
                return messages
            if not response.received_messages:
                return messages
            self._subscriber.acknowledge(
                subscription=path,
                ack_ids=[received.ack_id for received in response.received_messages],
            )
            for received in response.received_messages:
                message = received.message
                messages.append(
                    TopicMessage(dict(message.attributes), message.data, message.publish_time)
                )

    def crash_report(self) -> str:
        """Return a sentence if an emulator that was started here ended unexpectedly, else ""."""
        return self._emulators.crash_report()

    def stop(self) -> None:
        """Stop the pushers, and the emulators that were started here."""
        for pusher in self._pushers:
            pusher.stop()
        self._channel.close()
        for pusher in self._pushers:
            pusher.join()
        self._emulators.stop()

    def _path(self, kind: str, name: str) -> str:
        return f"projects/{self.project}/{kind}/{name}"
