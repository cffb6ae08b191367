"""The endpoints of webhook management: "Webhooks" in the vendor's API reference."""

from typing import TYPE_CHECKING

from infra.standin.http.responses import Answer, Call, json_answer
from infra.standin.webhooks.deliveries import retryable
from infra.standin.webhooks.webhook import EVENTS

if TYPE_CHECKING:
    from infra.standin.state import World

_TEST = "test"


def create(world: "World", call: Call) -> Answer:
    """POST /webhooks: the one answer, but for a rotation, that shows a secret."""
    webhook = world.webhooks.create(call.json(), world.moment())
    return json_answer(webhook.json() | {"secret": webhook.secret}, 201)


def index(world: "World", _call: Call) -> Answer:
    """GET /webhooks: a bare array."""
    return json_answer([webhook.json() for webhook in world.webhooks.all()])


def events(_world: "World", _call: Call) -> Answer:
    """GET /webhooks/events: a bare array."""
    return json_answer(list(EVENTS))


def show(world: "World", call: Call) -> Answer:
    """GET /webhooks/{webhook_id}."""
    return json_answer(world.webhooks.find(call.path["webhook_id"]).json())


def update(world: "World", call: Call) -> Answer:
    """PATCH /webhooks/{webhook_id}."""
    webhook_id = call.path["webhook_id"]
    return json_answer(world.webhooks.update(webhook_id, call.json(), world.moment()).json())


def delete(world: "World", call: Call) -> Answer:
    """DELETE /webhooks/{webhook_id}."""
    world.webhooks.delete(call.path["webhook_id"])
    return json_answer({"message": "Webhook deleted"})


def rotate(world: "World", call: Call) -> Answer:
    """POST /webhooks/{webhook_id}/rotate-secret."""
    webhook = world.webhooks.rotate(call.path["webhook_id"], world.moment())
    return json_answer({"webhook_id": webhook.webhook_id, "new_secret": webhook.secret})


async def test(world: "World", call: Call) -> Answer:
    """POST /webhooks/{webhook_id}/test: delivers once, and tells how that ended."""
    webhook = world.webhooks.find(call.path["webhook_id"])
    data = {"webhook_id": webhook.webhook_id, "message": "A test delivery"}
    ended = await world.courier.test(webhook, world.news.make(_TEST, data, world.moment()))
    refused = None if ended.delivered else f"The receiver answered {ended.status_code}"
    return json_answer(
        {
            "success": ended.delivered,
            "status_code": ended.status_code,
            "error": ended.error or refused,
        }
    )


def deliveries(world: "World", call: Call) -> Answer:
    """GET /webhooks/{webhook_id}/deliveries?status=&limit=: a bare array, the newest first."""
    webhook = world.webhooks.find(call.path["webhook_id"])
    limit = call.integer("limit", 50, lowest=1, highest=100)
    found = world.deliveries.of(webhook.webhook_id, call.query.get("status"))
    return json_answer([delivery.json() for delivery in found[:limit]])


def delivery(world: "World", call: Call) -> Answer:
    """GET /webhooks/deliveries/{delivery_id}."""
    return json_answer(world.deliveries.find(call.path["delivery_id"]).json())


def retry(world: "World", call: Call) -> Answer:
    """POST /webhooks/deliveries/{delivery_id}/retry: a failed one is sent again."""
    found = retryable(world.deliveries.find(call.path["delivery_id"]))
    found.status = "pending"
    world.courier.deliver(found)
    return json_answer(found.json())
