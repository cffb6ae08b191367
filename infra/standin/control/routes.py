"""The control plane under /_standin/: without credentials; faults and counts do not apply to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.standin.control import webhooks
from infra.standin.control.parsing import check_event, parse_body, parse_integer, parse_kinds
from infra.standin.errors import ApiError, invalid
from infra.standin.events.flood import Flood
from infra.standin.faults import parse_faults
from infra.standin.state import StandInState

ControlHandler = Callable[[StandInState, Request], Awaitable[Response]]


async def get_health(state: StandInState, _request: Request) -> Response:
    """GET /_standin/health."""
    return _json({"ok": not state.log.closed})


async def get_journal(state: StandInState, request: Request) -> Response:
    """GET /_standin/journal?since=EVENT_ID&ids=false."""
    since = request.query_params.get("since")
    start = state.log.sequence_of(since) if since else 0
    if start is None:
        raise ApiError(404, "since is not the id of an emitted event")
    with_ids = request.query_params.get("ids", "true") != "false"
    return _json(
        {
            "emitted": state.log.last,
            "expired": state.log.floor,
            "event_ids": list(state.log.ids_after(start)) if with_ids else [],
            "last_event_id": state.log.id_of(state.log.last) if state.log.last else None,
            "runs_active": state.runner.active,
            "streams_open": state.streams_open,
            "signed_urls": state.grants.issued,
            "requests": dict(state.requests),
            "markers": [marker.json() for marker in state.markers.all()],
        }
    )


async def add_faults(state: StandInState, request: Request) -> Response:
    """POST /_standin/faults: append one fault or a list of them to the script."""
    state.faults.add(parse_faults(await parse_body(request)))
    return _json(state.faults.remaining())


async def list_faults(state: StandInState, _request: Request) -> Response:
    """GET /_standin/faults: the faults that are left."""
    return _json(state.faults.remaining())


async def clear_faults(state: StandInState, _request: Request) -> Response:
    """DELETE /_standin/faults."""
    state.faults.clear()
    return _json([])


async def add_events(state: StandInState, request: Request) -> Response:
    """POST /_standin/events: partial event objects, in order."""
    body = await parse_body(request)
    value = body["events"] if isinstance(body, dict) and "events" in body else body
    events: list[Any] = value if isinstance(value, list) else [value]
    for event in events:
        check_event(event)
    return _json({"event_ids": [state.emit_fields(event) for event in events]})


async def start_runs(state: StandInState, request: Request) -> Response:
    """POST /_standin/runs: `{"runs", "videos_per_run", "events_per_second", "lose"}`, all optional.

    `lose` lists kinds, `run` or `video`: their last events are sent on no channel.
    """
    body = await parse_body(request)
    rate = body.get("events_per_second", state.config.events_per_second)
    if rate is not None and (not isinstance(rate, int | float) or rate < 0):
        raise invalid("events_per_second is a number, or null for no limit", "events_per_second")
    started = state.runner.start(
        parse_integer(body, "runs", 1),
        parse_integer(body, "videos_per_run", state.config.videos_per_run),
        rate or None,
        lose=parse_kinds(body),
    )
    return _json({"run_ids": started.run_ids, "events": started.events, "lost": started.lost})


async def start_flood(state: StandInState, request: Request) -> Response:
    """POST /_standin/flood: `{"events", "data_bytes": 400, "entities": 64}`."""
    body = await parse_body(request)
    events = parse_integer(body, "events", 100_000)
    if state.log.retain is not None and events > state.log.retain:
        raise invalid(f"The log retains {state.log.retain} events only", "events")
    first = state.log.last + 1
    flood = Flood(
        events=events,
        data_bytes=parse_integer(body, "data_bytes", 400),
        entities=parse_integer(body, "entities", 64),
        user_id=state.config.user_id,
        now=state.clock(),
    )
    for _ in flood.append_to(state.log):
        await asyncio.sleep(0)
    return _json(
        {
            "events": events,
            "first_event_id": state.log.id_of(first),
            "last_event_id": state.log.id_of(state.log.last),
        }
    )


async def expire(state: StandInState, request: Request) -> Response:
    """POST /_standin/expire: every event, or events through `{"through": EVENT_ID}`."""
    through = (await parse_body(request)).get("through")
    sequence = state.log.last if through is None else state.log.sequence_of(str(through))
    if sequence is None:
        raise ApiError(404, "through is not the id of an emitted event")
    state.log.expire_through(sequence)
    return _json({"expired": state.log.floor})


_HANDLERS: tuple[tuple[str, str, ControlHandler], ...] = (
    ("GET", "/health", get_health),
    ("GET", "/journal", get_journal),
    ("GET", "/faults", list_faults),
    ("POST", "/faults", add_faults),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/events", add_events),
    ("POST", "/runs", start_runs),
    ("POST", "/flood", start_flood),
    ("POST", "/expire", expire),
    ("GET", "/webhooks", webhooks.list_deliveries),
    ("POST", "/webhooks", webhooks.add_events),
)


def build_routes(state: StandInState) -> list[Route]:
    """Return the routes, for a mount at /_standin."""
    return [
        Route(path, _bind(state, handler), methods=[method]) for method, path, handler in _HANDLERS
    ]


def _bind(state: StandInState, handler: ControlHandler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(state, request)
        except ApiError as error:
            return JSONResponse({"error": error.message, "loc": error.where}, error.status)

    return endpoint


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
