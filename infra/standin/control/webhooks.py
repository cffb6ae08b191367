"""The control plane of webhooks: deliveries, their attempts, and events on demand."""

import asyncio
from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.standin.errors import invalid
from infra.standin.state import StandInState
from infra.standin.webhooks.deliveries import Delivery
from infra.standin.webhooks.webhook import WEBHOOK_EVENTS

_MAX_EVENTS = 100_000
_MAX_WAIT_SECONDS = 60
_BURST = 200  # events before the event loop runs other tasks


async def list_deliveries(state: StandInState, request: Request) -> Response:
    """GET /_standin/webhooks?attempts=false&wait=0: delivered events, optionally each attempt.

    Responds as soon as all deliveries are settled, after `wait` seconds at the latest.
    """
    await state.dispatcher.settle(_parse_wait(request.query_params.get("wait", "0")))
    deliveries = state.deliveries.all()
    report: dict[str, Any] = {
        "event_ids": list(dict.fromkeys(delivery.event.id for delivery in deliveries)),
        "event_types": dict(Counter(delivery.event.event_type for delivery in deliveries)),
        "unsettled": state.dispatcher.unsettled,
        "statuses": dict(Counter(delivery.status for delivery in deliveries)),
    }
    if request.query_params.get("attempts") == "true":
        report["attempts"] = [
            attempt for delivery in deliveries for attempt in _describe_attempts(delivery)
        ]
    return JSONResponse(report)


async def add_events(state: StandInState, request: Request) -> Response:
    """POST /_standin/webhooks: deliver `{"events": N, "event": TYPE, "data": {...}}`."""
    body = await request.json()
    count = body.get("events", 1)
    event_type, data = body.get("event", WEBHOOK_EVENTS[0]), body.get("data", {})
    if not isinstance(count, int) or not 1 <= count <= _MAX_EVENTS:
        raise invalid(f"events is a whole number from 1 to {_MAX_EVENTS:,}", "events")
    if not isinstance(event_type, str) or not isinstance(data, dict):
        raise invalid("event is a string and data an object")
    ids = []
    for number in range(count):
        event = state.webhook_events.create(
            event_type, data | {"n": number}, state.next_timestamp()
        )
        ids.append(event.id)
        state.dispatcher.announce(event)
        if number % _BURST == 0:
            await asyncio.sleep(0)
    return JSONResponse({"event_ids": ids})


def _parse_wait(text: str) -> float:
    if not text.isdecimal() or int(text) > _MAX_WAIT_SECONDS:
        raise invalid(f"wait is a whole number from 0 to {_MAX_WAIT_SECONDS}", "wait")
    return float(text)


def _describe_attempts(delivery: Delivery) -> list[dict[str, Any]]:
    return [
        {
            "event_id": delivery.event.id,
            "generation": attempt.generation,
            "sent_at": attempt.sent_at,
            "answered_at": attempt.at,
            "status_code": attempt.status_code,
            "error": attempt.error,
        }
        for attempt in delivery.attempts
    ]
