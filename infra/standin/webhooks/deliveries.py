"""Deliveries on record: what goes to which webhook, how each attempt ended, and what follows."""

import hashlib
import hmac
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from infra.standin.errors import ApiError
from infra.standin.ids import digest, timestamp
from infra.standin.webhooks.events import News

STATUSES = ("pending", "delivered", "failed", "retrying")
_KEPT_OF_AN_ANSWER = 500  # characters


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt ended: a status code, or an error where there was no answer."""

    at: float
    generation: int
    """Which secret of the webhook had signed it, from 1."""
    sent_at: float
    status_code: int | None = None
    body: str = ""
    error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook. `body` is what is signed and sent, every time."""

    delivery_id: str
    webhook_id: str
    news: News
    body: bytes
    created_at: str
    status: str = "pending"
    next_retry_at: str | None = None
    attempts: list[Ended] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """The record as it is shown."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "delivery_id": self.delivery_id,
            "webhook_id": self.webhook_id,
            "event_type": self.news.event,
            "status": self.status,
            "attempts": len(self.attempts),
            "last_attempt_at": timestamp(last.sent_at) if last else None,
            "next_retry_at": self.next_retry_at,
            "response_status_code": last.status_code if last else None,
            "response_body": last.body if last else None,
            "error_message": last.error if last else None,
            "created_at": self.created_at,
            "completed_at": timestamp(last.at) if last and self.status == "delivered" else None,
            "payload": self.news.payload(),
        }

    def note(self, ended: Ended, wait: float | None) -> None:
        """Note how an attempt ended; the next follows in `wait` seconds, if one does."""
        self.attempts.append(ended)
        self.next_retry_at = None
        if ended.delivered:
            self.status = "delivered"
        elif wait is None:
            self.status = "failed"
        else:
            self.status = "retrying"
            self.next_retry_at = timestamp(ended.at + wait)


class Deliveries:
    """All deliveries, the oldest first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_id: dict[str, Delivery] = {}
        self._numbers = itertools.count(1)

    def add(self, webhook_id: str, news: News, now: str) -> Delivery:
        """Put one on record."""
        delivery_id = f"dlv_{digest(self._seed, 'delivery', next(self._numbers))}"
        delivery = Delivery(delivery_id, webhook_id, news, news.body(), now)
        self._by_id[delivery_id] = delivery
        return delivery

    def find(self, delivery_id: str) -> Delivery:
        """The one of that id. Raises 404."""
        if delivery_id not in self._by_id:
            raise ApiError(404, "Delivery not found")
        return self._by_id[delivery_id]

    def of(self, webhook_id: str, status: str | None = None) -> list[Delivery]:
        """Those of a webhook, the newest first. Raises 422 on a status that there is not."""
        if status is not None and status not in STATUSES:
            raise ApiError(
                422, f"status is one of {', '.join(STATUSES)}", where=("query", "status")
            )
        return [
            each
            for each in reversed(self._by_id.values())
            if each.webhook_id == webhook_id and status in (None, each.status)
        ]

    def all(self) -> list[Delivery]:
        """Every one."""
        return list(self._by_id.values())


def retryable(delivery: Delivery) -> Delivery:
    """The same, if it may be sent again by hand. Raises 409."""
    if delivery.status != "failed":
        raise ApiError(409, f"Only a failed delivery can be retried; this one is {delivery.status}")
    return delivery


def wait_before_next(
    attempts: int, ended: Ended, *, base: float, cap: float, limit: int
) -> float | None:
    """Seconds until the attempt after `attempts` of them; None when there is none."""
    if ended.delivered or attempts >= limit:
        return None
    return max(min(cap, base * 2.0 ** (attempts - 1)), ended.retry_after or 0.0)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The receiver's Retry-After in seconds, in either form; None without a readable one."""
    stated = headers.get("retry-after", "").strip()
    if stated.isdecimal():
        return float(stated)
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - now)
    except (ValueError, TypeError):
        return None


def answer_text(body: bytes) -> str:
    """As much of an answer as is kept."""
    return body[: 4 * _KEPT_OF_AN_ANSWER].decode(errors="replace")[:_KEPT_OF_AN_ANSWER]


def signature(body: bytes, secret: str) -> str:
    """What `X-Webhook-Signature` carries."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def attempt_headers(
    delivery: Delivery | None, *, webhook_id: str, event: str, signed: str, attempt: int
) -> dict[str, str]:
    """The headers of one attempt; a test, which is on no record, has no delivery."""
    headers = {
        "content-type": "application/json",
        "user-agent": "VideoVector-Webhooks/standin",
        "x-webhook-signature": signed,
        "x-webhook-id": webhook_id,
        "x-event-type": event,
    }
    if delivery is not None:
        headers |= {
            "x-delivery-id": delivery.delivery_id,
            "idempotency-key": delivery.delivery_id,
            "x-delivery-attempt-id": f"{delivery.delivery_id}-{attempt}",
        }
    return headers
