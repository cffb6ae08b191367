"""`canary` in its host, beside the stand-in and a receiver that listens."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.serving import make_server

from infra.standin import StandIn
from tests.support.hosting import host
from tests.support.patience import PATIENCE_SECONDS
from tests.support.standin_api import request
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends import BackendSettings, open_backend, open_subscriptions
from videovector_bridge.backends.ports import Message
from videovector_bridge.settings.canary import CanarySettings
from videovector_bridge.watch.canary.checks import Checks
from videovector_bridge.watch.canary.endpoint import Endpoint, entry_point, open_checks, open_client

EVENTS = ["prompt_run.failed"]


@contextmanager
def serving(app: Callable[[Any, Any], Any]) -> Iterator[str]:
    """Serve an app on a free loopback port; yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def create_webhook(standin: StandIn, url: str, name: str = "default") -> tuple[str, str]:
    """Create a webhook with the bridge's mark; return its id and its secret."""
    body = {
        "name": f"videovector-bridge:{name}",
        "url": url,
        "events": EVENTS,
        "metadata": {"managed_by": "videovector-bridge", "name": name},
    }
    created = request(standin, "POST", "/webhooks", scope="admin", json=body).json()
    return created["webhook_id"], created["secret"]


def patient_client(settings: CanarySettings, _seconds: float) -> WebhooksClient:
    """Return a client that waits for a busy machine."""
    return open_client(settings, PATIENCE_SECONDS)


@dataclass
class SkippedTime:
    """A monotonic clock that stands still, and passes every deadline once `ends` is true."""

    ends: Callable[[], bool]

    def __call__(self) -> float:
        """Return the seconds."""
        return 10_000.0 if self.ends() else 0.0


@dataclass
class Canary:
    """A deployment of `canary` over a backend.

    `changes` replace fields of its `Checks`. A test event that arrives ends a run; nothing else
    does before `PATIENCE_SECONDS`.
    """

    standin: StandIn
    settings: BackendSettings
    environ: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Create the subscription of the canary, and one for the test."""
        self._published = Subscriber(self.settings, "events")
        self.subscriptions = open_subscriptions(self.settings)
        self.backend = open_backend(self.settings)
        self.environ = {
            "VIDEO_VECTOR_BASE_URL": self.standin.api_url,
            "VIDEO_VECTOR_API_KEY": self.standin.keys["write"],
            "BACKEND": self.settings.kind,
            "EMBEDDED_DIR": self.settings.embedded_dir,
            "GOOGLE_CLOUD_PROJECT": self.settings.project,
            "CANARY_SECONDS": str(PATIENCE_SECONDS),
            "CANARY_SUBSCRIPTION": self.subscriptions.create_temporary("events", timeout=60),
            "HEARTBEAT_SECONDS": str(PATIENCE_SECONDS),
            **self.environ,
        }

    def post(self, **variables: str) -> Any:
        """Deploy with these variables, and send a request."""

        def open_(environ: Mapping[str, str]) -> Checks:
            changes = {
                "open_client": patient_client,
                "retry_pauses": (),
                **self.changes,
            }
            return replace(open_checks(environ), **changes)

        app = host(entry_point(Endpoint(self.environ | variables, open_=open_)))
        return app.test_client().post("/")

    def check(self, **variables: str) -> dict[str, dict[str, Any]]:
        """Run the canary, which must work; return its reports by channel."""
        response = self.post(**variables)
        body = response.get_json()
        assert (response.status_code, body["outcome"]) == (200, "done"), body
        return {report["channel"]: report for report in body["channels"]}

    def published(self, count: int) -> list[Message]:
        """Return the messages on topic `events`, `count` of them."""
        return self._published.receive(count)

    def write_stream(self, name: str = "default", **fields: Any) -> None:
        """Write the document of a stream."""
        self.backend.documents.write("streams", name, fields, replaces=None, timeout=60)


def ago(**delta: float) -> str:
    """Return a time in the past, as documents have it."""
    return (datetime.now(UTC) - timedelta(**delta)).isoformat(timespec="milliseconds")
