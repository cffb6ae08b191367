"""A deployment with `rejected` and `dead-letters`, and the commands that read them."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.commands import CommandResult, run_command
from tests.support.event_messages import event, message_of
from tests.support.local_deployment import write_endpoints
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import (
    BackendSettings,
    open_backend,
    open_collections,
    open_subscriptions,
)
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.events import entity_lane, lane_key
from videovector_bridge.messages import rejected_messages

PUBLISHED_AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
KINDS = ("rejected", "dead-letters")
LANES = 16
_HOST = "PUBSUB_EMULATOR_HOST"


def event_copy(name: str, **fields: Any) -> Message:
    """An event as it is on topic `events`, with the lane of its run."""
    message = message_of(event(name, **fields))
    return message._replace(ordering_key=lane_key(entity_lane(message.attributes, LANES)))


def rejections(
    original: Message,
    *,
    automation: str = "red",
    action: str = "upsert_marker",
    code: str = "validation_refused",
    data: bytes | None = None,
) -> list[Message]:
    """The messages on `rejected` about an effect of an event; several if the data is too large."""
    names = {name: value for name, value in original.attributes.items() if name[:3] == "ce-"}
    return rejected_messages(
        original.data if data is None else data,
        owner="user",
        code=code,
        detail="422: no such color",
        context={
            **names,
            "action": action,
            "automation": automation,
            "event-id": original.attributes["ce-id"],
        },
    )


def rejection(original: Message, **fields: Any) -> Message:
    """The one message on `rejected` about an effect of an event."""
    (message,) = rejections(original, **fields)
    return message


def raw_rejection(data: bytes = b"no JSON", code: str = "bad_json", **context: str) -> Message:
    """A message on `rejected` about data of the stream that is no event."""
    names = {"stream": "default", "source": "//127.0.0.1/processing/events", **context}
    (message,) = rejected_messages(data, owner="vendor", code=code, detail="why", context=names)
    return message


def dead_letter(original: Message, subscription: str = "upsert-markers") -> Message:
    """A message on `dead-letters`, with the attributes that Pub/Sub adds."""
    added = {
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceSubscription": subscription,
        "CloudPubSubDeadLetterSourceSubscriptionProject": "my-project",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-27T12:00:00.000+00:00",
    }
    return original._replace(attributes={**original.attributes, **added})


def pulled(message: Message, message_id: str = "1", at: datetime = PUBLISHED_AT) -> PulledMessage:
    """A message as it is pulled."""
    return PulledMessage(f"ack-{message_id}", message_id, message, at)


class LetterBox:
    """The subscriptions on a backend, and topic `events`. Commands run with `--local`.

    `published` has what is on topic `events`, all of it since the creation of this object.
    """

    def __init__(self, settings: BackendSettings, folder: Path, *, ack_deadline: int = 60) -> None:
        self.settings = settings
        self.backend = open_backend(settings)
        self.subscriptions = open_subscriptions(settings)
        self.folder = folder
        # The emulator needs longer for the first message of a pull.
        self.wait = "1s" if settings.kind == "embedded" else "4s"
        write_endpoints(folder, settings)
        if settings.kind == "embedded":
            local = SqliteSubscriptions(Path(settings.embedded_dir))
            for kind in KINDS:
                local.create(kind, kind, timeout=10)
        else:
            _create_subscriptions(settings.project, ack_deadline)
        self._events = Subscriber(settings, "events")
        self._received: list[Message] = []

    def put(self, kind: str, *messages: Message) -> None:
        """Publish messages to topic `rejected` or `dead-letters`."""
        for message in messages:
            alone = message._replace(ordering_key="")
            self.backend.topics.publish(kind, [alone], timeout=60)

    def run(self, kind: str, verb: str, *arguments: str, stdin: str = "") -> CommandResult:
        """Run a command of the group `kind`."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            return run_command(
                *(kind, verb, "--local", "--wait", self.wait, *arguments), stdin=stdin
            )
        finally:
            os.chdir(before)

    def result(self, kind: str, verb: str, *arguments: str, status: int = 0) -> Any:
        """Run a command with `--json`; check its status and return its output."""
        ran = self.run(kind, verb, *arguments, "--json")
        assert ran.status == status, ran.err
        return ran.json

    def published(self, count: int) -> list[Message]:
        """Return the first `count` messages on topic `events`."""
        if self.settings.kind == "embedded":
            return self._events.receive(count)
        self._received += self._events.receive(count - len(self._received))
        return self._received[:count]

    def left(self, kind: str) -> list[str]:
        """Return the event ids of the messages that a command would read, or their message ids."""
        rows = self.result(kind, "list", "--each")["messages"]
        return sorted(row["event_id"] or row["message_id"] for row in rows)

    def expire_leases(self) -> None:
        """Let the leases of other readers end, where that needs no waiting."""
        if self.settings.kind == "embedded":
            folder = Path(self.settings.embedded_dir)
            later = SqliteSubscriptions(folder, now=lambda: time.time() + 3_600)
            for kind in KINDS:
                pulled = later.pull(kind, limit=1_000, timeout=1)
                ack_ids = [each.ack_id for each in pulled]
                self.subscriptions.extend(kind, ack_ids, 0, timeout=10)

    def records(self) -> list[Mapping[str, Any]]:
        """Return the records of `audit`."""
        stored = open_collections(self.settings).list("audit", limit=100, timeout=60)
        return [document.fields for _, document in stored]


def _create_subscriptions(project: str, ack_deadline: int) -> None:
    with (
        PublisherClient(transport=open_transport(PublisherGrpcTransport, _HOST)) as publisher,
        SubscriberClient(transport=open_transport(SubscriberGrpcTransport, _HOST)) as subscriber,
    ):
        publisher.create_topic(name=f"projects/{project}/topics/dead-letters")
        for kind in KINDS:
            subscriber.create_subscription(
                name=f"projects/{project}/subscriptions/{kind}",
                topic=f"projects/{project}/topics/{kind}",
                ack_deadline_seconds=ack_deadline,
            )


def as_set(messages: Sequence[Message]) -> set[tuple[bytes, tuple[tuple[str, str], ...], str]]:
    """Return messages as values that can be compared without their order."""
    return {
        (each.data, tuple(sorted(each.attributes.items())), each.ordering_key) for each in messages
    }
