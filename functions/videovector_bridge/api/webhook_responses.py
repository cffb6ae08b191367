"""Parse the responses about webhooks. Pure.

Each function raises `UnexpectedResponse` for another shape and names none of its values: one is a
secret.
"""

import re
from typing import Any

from videovector_bridge.api.calls import Response
from videovector_bridge.api.models import Delivery, JsonObject, NewSecret, SentTest, Webhook
from videovector_bridge.api.responses import parse_json, unexpected
from videovector_bridge.events import extract_ids
from videovector_bridge.redact import clean_text

# One word that fits on a line of the secrets file. A line that starts with # is a comment.
_SECRET = re.compile(r"(?!#)[!-~]{1,1000}")


def parse_webhook(response: Response) -> Webhook:
    """Return the webhook that was read, created or changed."""
    return webhook_from(response, parse_json(response))


def webhook_from(response: Response, fields: Any) -> Webhook:
    """Return a webhook from its JSON object in `response`."""
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
    raise unexpected(response, "expected a webhook with its webhook_id, url and events")


def parse_created(response: Response) -> tuple[Webhook, NewSecret]:
    """Return the new webhook and its secret."""
    return parse_webhook(response), _parse_secret(response, "secret")


def parse_rotated(response: Response) -> NewSecret:
    """Return the new secret."""
    return _parse_secret(response, "new_secret")


def parse_sent_test(response: Response) -> SentTest:
    """Return the result of a test delivery."""
    match parse_json(response):
        case {"success": bool(success)} as fields:
            error = _text(fields, "error")
            return SentTest(
                success, _whole(fields, "status_code"), clean_text(error) if error else None
            )
    raise unexpected(response, "expected success as true or false")


def parse_event_names(response: Response) -> list[str]:
    """Return the names, from a bare array or one under `data` or `events`."""
    body = parse_json(response)
    if isinstance(body, dict):
        body = body.get("data", body.get("events"))
    if isinstance(body, list) and all(isinstance(name, str) and name for name in body):
        return list(dict.fromkeys(body))
    raise unexpected(response, "expected a list of event names")


def parse_delivery(response: Response) -> Delivery:
    """Return the delivery that was read or retried."""
    return delivery_from(response, parse_json(response))


def delivery_from(response: Response, fields: Any) -> Delivery:
    """Return a delivery from its JSON object in `response`; the receiver's text is cleaned."""
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
                **_find_ids(fields.get("payload")),
            )
    raise unexpected(response, "expected a delivery with its delivery_id and status")


def _find_ids(payload: Any) -> dict[str, str | None]:
    """Return the ids of an event, whose fields are in `data` of a delivery's body."""
    fields = payload if isinstance(payload, dict) else {}
    data = fields.get("data")
    ids = extract_ids(data if isinstance(data, dict) else fields)
    return {name: ids[name] for name in ("run_id", "video_id")}


def _parse_secret(response: Response, name: str) -> NewSecret:
    # Parsed within the condition, so that no local of this frame holds it when it raises.
    if secret := _secret_from(parse_json(response), name):
        return secret
    raise unexpected(response, f"expected webhook_id and {name}, one word of visible ASCII")


def _secret_from(fields: Any, name: str) -> NewSecret | None:
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
