"""A fake of VideoVector's webhook endpoints, in this process, with scripted failures."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.support.api_client import Clock
from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.bridge_webhooks import MANAGER, display_name
from videovector_bridge.api.throttle import Throttle
from videovector_bridge.api.transport import Pool, Transport
from videovector_bridge.api.webhooks import WebhooksClient

EVENTS = ("media.created", "prompt_run.failed", "export.ready")
URL = "https://receiver.example.test/receive-webhook"
ONCE = RetryPolicy(attempts=1)

Step = Callable[[str], None]


def nothing(_what: str) -> None:
    """Do nothing."""


def _publish_nothing() -> None:
    """Publish nothing for a test delivery."""


def client_for(server: httpx.BaseTransport, retry: RetryPolicy | None = None) -> WebhooksClient:
    """Return a client of `server` in virtual time, with the full jitter."""
    clock = Clock()
    transport = Transport(
        base_url="https://api.example.test/api/v2",
        key=lambda: "opaque-0123456789-credential",
        pool=Pool(httpx.Client(transport=server)),
        policy=retry or RetryPolicy(),
        timeout_seconds=10.0,
        user_agent="test",
        sleep=clock.sleep,
        clock=clock,
        now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
        random=lambda: 1.0,
        throttle=Throttle(clock=clock, sleep=clock.sleep, random=lambda: 1.0),
    )
    return WebhooksClient(transport)


class WebhookApi(httpx.BaseTransport):
    """Webhooks by id, as the API returns them; their signing secrets are in `secrets`.

    `on_step` is called before and after the effect of each request, with a description
    (`before POST /webhooks`); it may raise what httpx would raise.
    """

    def __init__(
        self,
        webhooks: Iterable[dict[str, Any]] = (),
        *,
        on_step: Step = nothing,
        remembers_keys: bool = True,
        shows_metadata: bool = True,
        page: int = 0,
    ) -> None:
        self.webhooks = {each["webhook_id"]: each for each in webhooks}
        self.secrets = {webhook_id: f"word-{webhook_id}-0" for webhook_id in self.webhooks}
        self.records: list[dict[str, Any]] = []
        self.on_step = on_step
        self.lists = True
        self.refuses_known_keys = False
        self.bare_not_found = False
        self.applies_status_filter = True
        self.created = 0
        self.rotations = 0
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.test_response: dict[str, Any] = {"success": True, "status_code": 204}
        self.on_test: Callable[[], None] = _publish_nothing
        self._remembers_keys = remembers_keys
        self._shows_metadata = shows_metadata
        self._page = page
        self._responses: dict[str, tuple[int, Any]] = {}

    def client(self, retry: RetryPolicy | None = None) -> WebhooksClient:
        """Return a client of this fake that never really sleeps."""
        return client_for(self, retry)

    def ours(self, name: str = "default") -> list[dict[str, Any]]:
        """Return the bridge's webhooks of this name."""
        mark = {"managed_by": MANAGER, "name": name}
        return [
            each
            for each in self.webhooks.values()
            if each["metadata"] == mark
            or (not each["metadata"] and each["name"] == display_name(name))
        ]

    def others(self) -> dict[str, Any]:
        """Return a copy of all other webhooks."""
        ours = [each["webhook_id"] for each in self.ours()]
        return deepcopy({key: each for key, each in self.webhooks.items() if key not in ours})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        path = request.url.path.removeprefix("/api/v2")
        what = f"{request.method} {path}"
        self.requests.append(what)
        self.on_step(f"before {what}")
        key = request.headers.get("Idempotency-Key", "")
        if key:
            self.keys.append(key)
        body = json.loads(request.read() or b"null")
        if self.refuses_known_keys and key in self._responses:
            status, content = 409, {"detail": "This key was used already"}
        elif self._remembers_keys and key and key in self._responses:
            status, content = self._responses[key]
        else:
            status, content = self._respond(request, path, body)
            self._responses[key] = (status, content)
        self.on_step(f"after {what}")
        if status == 404 and self.bare_not_found:
            return httpx.Response(status)
        return httpx.Response(status, json=content)

    def _respond(self, request: httpx.Request, path: str, body: Any) -> tuple[int, Any]:
        query = request.url.params
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "webhooks"]:
                return 200, self._list(int(query.get("cursor", 0)))
            case ["GET", "webhooks", "events"]:
                return 200, list(EVENTS)
            case ["POST", "webhooks"]:
                return 200, self._create(body)
            case ["POST", "webhooks", "deliveries", delivery_id, "retry"]:
                return self._retry(delivery_id)
            case [method, "webhooks", webhook_id, *what]:
                if webhook_id not in self.webhooks:
                    return 404, {"detail": "Webhook not found"}
                return 200, self._handle_one(webhook_id, [method, *what], body, query.get("status"))
        raise AssertionError(f"{request.method} {path} is not expected")

    def _handle_one(self, webhook_id: str, what: list[str], body: Any, status: str | None) -> Any:
        selected = self.webhooks[webhook_id]
        match what:
            case ["PATCH"]:
                selected |= body
            case ["DELETE"]:
                del self.webhooks[webhook_id]
            case ["POST", "rotate-secret"]:
                self.rotations += 1
                self.secrets[webhook_id] = f"word-{webhook_id}-{self.rotations}"
                return {"webhook_id": webhook_id, "new_secret": self.secrets[webhook_id]}
            case ["POST", "test"]:
                self.on_test()
                return self.test_response
            case ["GET", "deliveries"]:
                accepted = status if self.applies_status_filter else None
                return [each for each in self.records if accepted in (None, each["status"])]
        return self._to_json(selected)

    def _list(self, start: int) -> Any:
        rows = [self._to_json(each) for each in self.webhooks.values() if self.lists]
        if not self._page:
            return rows
        end = start + self._page
        more = end < len(rows)
        pagination = {"has_more": more, "next_cursor": str(end) if more else None}
        return {"data": rows[start:end], "pagination": pagination}

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        self.created += 1
        new = webhook(f"new{self.created}", **{"index_ids": None, "metadata": None, **body})
        self.webhooks[new["webhook_id"]] = new
        self.secrets[new["webhook_id"]] = f"word-{new['webhook_id']}-0"
        return self._to_json(new) | {"secret": self.secrets[new["webhook_id"]]}

    def _retry(self, delivery_id: str) -> tuple[int, Any]:
        record = next(each for each in self.records if each["delivery_id"] == delivery_id)
        if record["status"] != "failed" or record["attempts"] > 5:
            return 409, {"detail": "Only a failed delivery can be retried"}
        record["status"] = "pending"
        return 200, record

    def _to_json(self, each: dict[str, Any]) -> dict[str, Any]:
        return deepcopy(each if self._shows_metadata else {**each, "metadata": None})


def webhook(webhook_id: str, **fields: Any) -> dict[str, Any]:
    """Return a webhook as the API returns it; by default the bridge's, and as specified."""
    plain = {
        "webhook_id": webhook_id,
        "name": display_name("default"),
        "url": URL,
        "events": list(EVENTS),
        "index_ids": None,
        "status": "active",
        "failure_count": 0,
        "created_at": f"2026-01-01T00:00:00.{len(webhook_id):03}Z",
        "metadata": {"managed_by": MANAGER, "name": "default"},
    }
    return plain | fields


def delivery(delivery_id: str, status: str = "failed", attempts: int = 5) -> dict[str, Any]:
    """Return the record of a delivery."""
    return {
        "delivery_id": delivery_id,
        "webhook_id": "w1",
        "event_type": "prompt_run.failed",
        "status": status,
        "attempts": attempts,
        "next_retry_at": None,
        "response_status_code": 503,
        "error_message": None,
        "created_at": "2026-01-01T00:00:00Z",
        "payload": {"data": {"signed_url": "https://x/o?X-Goog-Signature=deadbeefcafe"}},
    }
