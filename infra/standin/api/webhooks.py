"""The webhook endpoints."""

from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import Response, json_response
from infra.standin.state import StandInState
from infra.standin.webhooks.webhook import WEBHOOK_EVENTS

_TEST_EVENT = "test"


def create(state: StandInState, request: ApiRequest) -> Response:
    """POST /webhooks. Only this response and that of a rotation contain a secret."""
    webhook = state.webhooks.create(request.json(), state.next_timestamp())
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
    webhook = state.webhooks.update(
        request.path["webhook_id"], request.json(), state.next_timestamp()
    )
    return json_response(webhook.json())


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
