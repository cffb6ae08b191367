"""The control plane's view of webhooks: what was told, how it was taken, and news on demand."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.standin.errors import invalid
from infra.standin.webhooks.deliveries import Delivery
from infra.standin.webhooks.webhook import EVENTS

if TYPE_CHECKING:
    from infra.standin.state import World

_MOST = 100_000
_LONGEST_WAIT_SECONDS = 60
_BURST = 200  # events between two chances for others to run


async def deliveries(world: "World", request: Request) -> Response:
    """GET /_standin/webhooks?attempts=false&wait=0: events announced, and each attempt on request.

    Answers as soon as all of them are settled, and after `wait` seconds at the latest.
    """
    await world.courier.settle(_seconds(request.query_params.get("wait", "0")))
    found = world.deliveries.all()
    answer: dict[str, Any] = {
        "event_ids": list(dict.fromkeys(each.news.id for each in found)),
        "event_types": dict(Counter(each.news.event for each in found)),
        "unsettled": world.courier.unsettled,
        "statuses": dict(Counter(each.status for each in found)),
    }
    if request.query_params.get("attempts") == "true":
        answer["attempts"] = [attempt for each in found for attempt in _attempts(each)]
    return JSONResponse(answer)


async def add_news(world: "World", request: Request) -> Response:
    """POST /_standin/webhooks: `{"events": N, "event": TYPE, "data": {...}}`; ids of the events."""
    body = await request.json()
    count, event, data = body.get("events", 1), body.get("event", EVENTS[0]), body.get("data", {})
    if not isinstance(count, int) or not 1 <= count <= _MOST:
        raise invalid(f"events is a whole number from 1 to {_MOST:,}", "events")
    if not isinstance(event, str) or not isinstance(data, dict):
        raise invalid("event is a string and data an object")
    ids = []
    for number in range(count):
        news = world.news.make(event, data | {"n": number}, world.moment())
        ids.append(news.id)
        world.courier.tell(news)
        if number % _BURST == 0:
            await asyncio.sleep(0)
    return JSONResponse({"event_ids": ids})


def _seconds(text: str) -> float:
    if not text.isdecimal() or int(text) > _LONGEST_WAIT_SECONDS:
        raise invalid(f"wait is a whole number from 0 to {_LONGEST_WAIT_SECONDS}", "wait")
    return float(text)


def _attempts(delivery: Delivery) -> list[dict[str, Any]]:
    return [
        {
            "event_id": delivery.news.id,
            "generation": ended.generation,
            "sent_at": ended.sent_at,
            "answered_at": ended.at,
            "status_code": ended.status_code,
            "error": ended.error,
        }
        for ended in delivery.attempts
    ]
