"""Records of deliveries: one event for one webhook, with its attempts and its status."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from infra.standin.errors import ApiError
from infra.standin.ids import digest, timestamp
from infra.standin.webhooks.attempts import Attempt
from infra.standin.webhooks.events import WebhookEvent

STATUSES = ("pending", "delivered", "failed", "retrying")


@dataclass(slots=True)
class Delivery:
    """One event for one webhook. Every attempt signs and sends the same `body`."""

    delivery_id: str
    webhook_id: str
    event: WebhookEvent
    body: bytes
    created_at: str
    status: str = "pending"
    next_retry_at: str | None = None
    attempts: list[Attempt] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """Return the record as the API shows it."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "delivery_id": self.delivery_id,
            "webhook_id": self.webhook_id,
            "event_type": self.event.event_type,
            "status": self.status,
            "attempts": len(self.attempts),
            "last_attempt_at": timestamp(last.sent_at) if last else None,
            "next_retry_at": self.next_retry_at,
            "response_status_code": last.status_code if last else None,
            "response_body": last.body if last else None,
            "error_message": last.error if last else None,
            "created_at": self.created_at,
            "completed_at": timestamp(last.at) if last and self.status == "delivered" else None,
            "payload": self.event.payload(),
        }

    def record(self, attempt: Attempt, backoff: float | None) -> None:
        """Record an attempt. The next one follows in `backoff` seconds; None: it was the last."""
        self.attempts.append(attempt)
        self.next_retry_at = None
        if attempt.delivered:
            self.status = "delivered"
        elif backoff is None:
            self.status = "failed"
        else:
            self.status = "retrying"
            self.next_retry_at = timestamp(attempt.at + backoff)

    def reset(self) -> None:
        """Prepare a failed delivery for a manual retry. Raises 409 for any other status."""
        if self.status != "failed":
            message = f"Only a failed delivery can be retried; this one is {self.status}"
            raise ApiError(409, message)
        self.status = "pending"


class Deliveries:
    """All deliveries, oldest first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_id: dict[str, Delivery] = {}
        self._numbers = itertools.count(1)

    def add(self, webhook_id: str, event: WebhookEvent, now: str) -> Delivery:
        """Create the record of a new delivery."""
        delivery_id = f"dlv_{digest(self._seed, 'delivery', next(self._numbers))}"
        delivery = Delivery(delivery_id, webhook_id, event, event.body(), now)
        self._by_id[delivery_id] = delivery
        return delivery

    def find(self, delivery_id: str) -> Delivery:
        """Return a delivery by id. Raises 404."""
        if delivery_id not in self._by_id:
            raise ApiError(404, "Delivery not found")
        return self._by_id[delivery_id]

    def of_webhook(self, webhook_id: str, status: str | None = None) -> list[Delivery]:
        """Return the deliveries of a webhook, newest first. Raises 422 for an unknown status."""
        if status is not None and status not in STATUSES:
            raise ApiError(
                422, f"status is one of {', '.join(STATUSES)}", where=("query", "status")
            )
        return [
            delivery
            for delivery in reversed(self._by_id.values())
            if delivery.webhook_id == webhook_id and status in (None, delivery.status)
        ]

    def all(self) -> list[Delivery]:
        """Return every delivery."""
        return list(self._by_id.values())
