"""A VideoVector that keeps webhooks, in this process: answers get lost and doubt arises on cue."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import httpx

from tests.support.api_client import client_of
from videovector_bridge.api import RetryPolicy
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.webhook.webhook_spec import MANAGER, shown_name

EVENTS = ("media.created", "prompt_run.failed", "export.ready")
URL = "https://receiver.example.test/receive-webhook"
ONCE = RetryPolicy(attempts=1)

Step = Callable[[str], None]


def nothing(_what: str) -> None:
    """Let everything pass."""


def _nothing_else() -> None:
    """Do no more."""


class WebhookApi(httpx.BaseTransport):
    """Webhooks by id, as the API shows them; and what they sign with, in `secrets`.

    `trouble` is asked before and after each request has its effect, with what it is
    (`before POST /webhooks`), and may raise what httpx would.
    """

    def __init__(
        self,
        webhooks: Iterable[dict[str, Any]] = (),
        *,
        trouble: Step = nothing,
        remembers_keys: bool = True,
        shows_metadata: bool = True,
        page: int = 0,
    ) -> None:
        self.webhooks = {each["webhook_id"]: each for each in webhooks}
        self.secrets = {webhook_id: f"word-{webhook_id}-0" for webhook_id in self.webhooks}
        self.records: list[dict[str, Any]] = []
        self.trouble = trouble
        self.lists = True
        self.refuses_known_keys = False
        self.bare_not_found = False
        self.heeds_status = True
        self.made = 0
        self.rotations = 0
        self.requests: list[str] = []
        self.keys: list[str] = []
        self.test_answer: dict[str, Any] = {"success": True, "status_code": 204}
        self.on_test: Callable[[], None] = _nothing_else
        self._remembers_keys = remembers_keys
        self._shows_metadata = shows_metadata
        self._page = page
        self._answers: dict[str, tuple[int, Any]] = {}

    def client(self, retry: RetryPolicy | None = None) -> WebhooksClient:
        """A client of it that never really sleeps."""
        return WebhooksClient(client_of(self, retry=retry)._transport)

    def ours(self, name: str = "default") -> list[dict[str, Any]]:
        """The webhooks of ours of that name."""
        mark = {"managed_by": MANAGER, "name": name}
        return [
            each
            for each in self.webhooks.values()
            if each["metadata"] == mark
            or (not each["metadata"] and each["name"] == shown_name(name))
        ]

    def others(self) -> dict[str, Any]:
        """A copy of all that are not ours."""
        ours = [each["webhook_id"] for each in self.ours()]
        return deepcopy({key: each for key, each in self.webhooks.items() if key not in ours})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        path = request.url.path.removeprefix("/api/v2")
        what = f"{request.method} {path}"
        self.requests.append(what)
        self.trouble(f"before {what}")
        key = request.headers.get("Idempotency-Key", "")
        if key:
            self.keys.append(key)
        body = json.loads(request.read() or b"null")
        if self.refuses_known_keys and key in self._answers:
            status, answer = 409, {"detail": "This key was used already"}
        elif self._remembers_keys and key and key in self._answers:
            status, answer = self._answers[key]
        else:
            status, answer = self._answer(request, path, body)
            self._answers[key] = (status, answer)
        self.trouble(f"after {what}")
        if status == 404 and self.bare_not_found:
            return httpx.Response(status)
        return httpx.Response(status, json=answer)

    def _answer(self, request: httpx.Request, path: str, body: Any) -> tuple[int, Any]:
        query = request.url.params
        match [request.method, *path.strip("/").split("/")]:
            case ["GET", "webhooks"]:
                return 200, self._listed(int(query.get("cursor", 0)))
            case ["GET", "webhooks", "events"]:
                return 200, list(EVENTS)
            case ["POST", "webhooks"]:
                return 200, self._created(body)
            case ["POST", "webhooks", "deliveries", delivery_id, "retry"]:
                return self._retried(delivery_id)
            case [method, "webhooks", webhook_id, *what]:
                if webhook_id not in self.webhooks:
                    return 404, {"detail": "Webhook not found"}
                return 200, self._of_one(webhook_id, [method, *what], body, query.get("status"))
        raise AssertionError(f"{request.method} {path} is not expected")

    def _of_one(self, webhook_id: str, what: list[str], body: Any, status: str | None) -> Any:
        found = self.webhooks[webhook_id]
        match what:
            case ["PATCH"]:
                found |= body
            case ["DELETE"]:
                del self.webhooks[webhook_id]
            case ["POST", "rotate-secret"]:
                self.rotations += 1
                self.secrets[webhook_id] = f"word-{webhook_id}-{self.rotations}"
                return {"webhook_id": webhook_id, "new_secret": self.secrets[webhook_id]}
            case ["POST", "test"]:
                self.on_test()
                return self.test_answer
            case ["GET", "deliveries"]:
                wanted = status if self.heeds_status else None
                return [each for each in self.records if wanted in (None, each["status"])]
        return self._shown(found)

    def _listed(self, start: int) -> Any:
        rows = [self._shown(each) for each in self.webhooks.values() if self.lists]
        if not self._page:
            return rows
        end = start + self._page
        more = end < len(rows)
        pagination = {"has_more": more, "next_cursor": str(end) if more else None}
        return {"data": rows[start:end], "pagination": pagination}

    def _created(self, body: dict[str, Any]) -> dict[str, Any]:
        self.made += 1
        made = webhook(f"new{self.made}", **{"index_ids": None, "metadata": None, **body})
        self.webhooks[made["webhook_id"]] = made
        self.secrets[made["webhook_id"]] = f"word-{made['webhook_id']}-0"
        return self._shown(made) | {"secret": self.secrets[made["webhook_id"]]}

    def _retried(self, delivery_id: str) -> tuple[int, Any]:
        record = next(each for each in self.records if each["delivery_id"] == delivery_id)
        if record["status"] != "failed" or record["attempts"] > 5:
            return 409, {"detail": "Only a failed delivery can be retried"}
        record["status"] = "pending"
        return 200, record

    def _shown(self, each: dict[str, Any]) -> dict[str, Any]:
        return deepcopy(each if self._shows_metadata else {**each, "metadata": None})


def webhook(webhook_id: str, **fields: Any) -> dict[str, Any]:
    """A webhook as the API shows it; by default ours, and as wanted."""
    plain = {
        "webhook_id": webhook_id,
        "name": shown_name("default"),
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
    """A record of a delivery."""
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
