"""The route table, and the application made of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from infra.standin.api import playground, videos
from infra.standin.api import webhooks as webhook_api
from infra.standin.control import routes as control
from infra.standin.http.pipeline import Endpoint, Gate
from infra.standin.http.responses import NO_CONTENT, Answer, Call, json_answer
from infra.standin.state import World

API_PREFIX = "/api/v2"
MEDIA_PREFIX = "/media"


def list_markers(world: World, _call: Call) -> Answer:
    """GET /markers: a bare array."""
    return json_answer([marker.json() for marker in world.markers.all()])


def put_marker(world: World, call: Call) -> Answer:
    """PUT /markers."""
    return json_answer(world.markers.put(call.json(), world.moment()).json())


def delete_marker(world: World, call: Call) -> Answer:
    """DELETE /markers/{marker_id}."""
    world.markers.delete(call.path["marker_id"])
    return NO_CONTENT


API = (
    Endpoint("GET", "/processing/events/stream", "read", None),
    Endpoint("GET", "/markers", "read", list_markers),
    Endpoint("PUT", "/markers", "write", put_marker),
    Endpoint("DELETE", "/markers/{marker_id}", "admin", delete_marker),
    Endpoint("POST", "/videos/signed-url", "read", videos.signed_url),
    Endpoint("POST", "/videos/batch", "read", videos.batch),
    Endpoint("POST", "/videos/batch/status", "read", videos.batch_status),
    Endpoint("POST", "/videos/batch/segments", "read", videos.batch_segments),
    Endpoint("GET", "/videos/segments/{segment_id}/thumbnail", "read", videos.thumbnail),
    Endpoint("GET", "/videos/{video_id}/gif", "read", videos.gif),
    Endpoint("GET", "/playground/videos", "read", playground.videos),
    Endpoint("POST", "/playground/search", "search", playground.search),
    Endpoint("POST", "/search/filter/playground", "search", playground.filter_search),
    Endpoint("POST", "/webhooks", "write", webhook_api.create),
    Endpoint("GET", "/webhooks", "read", webhook_api.index),
    # Before the routes with an id, which would take their words for one.
    Endpoint("GET", "/webhooks/events", "read", webhook_api.events),
    Endpoint("GET", "/webhooks/deliveries/{delivery_id}", "read", webhook_api.delivery),
    Endpoint("POST", "/webhooks/deliveries/{delivery_id}/retry", "write", webhook_api.retry),
    Endpoint("GET", "/webhooks/{webhook_id}", "read", webhook_api.show),
    Endpoint("PATCH", "/webhooks/{webhook_id}", "write", webhook_api.update),
    Endpoint("DELETE", "/webhooks/{webhook_id}", "admin", webhook_api.delete),
    Endpoint("POST", "/webhooks/{webhook_id}/rotate-secret", "write", webhook_api.rotate),
    Endpoint("POST", "/webhooks/{webhook_id}/test", "write", webhook_api.test),
    Endpoint("GET", "/webhooks/{webhook_id}/deliveries", "read", webhook_api.deliveries),
)
MEDIA = Endpoint("GET", "/media", None, videos.download)


def build_app(world: World) -> Starlette:
    """The stand-in as an ASGI application over `world`."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        every = world.config.run_every_seconds
        task = asyncio.create_task(world.runner.forever(every)) if every else None
        yield
        if task is not None:
            task.cancel()

    api = [
        Route(API_PREFIX + endpoint.path, Gate(world, endpoint), methods=[endpoint.method])
        for endpoint in API
    ]
    media = Route(MEDIA_PREFIX + "/{bucket}/{path:path}", Gate(world, MEDIA), methods=["GET"])
    plane = Mount("/_standin", routes=control.control_routes(world))
    return Starlette(
        routes=[*api, media, plane],
        lifespan=lifespan,
        exception_handlers={HTTPException: _no_such_route},
    )


async def _no_such_route(_request: Request, error: Exception) -> Response:
    """Unknown paths and methods answer as FastAPI does."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
