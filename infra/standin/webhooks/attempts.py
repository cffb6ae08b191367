"""One delivery attempt: its headers and signature, its result, and the backoff after it."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_EXCERPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of an attempt: a status code, or an error without a response."""

    at: float
    """Time of the result, in seconds since the epoch."""
    generation: int
    """Number of the secret that signed the attempt, from 1."""
    sent_at: float
    status_code: int | None = None
    body: str = ""
    error: str | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver accepted the delivery."""
        return self.status_code is not None and 200 <= self.status_code < 300


def compute_backoff(
    attempts: int, last: Attempt, *, base: float, cap: float, limit: int
) -> float | None:
    """Return the seconds before the next attempt, or None for no further attempt."""
    if last.delivered or attempts >= limit:
        return None
    return max(min(cap, base * 2.0 ** (attempts - 1)), last.retry_after or 0.0)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return Retry-After in seconds, from either form; None if it is missing or invalid."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError):
        return None


def excerpt(body: bytes) -> str:
    """Return the beginning of a response body, for the record of the delivery."""
    return body[: 4 * _EXCERPT_CHARACTERS].decode(errors="replace")[:_EXCERPT_CHARACTERS]


def sign(body: bytes, secret: str) -> str:
    """Return the value of `X-Webhook-Signature`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def build_headers(
    delivery_id: str | None, *, webhook_id: str, event_type: str, signature: str, number: int
) -> dict[str, str]:
    """Return the headers of attempt `number`. A test delivery has no id."""
    headers = {
        "content-type": "application/json",
        "user-agent": "VideoVector-Webhooks/standin",
        "x-webhook-signature": signature,
        "x-webhook-id": webhook_id,
        "x-event-type": event_type,
    }
    if delivery_id is not None:
        headers |= {
            "x-delivery-id": delivery_id,
            "idempotency-key": delivery_id,
            "x-delivery-attempt-id": f"{delivery_id}-{number}",
        }
    return headers
