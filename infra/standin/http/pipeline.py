"""The path of every API request: count, fault, credentials, rate limit, handler, response."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.standin.config import Shape
from infra.standin.errors import ApiError
from infra.standin.faults import Fault, FaultScript
from infra.standin.http import connection
from infra.standin.http.auth import authorise
from infra.standin.http.error_shapes import SHAPES, ErrorWriter
from infra.standin.http.idempotency import Idempotency
from infra.standin.http.rate_limit import RateLimiter
from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import Response, send_response
from infra.standin.state import StandInState

_IDEMPOTENT = ("PUT", "POST", "PATCH")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One HTTP request: its ASGI channels, its id, and the fault that applies to it."""

    request: Request
    request_id: str
    fault: Fault | None
    scope: Scope
    receive: Receive
    send: Send

    @property
    def error_shape(self) -> Shape | None:
        """The error shape that the header X-Standin-Error-Shape asks for."""
        shape = self.request.headers.get("x-standin-error-shape")
        return shape if shape in SHAPES else None

    async def drop(self, *, reset: bool = False) -> None:
        """Close the connection without a response."""
        await connection.drop(self.scope, self.receive, reset=reset)


Handler = Callable[[StandInState, ApiRequest], Response | Awaitable[Response]]
StreamHandler = Callable[[StandInState, RequestContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the route table. Scope None: the URL itself is the credential."""

    method: str
    path: str
    scope: str | None
    handler: Handler | None = None
    stream: StreamHandler | None = None
    """Sends the response itself; set instead of `handler`."""

    @property
    def name(self) -> str:
        """Name in faults and in the journal."""
        return f"{self.method} {self.path}"


class RequestPipeline:
    """Serves the endpoints of one stand-in."""

    def __init__(self, state: StandInState) -> None:
        config = state.config
        self._state = state
        self._limiter = RateLimiter(config.rate_limit_per_second, config.rate_limit_burst)
        self._idempotency = Idempotency(config.idempotency_conflict_status)
        shapes = SHAPES if config.error_shapes == "rotate" else (config.error_shapes,)
        self._errors = ErrorWriter(shapes, config.retry_after)

    def app(self, endpoint: Endpoint) -> ASGIApp:
        """Return the ASGI application of one endpoint."""
        return _EndpointApp(self, endpoint)

    async def serve(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        self._state.requests[endpoint.name] += 1
        request_id = f"req_{self._state.requests.total():08d}"
        fault = await _take_fault(self._state.faults, endpoint, request)
        context = RequestContext(request, request_id, fault, scope, receive, send)
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "drop" and not fault.act:
            await context.drop(reset=fault.reset)
            return
        try:
            caller = self._admit(endpoint, context)
            if endpoint.stream is not None:
                await endpoint.stream(self._state, context)
                return
            assert endpoint.handler is not None
            response = await self._handle(endpoint, endpoint.handler, context, caller)
        except ApiError as error:
            response = self._errors.write(
                error, request_id=request_id, now=self._state.clock(), shape=context.error_shape
            )
        if fault is not None and fault.kind == "drop":
            await context.drop(reset=fault.reset)
            return
        await send_response(send, response, request_id)

    def _admit(self, endpoint: Endpoint, context: RequestContext) -> str:
        """Return the caller's credential. Raises the `status` fault, 401, 403 or 429."""
        state, fault = self._state, context.fault
        if fault is not None and fault.kind == "status":
            raise fault.error()
        if endpoint.scope is None:
            return ""
        caller = authorise(context.request.headers, state.keys, endpoint.scope)
        wait = self._limiter.wait(caller, state.clock())
        if wait > 0:
            raise ApiError(429, "Rate limit exceeded", retry_after=wait)
        return caller

    async def _handle(
        self, endpoint: Endpoint, handler: Handler, context: RequestContext, caller: str
    ) -> Response:
        request = context.request
        body = await request.body()
        # The actual path: one key may serve two webhooks of the same route.
        route = f"{endpoint.method} {request.url.path}"
        key = request.headers.get("idempotency-key")
        if key and endpoint.method in _IDEMPOTENT:
            stored = self._idempotency.recall(caller, route, key, body)
            if stored is not None:
                return stored
        now = self._state.clock()
        result = handler(
            self._state, ApiRequest(caller, request.path_params, request.query_params, body, now)
        )
        response = result if isinstance(result, Response) else await result
        if key and endpoint.method in _IDEMPOTENT:
            self._idempotency.remember(caller, route, key, body, response)
        return response


class _EndpointApp:
    """An object, because Starlette does not accept a plain function as an ASGI application."""

    def __init__(self, pipeline: RequestPipeline, endpoint: Endpoint) -> None:
        self._pipeline = pipeline
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._pipeline.serve(self._endpoint, scope, receive, send)


async def _take_fault(script: FaultScript, endpoint: Endpoint, request: Request) -> Fault | None:
    if not script.needs_content(endpoint.name):
        return script.take(endpoint.name)
    body = await request.body()
    return script.take(endpoint.name, request.url.path, body.decode(errors="replace"))
