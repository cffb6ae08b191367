"""docs/operating.md: the commands that redrive dead letters, against the Pub/Sub emulator."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support import ROOT
from tests.support.pages import find_code
from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.gcp.channels import open_transport

(COMMANDS,) = find_code(ROOT / "docs" / "operating.md", "bash")
HOST = "PUBSUB_EMULATOR_HOST"
ADDED = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    "CloudPubSubDeadLetterSourceSubscription": "upsert-markers",
}
MESSAGES = [
    PubsubMessage(data=b'{"a": 1}\n', attributes={"ce-id": "1", "ce-subject": "a, b='c' \"d\""}),
    PubsubMessage(data=b"\xff\x00", attributes={"ce-id": "2"}, ordering_key="lane-03"),
    PubsubMessage(data=b"", attributes={"ce-id": "3", "ce-dataref": "gs://b/o", "ce-type": "ü"}),
    *(PubsubMessage(data=b"{}", attributes={"ce-id": f"more-{number}"}) for number in range(20)),
]

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.skipif(
        not all(map(shutil.which, ("bash", "curl", "jq"))),
        reason="the commands need bash, curl and jq",
    ),
]


class Project:
    """Topics and subscriptions of a deployment with a prefix, and a folder for the commands."""

    def __init__(
        self, project: str, folder: Path, publisher: PublisherClient, subscriber: SubscriberClient
    ) -> None:
        self._project, self._folder = project, folder
        self._publisher, self._subscriber = publisher, subscriber
        self._prefix = f"r{uuid.uuid4().hex[:6]}-"
        for name in ("dead-letters", "events"):
            topic, subscription = self._path("topics", name), self._path("subscriptions", name)
            publisher.create_topic(name=topic)
            subscriber.create_subscription(name=subscription, topic=topic, ack_deadline_seconds=600)

    def dead_letter(self, messages: Sequence[PubsubMessage]) -> None:
        """Publish messages to the dead-letter topic, with the attributes that Pub/Sub adds."""
        for message in messages:
            dead = PubsubMessage(message)
            dead.attributes.update(ADDED)
            self._publisher.publish(topic=self._path("topics", "dead-letters"), messages=[dead])

    def delete_events(self) -> None:
        """Delete topic `events`, so that publishing fails."""
        self._publisher.delete_topic(topic=self._path("topics", "events"))

    def redrive(self) -> subprocess.CompletedProcess[str]:
        """Run the commands of the page, with a gcloud that prints a token."""
        gcloud = self._folder / "gcloud"
        gcloud.write_text("#!/bin/sh\necho made-up-token\n", encoding="utf-8")
        gcloud.chmod(0o755)
        changes = {
            "https://pubsub.googleapis.com": f"http://{os.environ[HOST]}",
            "project=my-project\n": f"project={self._project}\n",
            "prefix=\n": f"prefix={self._prefix}\n",
            # An empty subscription of the emulator responds after 90 seconds.
            '"maxMessages": 10': '"maxMessages": 10, "returnImmediately": true',
        }
        commands = COMMANDS
        for old, new in changes.items():
            assert old in commands
            commands = commands.replace(old, new)
        return subprocess.run(
            ["bash", "-c", commands],
            cwd=self._folder,
            env={**os.environ, "PATH": f"{self._folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def acknowledged(self) -> bool:
        """Whether the commands have acknowledged a message."""
        return (self._folder / "acknowledged.json").exists()

    def pull(self, name: str) -> dict[str, tuple[bytes, dict[str, str], str]]:
        """Return data, attributes and ordering key of the messages, by the event's id."""
        messages: dict[str, tuple[bytes, dict[str, str], str]] = {}
        while received := self._subscriber.pull(
            request={
                "subscription": self._path("subscriptions", name),
                "max_messages": 100,
                "return_immediately": True,
            }
        ).received_messages:
            messages |= by_id([each.message for each in received])
        return messages

    def _path(self, kind: str, name: str) -> str:
        return f"projects/{self._project}/{kind}/{self._prefix}{name}"


def by_id(messages: Sequence[PubsubMessage]) -> dict[str, tuple[bytes, dict[str, str], str]]:
    """Return data, attributes and ordering key by the event's id."""
    return {
        each.attributes["ce-id"]: (each.data, dict(each.attributes), each.ordering_key)
        for each in messages
    }


@pytest.fixture
def project(gcp_settings: BackendSettings, tmp_path: Path) -> Iterator[Project]:
    """A project on the emulator."""
    with ExitStack() as stack:
        publisher = stack.enter_context(
            PublisherClient(transport=open_transport(PublisherGrpcTransport, HOST))
        )
        subscriber = stack.enter_context(
            SubscriberClient(transport=open_transport(SubscriberGrpcTransport, HOST))
        )
        yield Project(gcp_settings.project, tmp_path, publisher, subscriber)


def test_every_dead_letter_is_published_as_it_was(project: Project) -> None:
    """Any bytes and attributes, without what Pub/Sub added; nothing remains on `dead-letters`."""
    project.dead_letter(MESSAGES)

    completed = project.redrive()

    assert completed.returncode == 0, completed.stderr
    assert sum(map(int, completed.stdout.split())) == len(MESSAGES)
    assert project.pull("events") == by_id(MESSAGES)
    assert project.pull("dead-letters") == {}


def test_without_dead_letters_nothing_is_published(project: Project) -> None:
    """The commands end with success."""
    completed = project.redrive()

    assert (completed.returncode, completed.stdout) == (0, ""), completed.stderr
    assert project.pull("events") == {}


def test_what_is_not_published_is_not_acknowledged(project: Project) -> None:
    """If publishing fails, the commands stop with an error."""
    project.dead_letter(MESSAGES[:1])
    project.delete_events()

    completed = project.redrive()

    assert completed.returncode != 0
    assert "404" in completed.stderr
    assert not project.acknowledged()
