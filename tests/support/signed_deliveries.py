"""Signed deliveries, admitted and verified: a vector by another program, and bodies of tests."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from tests.support.webhooks import SECRET, signature
from videovector_bridge.events import Event, Rejection
from videovector_bridge.ingest.delivery import (
    Refusal,
    VerifiedDelivery,
    admit,
    decode_delivery,
    verify,
)
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

# The vector. Its signature was computed by hand:
# printf '%s' BODY | openssl dgst -sha256 -hmac VECTOR_SECRET        (OpenSSL 3.0.19)
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret

VECTOR_BODY = (
    '{"id":"evt_01","event":"prompt_run.completed","data":{"run_id":"run_7","note":"Zürich ✓"},'
    '"created_at":"2026-11-24T02:00:00Z","api_version":"2026-01-01"}'
).encode()

VECTOR_HEX = (
    "22de5360b36f757c4bd9a8ff0d5d175b6ba07f0ac2a38124881d1787773e32ab"  # pragma: allowlist secret
)

VECTOR_SIGNATURE = f"sha256={VECTOR_HEX}"

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def secrets_of(*secrets: str, **others: Any) -> WebhookSecrets:
    """Return secrets that never expire."""
    return WebhookSecrets(tuple(WebhookSecret(secret) for secret in secrets), **others)


def checked(
    body: bytes,
    signature: str | None,
    webhook_id: str | None,
    *,
    secrets: WebhookSecrets,
    now: datetime,
    allowed: Collection[str] = (),
) -> VerifiedDelivery | Refusal:
    """Admit a body with these headers, then verify it."""
    admitted = admit(signature, webhook_id, secrets=secrets, now=now, allowed=allowed)
    if isinstance(admitted, Refusal):
        return admitted
    return verify(admitted, body, secrets=secrets, now=now)


def verified_vector(**changes: Any) -> VerifiedDelivery | Refusal:
    """Admit and verify the vector with these changes."""
    arguments: dict[str, Any] = {
        "body": VECTOR_BODY,
        "signature": VECTOR_SIGNATURE,
        "webhook_id": "wh_1",
        "secrets": secrets_of(VECTOR_SECRET),
        "now": NOW,
    }
    return checked(**arguments | changes)


def delivery_of(body: bytes) -> VerifiedDelivery:
    """Return a verified delivery of a body."""
    verified = checked(body, signature(body), "wh_1", secrets=secrets_of(SECRET), now=NOW)
    assert isinstance(verified, VerifiedDelivery)
    return verified


def decode_signed(body: bytes) -> Event | Rejection:
    """Decode a signed body."""
    return decode_delivery(delivery_of(body).body)
