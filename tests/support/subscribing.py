"""A subscriber function as its host runs it, beside a stand-in of VideoVector."""

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from functions_framework import create_app

from infra.standin import StandIn, StandInConfig
from tests.support import ROOT
from tests.support.delivered import Subscriber
from videovector_bridge.automate import wiring
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.ports import Document, Message
from videovector_bridge.events import Event, decode_event, event_message
from videovector_bridge.ingest.delivery import VerifiedDelivery, decode_delivery
from videovector_bridge.ingest.delivery import message_of as delivered_message

MAIN = ROOT / "functions" / "main.py"
SENTINEL = b"the end"
TOPICS = ("events", "rejected", "media-urls")
SOURCE = "//127.0.0.1/processing/events"


class Deployed:
    """One function with its settings; topics are read from when this was made."""

    def __init__(
        self,
        target: str,
        standin: StandIn,
        settings: BackendSettings,
        environ: Callable[[str, str], None],
        folder: Path,
    ) -> None:
        self.standin = standin
        self.settings = settings
        self.set = environ
        self.file = folder / "automations.toml"
        self.backend: Backend = open_backend(settings)
        self._seen: dict[str, list[Message]] = {name: [] for name in TOPICS}
        self._topics = {name: Subscriber(settings, name) for name in TOPICS}
        environ("BACKEND", settings.kind)
        environ("EMBEDDED_DIR", settings.embedded_dir)
        environ("GOOGLE_CLOUD_PROJECT", settings.project)
        environ("CLAIM_BUCKET", settings.claim_bucket)
        environ("PREVIEW_BUCKET", settings.preview_bucket)
        environ("VIDEO_VECTOR_BASE_URL", standin.api_url)
        # Deleting takes a scope of its own.
        scope = "admin" if target == "delete_markers" else "write"
        environ("VIDEO_VECTOR_API_KEY", standin.keys[scope])
        environ("API_TIMEOUT_SECONDS", "5")
        environ("AUTOMATIONS_FILE", str(self.file))
        environ("SIGNED_URL_BUCKETS", "")
        wiring.instance._made = None
        self.client: FlaskClient = create_app(target, str(MAIN)).test_client()  # type: ignore[no-untyped-call]  # it has no types

    def automations(self, *tables: str) -> None:
        """Write the automations file."""
        self.file.write_text("\n".join(tables), encoding="utf-8")
        wiring.instance._made = None

    def push(self, event: Mapping[str, Any]) -> int:
        """Deliver an event as the ingest publishes it; the status of the answer."""
        message = message_of(event)
        return self.post(message.data, message.attributes)[0]

    def post(self, data: bytes, attributes: Mapping[str, str]) -> tuple[int, str]:
        """Deliver a message as an unwrapped push with metadata does; status and body."""
        metadata = {
            "x-goog-pubsub-message-id": "1234567890",
            "x-goog-pubsub-publish-time": "2026-01-01T00:00:00.000Z",
            "x-goog-pubsub-subscription-name": "projects/p/subscriptions/s",
            "x-goog-pubsub-delivery-attempt": "1",
        }
        answer = self.client.post("/", data=data, headers={**metadata, **attributes})
        return answer.status_code, answer.get_data(as_text=True)

    def push_delivery(self, body: bytes) -> int:
        """Deliver a webhook's delivery as the ingest publishes it; the status of the answer."""
        message = message_of_delivery(body)
        return self.post(message.data, message.attributes)[0]

    def requests(self, endpoint: str) -> int:
        """How many requests an endpoint of the API has had."""
        counts = self.standin.control.journal(ids=False)["requests"]
        return int(counts.get(endpoint, 0))

    def markers(self) -> dict[str, Any]:
        """The colour of each target."""
        found = self.standin.control.journal(ids=False)["markers"]
        return {one["target_id"]: one["color"] for one in found}

    def announced(self, event_type: str) -> list[dict[str, Any]]:
        """The bridge's own events of a type, as subscribers would see them."""
        found = [
            one
            for one in self.published("events")
            if one.attributes["ce-type"].endswith(event_type)
        ]
        assert all(one.attributes["ce-channel"] == "bridge" for one in found)
        return [json.loads(one.data) for one in found]

    def record(self, target: str) -> Document:
        """The record of a target, which is there."""
        found = self.backend.documents.read("effects", target, timeout=10)
        assert found is not None
        return found

    def published(self, topic: str) -> list[Message]:
        """Everything published to a topic."""
        end = SENTINEL + uuid.uuid4().bytes
        self.backend.topics.publish(topic, [Message(end)], timeout=10)
        found: list[Message] = []
        while not any(one.data == end for one in found):
            count = len(found) + 1
            more = self._topics[topic].receive(count)
            assert more, "the topic holds less than was published"
            found = more if self.settings.kind == "embedded" else [*found, *more]
        if self.settings.kind == "gcp":  # which gives each message once
            self._seen[topic] += found
            found = self._seen[topic]
        return [one for one in found if not one.data.startswith(SENTINEL)]


def message_of(event: Mapping[str, Any]) -> Message:
    """An event as a message of topic `events`."""
    decoded = decode_event(json.dumps(event, ensure_ascii=False).encode())
    assert isinstance(decoded, Event), decoded
    return event_message(decoded, source=SOURCE, channel="stream", ordering_key="")


def message_of_delivery(body: bytes) -> Message:
    """A webhook's delivery as a message of topic `events`."""
    decoded = decode_delivery(body)
    assert isinstance(decoded, Event), decoded
    delivery = VerifiedDelivery(body, "wh_1")
    return delivered_message(delivery, decoded, api_host="127.0.0.1", lanes=16)


def event(name: str = "evt_1", second: int = 0, **fields: Any) -> dict[str, Any]:
    """An event of VideoVector, by default about a failed run."""
    return {
        "event_id": name,
        "event_type": "prompt_run.failed",
        "user_id": "u1",
        "run_id": "run_1",
        "video_id": None,
        "segment_id": None,
        "index_id": None,
        "created_at": f"2026-01-01T00:00:{second:02}.000Z",
        "payload": {},
        **fields,
    }


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """A VideoVector of its own."""
    with StandIn(StandInConfig(videos=2, playground_videos=0)) as running:
        yield running


@pytest.fixture
def deploy(
    standin: StandIn,
    backend_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], Deployed]]:
    """Deploy a function over each backend in turn."""
    yield from deploying(standin, backend_settings, monkeypatch, tmp_path)


@pytest.fixture
def deploy_embedded(
    standin: StandIn,
    embedded_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], Deployed]]:
    """Deploy a function where the backend makes no difference."""
    yield from deploying(standin, embedded_settings, monkeypatch, tmp_path)


@pytest.fixture
def deploy_gcp(
    standin: StandIn,
    gcp_settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[[str], Deployed]]:
    """Deploy a function over Google's emulators."""
    yield from deploying(standin, gcp_settings, monkeypatch, tmp_path)


def deploying(
    standin: StandIn,
    settings: BackendSettings,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> Iterator[Callable[[str], Deployed]]:
    """What these fixtures do; the environment is as before in the end."""
    before = dict(os.environ)

    def deploy(target: str) -> Deployed:
        return Deployed(target, standin, settings, monkeypatch.setenv, folder)

    yield deploy
    with contextlib.suppress(AttributeError):
        wiring.instance._made = None
    for name in set(os.environ) - set(before):
        monkeypatch.delenv(name, raising=False)
