"""The webhook endpoints."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from infra.standin.errors import invalid
from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import Response, json_response
from infra.standin.state import StandInState
from infra.standin.webhooks.webhook import WEBHOOK_EVENTS

_TEST_EVENT = "test"
_MAX_NAME = 100
_FIELDS = ("name", "url", "events", "index_ids", "metadata")
_STATUSES = ("active", "paused")


def create(state: StandInState, request: ApiRequest) -> Response:
    """POST /webhooks. Only this response and that of a rotation contain a secret."""
    fields = _parse_fields(request.json_object(), required=("name", "url", "events"))
    webhook = state.webhooks.create(fields, state.next_timestamp())
    return json_response(webhook.json() | {"secret": webhook.secret}, 201)


def list_webhooks(state: StandInState, _request: ApiRequest) -> Response:
    """GET /webhooks: a bare array."""
    return json_response([webhook.json() for webhook in state.webhooks.all()])


def list_events(_state: StandInState, _request: ApiRequest) -> Response:
    """GET /webhooks/events: a bare array."""
    return json_response(list(WEBHOOK_EVENTS))


def get(state: StandInState, request: ApiRequest) -> Response:
    """GET /webhooks/{webhook_id}."""
    return json_response(state.webhooks.find(request.path["webhook_id"]).json())


def update(state: StandInState, request: ApiRequest) -> Response:
    """PATCH /webhooks/{webhook_id}."""
    body, webhook_id = request.json_object(), request.path["webhook_id"]
    state.webhooks.find(webhook_id)  # an unknown webhook is 404, also with an invalid body
    changes = _parse_fields(body, required=(), more=("status",))
    return json_response(state.webhooks.update(webhook_id, changes, state.next_timestamp()).json())


def delete(state: StandInState, request: ApiRequest) -> Response:
    """DELETE /webhooks/{webhook_id}."""
    state.webhooks.delete(request.path["webhook_id"])
    return json_response({"message": "Webhook deleted"})


def rotate_secret(state: StandInState, request: ApiRequest) -> Response:
    """POST /webhooks/{webhook_id}/rotate-secret."""
    webhook = state.webhooks.rotate(request.path["webhook_id"], state.next_timestamp())
    return json_response({"webhook_id": webhook.webhook_id, "new_secret": webhook.secret})


async def send_test(state: StandInState, request: ApiRequest) -> Response:
    """POST /webhooks/{webhook_id}/test: deliver once and return the result."""
    webhook = state.webhooks.find(request.path["webhook_id"])
    data = {"webhook_id": webhook.webhook_id, "message": "A test delivery"}
    event = state.webhook_events.create(_TEST_EVENT, data, state.next_timestamp())
    attempt = await state.dispatcher.test(webhook, event)
    refusal = None if attempt.delivered else f"The receiver responded with {attempt.status_code}"
    return json_response(
        {
            "success": attempt.delivered,
            "status_code": attempt.status_code,
            "error": attempt.error or refusal,
        }
    )


def list_deliveries(state: StandInState, request: ApiRequest) -> Response:
    """GET /webhooks/{webhook_id}/deliveries?status=&limit=: a bare array, newest first."""
    webhook = state.webhooks.find(request.path["webhook_id"])
    limit = request.integer("limit", 50, lowest=1, highest=100)
    deliveries = state.deliveries.of_webhook(webhook.webhook_id, request.query.get("status"))
    return json_response([delivery.json() for delivery in deliveries[:limit]])


def get_delivery(state: StandInState, request: ApiRequest) -> Response:
    """GET /webhooks/deliveries/{delivery_id}."""
    return json_response(state.deliveries.find(request.path["delivery_id"]).json())


def retry_delivery(state: StandInState, request: ApiRequest) -> Response:
    """POST /webhooks/deliveries/{delivery_id}/retry: send a failed delivery again."""
    delivery = state.deliveries.find(request.path["delivery_id"])
    delivery.reset()
    state.dispatcher.deliver(delivery)
    return json_response(delivery.json())


def _parse_fields(
    body: dict[str, Any], *, required: tuple[str, ...], more: tuple[str, ...] = ()
) -> dict[str, Any]:
    for name in required:
        if body.get(name) is None:
            raise invalid(f"{name} is required", name)
    fields = {name: body[name] for name in (*_FIELDS, *more) if name in body}
    name, status = fields.get("name", "x"), fields.get("status", "active")
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
        raise invalid(f"name has 1 to {_MAX_NAME} characters", "name")
    if status not in _STATUSES:
        raise invalid(f"status is one of {', '.join(_STATUSES)}", "status")
    if "url" in fields and not _is_allowed_url(fields["url"]):
        raise invalid("url is an https URL (http only for a loopback address)", "url")
    if "events" in fields:
        fields["events"] = _parse_events(fields["events"])
    if fields.get("index_ids") is not None:
        fields["index_ids"] = _parse_strings(fields["index_ids"], "index_ids")
    if not isinstance(fields.get("metadata"), dict | None):
        raise invalid("metadata is an object", "metadata")
    return fields


def _parse_events(value: object) -> tuple[str, ...]:
    events = _parse_strings(value, "events")
    if not events:
        raise invalid("events has at least one item", "events")
    for event in events:
        if event not in WEBHOOK_EVENTS:
            raise invalid(f"{event!r} is not an event; GET /webhooks/events lists them", "events")
    return events


def _parse_strings(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise invalid(f"{name} is a list of strings", name)
    return tuple(dict.fromkeys(value))


def _is_allowed_url(url: object) -> bool:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
