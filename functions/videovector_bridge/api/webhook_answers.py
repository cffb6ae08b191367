"""Turn what VideoVector answers about webhooks into values. Pure.

Each raises `UnexpectedAnswer` for another shape, naming it without its values: one is a secret.
"""

import re
from typing import Any

from videovector_bridge.api.answers import decode, unexpected
from videovector_bridge.api.calls import Answer
from videovector_bridge.api.models import Delivery, JsonObject, NewSecret, SentTest, Webhook
from videovector_bridge.redact import clean_text

# What can stand on a line of its own, and what an HMAC can have as its key.
# (A # at its beginning would make it a comment.)
_SECRET = re.compile(r"(?!#)[!-~]{1,1000}")


def to_webhook(answer: Answer) -> Webhook:
    """Return the webhook that was asked for, made or changed."""
    return webhook_from(answer, decode(answer))


def webhook_from(answer: Answer, fields: Any) -> Webhook:
    """Return one webhook of an answer."""
    match fields:
        case {"webhook_id": str(webhook_id), "url": str(url), "events": list(events)} if webhook_id:
            index_ids, metadata = fields.get("index_ids"), fields.get("metadata")
            return Webhook(
                webhook_id,
                _text(fields, "name") or "",
                url,
                tuple(map(str, events)),
                tuple(map(str, index_ids)) if isinstance(index_ids, list) else None,
                _text(fields, "status") or "",
                _whole(fields, "failure_count") or 0,
                _text(fields, "created_at"),
                metadata if isinstance(metadata, dict) else None,
            )
    raise unexpected(answer, "expected a webhook with its webhook_id, url and events")


def to_created(answer: Answer) -> tuple[Webhook, NewSecret]:
    """Return the webhook that was made, and its secret."""
    return to_webhook(answer), _secret(answer, "secret")


def to_rotated(answer: Answer) -> NewSecret:
    """Return the new secret."""
    return _secret(answer, "new_secret")


def to_sent_test(answer: Answer) -> SentTest:
    """Return how a test delivery went."""
    match decode(answer):
        case {"success": bool(success)} as fields:
            error = _text(fields, "error")
            return SentTest(
                success, _whole(fields, "status_code"), clean_text(error) if error else None
            )
    raise unexpected(answer, "expected success as true or false")


def to_event_names(answer: Answer) -> list[str]:
    """Return the names, from a bare array or one under `data` or `events`."""
    body = decode(answer)
    if isinstance(body, dict):
        body = body.get("data", body.get("events"))
    if isinstance(body, list) and all(isinstance(name, str) and name for name in body):
        return list(dict.fromkeys(body))
    raise unexpected(answer, "expected a list of event names")


def to_delivery(answer: Answer) -> Delivery:
    """Return the record that was asked for, or sent again."""
    return delivery_from(answer, decode(answer))


def delivery_from(answer: Answer, fields: Any) -> Delivery:
    """Return one record of an answer; what others have written in it is cleaned."""
    match fields:
        case {"delivery_id": str(delivery_id), "status": str(status)} if delivery_id:
            error = _text(fields, "error_message")
            return Delivery(
                delivery_id,
                _text(fields, "webhook_id") or "",
                _text(fields, "event_type") or "",
                status,
                _whole(fields, "attempts") or 0,
                _text(fields, "created_at"),
                _text(fields, "last_attempt_at"),
                _text(fields, "next_retry_at"),
                _whole(fields, "response_status_code"),
                clean_text(error) if error else None,
            )
    raise unexpected(answer, "expected a delivery with its delivery_id and status")


def _secret(answer: Answer, name: str) -> NewSecret:
    # Decoded within the condition, so that no local of this frame holds it when it raises.
    if found := _secret_in(decode(answer), name):
        return found
    raise unexpected(answer, f"expected webhook_id and {name}, one word of visible ASCII")


def _secret_in(fields: Any, name: str) -> NewSecret | None:
    match fields:
        case {"webhook_id": str(webhook_id)}:
            value = fields.get(name)
            if isinstance(value, str) and _SECRET.fullmatch(value):
                return NewSecret(webhook_id, value)
    return None


def _text(fields: JsonObject, name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None


def _whole(fields: JsonObject, name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
