"""`drain` and `reconcile` over one backend, beside a stand-in; time can be advanced."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from infra.standin import StandIn
from tests.support.hosting import host
from tests.support.topic_subscriber import Subscriber
from tests.support.windows import NO_JITTER
from videovector_bridge.backends import (
    BackendSettings,
    open_backend,
    open_collections,
    open_subscriptions,
)
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.ports import Message, Timeout, seconds_left
from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings.drain import drain_settings
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.reconcile.endpoint import Endpoint, entry_point, open_clients
from videovector_bridge.watch.reconcile.reconciler import Clients

CHANNEL = "ce-channel"
EVERY_SECONDS = 300.0
"""The schedule of `reconcile`."""


class ImpatientSubscriptions:
    """SQLite responds at once: an empty subscription needs no wait."""

    def __init__(self, real: Subscriptions) -> None:
        self._real = real

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Pull, and do not wait for a message."""
        seconds = min(0.01, seconds_left(timeout))
        return self._real.pull(subscription, limit=limit, timeout=seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Bridge:
    """A bridge with a new subscription `reconcile`; its first window begins at the oldest event."""

    def __init__(self, standin: StandIn, settings: BackendSettings, **environ: str) -> None:
        self.standin = standin
        self.settings = settings
        self.backend = open_backend(settings)
        self.collections = open_collections(settings)
        self._advanced = timedelta()
        subscriptions = open_subscriptions(settings)
        if isinstance(subscriptions, SqliteSubscriptions):
            subscriptions.create("reconcile", "events", timeout=10)
            name = "reconcile"
        else:
            name = subscriptions.create_temporary("events", timeout=10)
        self._subscriber = Subscriber(settings, "events")
        self.environ = {
            "BACKEND": settings.kind,
            "EMBEDDED_DIR": settings.embedded_dir,
            "GOOGLE_CLOUD_PROJECT": settings.project,
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": standin.keys["write"],
            "RECONCILE_SUBSCRIPTION": name,
            "START_FROM": "earliest",
            "IDLE_SECONDS": "0.5",
        } | environ
        self.deploy()

    def deploy(self, **environ: str) -> None:
        """Deploy `reconcile` again with these variables."""
        self.environ |= environ
        self.app: Flask = host(
            entry_point(Endpoint(self.environ, open_=self.open_clients, now=self.now))
        )

    def open_clients(self, settings: ReconcileSettings) -> Clients:
        """Open the clients of `reconcile`, which never wait for a message over SQLite."""
        clients = open_clients(settings)
        if not self._is_embedded:
            return clients
        impatient: Any = ImpatientSubscriptions(clients.subscriptions)
        return replace(clients, subscriptions=impatient)

    def now(self) -> datetime:
        """Return the time of `reconcile`."""
        return datetime.now(UTC) + self._advanced

    def advance(self, seconds: float = EVERY_SECONDS) -> None:
        """Let time pass for `reconcile`."""
        self._advanced += timedelta(seconds=seconds)

    def drain(self) -> None:
        """Drain the stream until it is idle."""
        settings = drain_settings(self.environ)
        (stream,) = settings.streams.values()
        report = asyncio.run(
            drain_window(settings, stream, self.backend, now=self.now, tuning=NO_JITTER)
        )
        assert report.outcome in ("drained", "idle"), report.message

    def reconcile(self, status: int = 200) -> Any:
        """Call `reconcile` and return its JSON."""
        response = self.app.test_client().post("/")
        assert response.status_code == status, response.get_data(as_text=True)
        return response.get_json()

    def repair(self) -> list[Any]:
        """Call `reconcile` by its schedule, three times; return the reports.

        The stream is drained before each call.
        """
        reports = []
        for _ in range(3):
            self.advance()
            self.drain()
            reports.append(self.reconcile())
        return reports

    def publish(self, message: Message) -> None:
        """Publish an event of a channel."""
        self.backend.topics.publish("events", [message], timeout=10)

    def reconciled(self, count: int) -> list[Message]:
        """Return the first `count` messages of channel `reconciled`, and check for more."""
        end = Message(b"{}", {"ce-type": "the end", "ce-id": "the end"})
        self.publish(end)
        messages = self._subscriber.receive(1_000_000) if self._is_embedded else self._rest()
        reconciled = [each for each in messages if each.attributes.get(CHANNEL) == "reconciled"]
        assert len(reconciled) == count, [each.attributes for each in reconciled]
        return reconciled

    @property
    def _is_embedded(self) -> bool:
        return self.settings.kind == "embedded"

    def _rest(self) -> list[Message]:
        messages: list[Message] = []
        while all(each.attributes.get("ce-id") != "the end" for each in messages):
            more = self._subscriber.receive(1)
            assert more
            messages += more
        return messages

    def last_run(self) -> Mapping[str, Any]:
        """Return what is stored of the last run."""
        stored = self.backend.documents.read("checks", "reconcile", timeout=10)
        assert stored is not None
        return stored.fields

    def open_work(self) -> list[str]:
        """Return the keys of the work that has not finished."""
        return [name for name, _ in self.collections.list("open", limit=1_000, timeout=10)]
