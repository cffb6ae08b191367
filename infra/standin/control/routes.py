"""The control plane under /_standin/: no credentials, loopback only, never counted or faulted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.standin.control import webhooks as webhook_control
from infra.standin.errors import ApiError, invalid
from infra.standin.events.flood import Flood
from infra.standin.faults import parse_faults

if TYPE_CHECKING:
    from infra.standin.state import World

Control = Callable[["World", Request], Awaitable[Response]]
_TEXT_FIELDS = (
    "event_id",
    "event_type",
    "user_id",
    "run_id",
    "video_id",
    "segment_id",
    "index_id",
    "created_at",
    "data",
)


async def health(world: "World", _request: Request) -> Response:
    """GET /_standin/health."""
    return _json({"ok": not world.closing})


async def journal(world: "World", request: Request) -> Response:
    """GET /_standin/journal?since=EVENT_ID&ids=false."""
    since = request.query_params.get("since")
    start = world.log.sequence_of(since) if since else 0
    if start is None:
        raise ApiError(404, "since is not the id of an event that was emitted")
    with_ids = request.query_params.get("ids", "true") != "false"
    return _json(
        {
            "emitted": world.log.last,
            "expired": world.log.floor,
            "event_ids": list(world.log.ids_after(start)) if with_ids else [],
            "last_event_id": world.log.id_of(world.log.last) if world.log.last else None,
            "runs_active": world.runner.active,
            "streams_open": world.streams_open,
            "signed_urls": world.grants.issued,
            "requests": dict(world.visits.by_endpoint),
            "markers": [marker.json() for marker in world.markers.all()],
        }
    )


async def add_faults(world: "World", request: Request) -> Response:
    """POST /_standin/faults: one fault or a list, appended to the script."""
    world.script.add(parse_faults(await _body(request)))
    return _json(world.script.remaining())


async def list_faults(world: "World", _request: Request) -> Response:
    """GET /_standin/faults: what is yet to strike."""
    return _json(world.script.remaining())


async def clear_faults(world: "World", _request: Request) -> Response:
    """DELETE /_standin/faults."""
    world.script.clear()
    return _json([])


async def add_events(world: "World", request: Request) -> Response:
    """POST /_standin/events: partial event objects, in order."""
    body = await _body(request)
    given = body["events"] if isinstance(body, dict) and "events" in body else body
    events: list[Any] = given if isinstance(given, list) else [given]
    for event in events:
        _check_event(event)
    return _json({"event_ids": [world.emit_given(event) for event in events]})


async def start_runs(world: "World", request: Request) -> Response:
    """POST /_standin/runs: `{"runs", "videos_per_run", "events_per_second"}`, all optional."""
    body = await _body(request)
    rate = body.get("events_per_second", world.config.events_per_second)
    if rate is not None and (not isinstance(rate, int | float) or rate < 0):
        raise invalid("events_per_second is a number, or null for no limit", "events_per_second")
    started = world.runner.start(
        _whole(body, "runs", 1),
        _whole(body, "videos_per_run", world.config.videos_per_run),
        rate or None,
    )
    return _json({"run_ids": started.run_ids, "events": started.events})


async def start_flood(world: "World", request: Request) -> Response:
    """POST /_standin/flood: `{"events", "data_bytes": 400, "entities": 64}`."""
    body = await _body(request)
    events = _whole(body, "events", 100_000)
    if world.log.retain is not None and events > world.log.retain:
        raise invalid(f"Only the last {world.log.retain} events are kept", "events")
    first = world.log.last + 1
    flood = Flood(
        events=events,
        data_bytes=_whole(body, "data_bytes", 400),
        entities=_whole(body, "entities", 64),
        user_id=world.config.user_id,
        now=world.clock(),
    )
    for _ in flood.pour(world.log):
        await asyncio.sleep(0)
    return _json(
        {
            "events": events,
            "first_event_id": world.log.id_of(first),
            "last_event_id": world.log.id_of(world.log.last),
        }
    )


async def expire(world: "World", request: Request) -> Response:
    """POST /_standin/expire: everything, or through `{"through": EVENT_ID}`."""
    through = (await _body(request)).get("through")
    sequence = world.log.last if through is None else world.log.sequence_of(str(through))
    if sequence is None:
        raise ApiError(404, "through is not the id of an event that was emitted")
    world.log.expire_through(sequence)
    return _json({"expired": world.log.floor})


_TABLE: tuple[tuple[str, str, Control], ...] = (
    ("GET", "/health", health),
    ("GET", "/journal", journal),
    ("GET", "/faults", list_faults),
    ("POST", "/faults", add_faults),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/events", add_events),
    ("POST", "/runs", start_runs),
    ("POST", "/flood", start_flood),
    ("POST", "/expire", expire),
    ("GET", "/webhooks", webhook_control.deliveries),
    ("POST", "/webhooks", webhook_control.add_news),
)


def control_routes(world: "World") -> list[Route]:
    """The routes, to be mounted under /_standin."""
    return [
        Route(path, _bound(world, control), methods=[method]) for method, path, control in _TABLE
    ]


def _bound(world: "World", control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await control(world, request)
        except ApiError as error:
            return JSONResponse({"error": error.message, "loc": error.where}, error.status)

    return endpoint


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


async def _body(request: Request) -> Any:
    raw = await request.body()
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise invalid("The body is not valid JSON") from None


def _whole(body: Any, name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise invalid(f"{name} is a whole number from 1", name)
    return value


def _check_event(event: object) -> None:
    if not isinstance(event, dict):
        raise invalid("An event is an object")
    for name, value in event.items():
        if name == "payload":
            if not isinstance(value, dict):
                raise invalid("payload is an object", name)
        elif name not in _TEXT_FIELDS:
            raise invalid(f"An event has no field {name!r}", name)
        elif value is not None and not isinstance(value, str):
            raise invalid(f"{name} is a string", name)
