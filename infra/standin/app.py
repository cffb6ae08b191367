"""The ASGI application of the stand-in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from infra.standin.api.routes import API_ENDPOINTS, MEDIA_ENDPOINT
from infra.standin.control.routes import build_routes
from infra.standin.http.pipeline import RequestPipeline
from infra.standin.state import StandInState

API_PREFIX = "/api/v2"
CONTROL_PREFIX = "/_standin"
MEDIA_PREFIX = "/media"


def build_app(state: StandInState) -> Starlette:
    """Return the application that serves `state`."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        interval = state.config.run_every_seconds
        task = asyncio.create_task(state.runner.repeat(interval)) if interval else None
        yield
        if task is not None:
            task.cancel()

    pipeline = RequestPipeline(state)
    api = [
        Route(API_PREFIX + endpoint.path, pipeline.app(endpoint), methods=[endpoint.method])
        for endpoint in API_ENDPOINTS
    ]
    media_path = MEDIA_PREFIX + "/{bucket}/{path:path}"
    media = Route(media_path, pipeline.app(MEDIA_ENDPOINT), methods=["GET"])
    control = Mount(CONTROL_PREFIX, routes=build_routes(state))
    return Starlette(
        routes=[*api, media, control],
        lifespan=lifespan,
        exception_handlers={HTTPException: _respond_unknown_route},
    )


async def _respond_unknown_route(_request: Request, error: Exception) -> JSONResponse:
    """Respond as FastAPI does for an unknown path or method."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
