"""Deliveries as VideoVector makes them, and `receive_webhook` in its host."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from flask import Flask

from tests.support.hosting import host
from tests.support.topic_subscriber import Subscriber
from tests.support.upstream import BASE_URL
from tests.support.watched_ports import Hook, WatchedTopics, nothing
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.backends.ports import Document, Documents, Message
from videovector_bridge.ingest.body import BodyReader
from videovector_bridge.ingest.webhook import Endpoint, Receiver, entry_point, open_receiver

# Not of the vendor's form, so that no pattern but only knowledge of the secret can hide it.
SECRET = "opaque-webhook-word"  # pragma: allowlist secret


def delivery(name: str = "evt_1", second: int = 0, **fields: Any) -> bytes:
    """Return the body of a delivery, by default about a failed run."""
    plain = {
        "id": name,
        "event": "prompt_run.failed",
        "data": {"run_id": "run_1", "user_id": "u1"},
        "created_at": f"2026-01-01T00:00:{second:02}.000Z",
        "api_version": "2026-01-01",
    }
    return orjson.dumps(plain | fields)


def signature(body: bytes, secret: str = SECRET) -> str:
    """Return the signature of a body."""
    return f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}"


def headers(body: bytes, secret: str = SECRET, /, **changes: str | None) -> dict[str, str]:
    """Return the headers of a delivery; `changes` names some with `_` for `-`, None: omit it."""
    plain: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-Webhook-Signature": signature(body, secret),
        "X-Webhook-ID": "wh_1",
        "X-Delivery-ID": "del_1",
        "X-Event-Type": "prompt_run.failed",
    }
    plain |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in plain.items() if value is not None}


def environment(backend: BackendSettings) -> dict[str, str]:
    """Return the variables of a deployment over a backend. There is no API key in it."""
    return {
        "VIDEO_VECTOR_BASE_URL": BASE_URL,
        "BACKEND": backend.kind,
        "EMBEDDED_DIR": backend.embedded_dir,
        "GOOGLE_CLOUD_PROJECT": backend.project,
        "WEBHOOK_SECRETS": SECRET,
    }


class Deployment:
    """`receive_webhook` in its host over a backend, and what it publishes from now on.

    `environ` are its variables.
    """

    def __init__(self, settings: BackendSettings, **variables: str) -> None:
        self.settings = settings
        self.environ = environment(settings) | variables
        self._topics = {name: Subscriber(settings, name) for name in ("events", "rejected")}
        self._parts: dict[str, Any] = {}
        self._changes: dict[str, Any] = {}
        self._deploy()

    def set(self, **variables: str) -> None:
        """Deploy again with these variables."""
        self.environ = self.environ | variables
        self._deploy()

    def watch(self, *, before: Hook = nothing, after: Hook = nothing) -> WatchedTopics:
        """Deploy again with topics that have these hooks, and return the topics."""
        backend = open_backend(self.settings)
        topics = WatchedTopics(backend.topics, before=before, after=after)
        self.change(backend=replace(backend, topics=topics))
        return topics

    def change(
        self,
        *,
        bodies: BodyReader | None = None,
        now: Callable[[], datetime] | None = None,
        **parts: Any,
    ) -> None:
        """Deploy again with another reader of bodies or clock, or other parts of the receiver."""
        named = {"bodies": bodies, "now": now}
        self._changes |= {name: value for name, value in named.items() if value is not None}
        self._parts |= parts
        self._deploy()

    def _deploy(self) -> None:
        self.app = deploy(self.environ, open_=self._open, **self._changes)

    def _open(self, environ: Mapping[str, str]) -> Receiver:
        return replace(open_receiver(environ), **self._parts)

    def post(
        self, body: bytes, all_headers: dict[str, str] | None = None, /, **changes: str | None
    ) -> Any:
        """Deliver a body with its headers, changed; or with `all_headers`."""
        sent = headers(body, **changes) if all_headers is None else all_headers
        return self.app.test_client().post("/", data=body, headers=sent)

    def published(self, topic: str, count: int = 1) -> list[Message]:
        """Return the messages on a topic, `count` of them."""
        return self._topics[topic].receive(count)

    def nothing_published(self) -> bool:
        """Whether all topics are empty; for the embedded backend, which returns at once."""
        assert self.settings.kind == "embedded"
        return not self.published("events") and not self.published("rejected")


def set_channel_pause(
    documents: Documents, value: object, *, replaces: Document | None = None
) -> Document:
    """Write the pause of the webhook channel, by default into a new document."""
    return documents.write("channels", "webhook", {"paused": value}, replaces=replaces, timeout=5)


def deploy(environ: Mapping[str, str], **changes: Any) -> Flask:
    """Return `receive_webhook` in its host; `changes` are arguments of its `Endpoint`."""
    return host(entry_point(Endpoint(environ, **changes)))
