"""A subscriber function in its host, beside a stand-in of VideoVector."""

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from infra.standin import StandIn, StandInConfig
from tests.support.contexts import Change, with_effects, with_limits
from tests.support.event_messages import message_of, message_of_delivery
from tests.support.hosting import host
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.subscriber import entry_points
from videovector_bridge.automate.wiring import Instance, open_instance
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Document, Message

SENTINEL = b"the end"
TOPICS = ("events", "rejected", "media-urls")

# A busy machine fails no test, and no test pauses.
_PATIENT = (with_effects(store_seconds=60.0), with_limits(publish=60.0, claim_pause=0.0))


@dataclass
class Environment:
    """The variables, automations file and changes that the functions of one test share.

    `revision` counts the changes: a function with an older revision restarts.
    """

    setenv: Callable[[str, str], None]
    file: Path
    changes: list[Change] = field(default_factory=list)
    revision: int = 0

    def set(self, name: str, value: str) -> None:
        """Set a variable."""
        self.setenv(name, value)
        self.revision += 1

    def open(self) -> Instance:
        """Open the context as the variables configure it, with the changes."""
        context, automations = open_instance()
        for change in (*_PATIENT, *self.changes):
            context = change(context)
        return Instance(context, automations)


class DeployedFunction:
    """One function in its host. It restarts after every change of its settings.

    `published` has the messages since the creation of this object.
    """

    def __init__(
        self, target: str, standin: StandIn, settings: BackendSettings, environment: Environment
    ) -> None:
        self.standin = standin
        self.settings = settings
        self.file = environment.file
        self.backend: Backend = open_backend(settings)
        self._target = target
        self._environment = environment
        self._running: tuple[int, Flask, PerProcess[Instance]] | None = None
        self._received: dict[str, list[Message]] = {name: [] for name in TOPICS}
        self._topics = {name: Subscriber(settings, name) for name in TOPICS}
        # Deleting needs a scope of its own.
        scope = "admin" if target == "delete_markers" else "write"
        for name, value in {
            "BACKEND": settings.kind,
            "EMBEDDED_DIR": settings.embedded_dir,
            "GOOGLE_CLOUD_PROJECT": settings.project,
            "CLAIM_BUCKET": settings.claim_bucket,
            "PREVIEW_BUCKET": settings.preview_bucket,
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": standin.keys[scope],
            "API_TIMEOUT_SECONDS": "30",
            "AUTOMATIONS_FILE": str(self.file),
            "SIGNED_URL_BUCKETS": "",
        }.items():
            environment.set(name, value)

    def set(self, name: str, value: str) -> None:
        """Set a variable of the environment."""
        self._environment.set(name, value)

    def automations(self, *tables: str) -> None:
        """Write the automations file."""
        self.file.write_text("\n".join(tables), encoding="utf-8")
        self._environment.revision += 1

    def change(self, change: Change) -> None:
        """Change the context of the functions of this test."""
        self._environment.changes.append(change)
        self._environment.revision += 1

    @contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        """Change the context until the end of the block."""
        self.change(change)
        yield
        self._environment.changes.remove(change)
        self._environment.revision += 1

    def set_clock(self, unix_time: float) -> None:
        """Stop the clock of the effects at a time, such as the end of a claim."""
        self.change(with_effects(now=lambda: unix_time))

    @property
    def app(self) -> Flask:
        """The app of the host, with the current settings."""
        return self._run()[1]

    @property
    def client(self) -> FlaskClient:
        """A client of the host."""
        return self.app.test_client()

    @property
    def context(self) -> Context:
        """The context of the running function."""
        return self._run()[2].get().context

    def _run(self) -> tuple[int, Flask, PerProcess[Instance]]:
        revision = self._environment.revision
        if self._running is None or self._running[0] != revision:
            instance = PerProcess(self._environment.open)
            self._running = (revision, host(entry_points(instance)[self._target]), instance)
        return self._running

    def push(self, event: Mapping[str, Any]) -> int:
        """Deliver an event as the ingest publishes it. Returns the status of the response."""
        message = message_of(event)
        return self.post(message.data, message.attributes)[0]

    def push_delivery(self, body: bytes) -> int:
        """Deliver a webhook's delivery as the ingest publishes it. Returns the status."""
        message = message_of_delivery(body)
        return self.post(message.data, message.attributes)[0]

    def post(self, data: bytes, attributes: Mapping[str, str]) -> tuple[int, str]:
        """Deliver a message as an unwrapped push with metadata does. Returns status and body."""
        metadata = {
            "x-goog-pubsub-message-id": "1234567890",
            "x-goog-pubsub-publish-time": "2026-01-01T00:00:00.000Z",
            "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
            "x-goog-pubsub-delivery-attempt": "1",
        }
        response = self.client.post("/", data=data, headers={**metadata, **attributes})
        return response.status_code, response.get_data(as_text=True)

    def redrive(self, rejected: Message) -> int:
        """Publish a rejected message again, as an operator does. Returns the delivery's status."""
        attributes = {name: text for name, text in rejected.attributes.items() if name[:3] == "ce-"}
        return self.post(rejected.data, {**attributes, "content-type": "application/json"})[0]

    def requests(self, endpoint: str) -> int:
        """Return how many requests an endpoint of the API has received."""
        counts = self.standin.control.journal(ids=False)["requests"]
        return int(counts.get(endpoint, 0))

    def markers(self) -> dict[str, Any]:
        """Return the colour of the marker of each target."""
        markers = self.standin.control.journal(ids=False)["markers"]
        return {marker["target_id"]: marker["color"] for marker in markers}

    def announced(self, event_type: str) -> list[dict[str, Any]]:
        """Return the bridge's own events of a type, as subscribers receive them."""
        messages = [
            message
            for message in self.published("events")
            if message.attributes["ce-type"].endswith(event_type)
        ]
        assert all(message.attributes["ce-channel"] == "bridge" for message in messages)
        return [json.loads(message.data) for message in messages]

    def record(self, target: str) -> Document:
        """Return the record of a target, which must exist."""
        document = self.backend.documents.read("effects", target, timeout=10)
        assert document is not None
        return document

    def published(self, topic: str) -> list[Message]:
        """Return everything published to a topic."""
        end = SENTINEL + uuid.uuid4().bytes
        self.backend.topics.publish(topic, [Message(end)], timeout=10)
        messages: list[Message] = []
        while not any(message.data == end for message in messages):
            more = self._topics[topic].receive(len(messages) + 1)
            assert more, "the topic holds less than was published"
            messages = more if self.settings.kind == "embedded" else [*messages, *more]
        if self.settings.kind == "gcp":  # it delivers each message once
            self._received[topic] += messages
            messages = self._received[topic]
        return [message for message in messages if not message.data.startswith(SENTINEL)]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A stand-in of VideoVector."""
    with StandIn(StandInConfig(videos=2, playground_videos=0)) as running:
        yield running


@pytest.fixture
def deploy(
    standin: StandIn,
    backend_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], DeployedFunction]]:
    """Deploy a function over each backend in turn."""
    yield from deploying(standin, backend_settings, monkeypatch, tmp_path)


@pytest.fixture
def deploy_embedded(
    standin: StandIn,
    embedded_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], DeployedFunction]]:
    """Deploy a function where the backend makes no difference."""
    yield from deploying(standin, embedded_settings, monkeypatch, tmp_path)


@pytest.fixture
def deploy_gcp(
    standin: StandIn,
    gcp_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], DeployedFunction]]:
    """Deploy a function over Google's emulators."""
    yield from deploying(standin, gcp_settings, monkeypatch, tmp_path)


def deploying(
    standin: StandIn,
    settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> Iterator[Callable[[str], DeployedFunction]]:
    """Yield the function `deploy` of these fixtures. Restores the environment at the end."""
    before = set(os.environ)
    environment = Environment(monkeypatch.setenv, folder / "automations.toml")

    def deploy(target: str) -> DeployedFunction:
        return DeployedFunction(target, standin, settings, environment)

    yield deploy
    for name in set(os.environ) - before:
        monkeypatch.delenv(name, raising=False)
