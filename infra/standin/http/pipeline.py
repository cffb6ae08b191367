"""The way every API request goes: count, fault, credentials, limit, handler, answer."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from infra.standin.api.stream import EventStream, cursor_expired, opening
from infra.standin.config import Shape
from infra.standin.errors import SHAPES, ApiError
from infra.standin.faults import Fault
from infra.standin.http import connection as wire
from infra.standin.http.auth import authorise, credential
from infra.standin.http.responses import Answer, Call

if TYPE_CHECKING:
    from infra.standin.state import World

Handler = Callable[["World", Call], Answer | Awaitable[Answer]]
_IDEMPOTENT = ("PUT", "POST", "PATCH")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One line of the route table. No scope: the URL itself is the credential."""

    method: str
    path: str
    scope: str | None
    handler: Handler | None
    """None for the event stream, which answers for itself."""

    @property
    def name(self) -> str:
        """How faults and the journal call it."""
        return f"{self.method} {self.path}"


class Gate:
    """The ASGI application behind one endpoint."""

    def __init__(self, world: "World", endpoint: Endpoint) -> None:
        self._world = world
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        world = self._world
        visit = Visit(Request(scope, receive), world.visits.arrive(self._endpoint.name))
        fault = await self._fault(visit)
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "drop" and not fault.act:
            await wire.break_off(scope, receive, reset=fault.reset)
            return
        try:
            caller = self._admit(visit, fault)
            if self._endpoint.handler is None:
                await self._stream(visit, fault, scope, receive, send)
                return
            answer = await self._handle(visit, caller, self._endpoint.handler)
        except ApiError as error:
            answer = world.refuse(error, visit)
        if fault is not None and fault.kind == "drop":
            await wire.break_off(scope, receive, reset=fault.reset)
            return
        await reply(send, answer, visit.request_id)

    async def _fault(self, visit: "Visit") -> Fault | None:
        script, route = self._world.script, self._endpoint.name
        if not script.reads(route):
            return script.take(route)
        body = await visit.request.body()
        return script.take(route, visit.request.url.path, body.decode(errors="replace"))

    def _admit(self, visit: "Visit", fault: Fault | None) -> str:
        world = self._world
        if fault is not None and fault.kind == "status":
            raise fault.error()
        if self._endpoint.scope is None:
            return ""
        authorise(visit.request.headers, world.keys, self._endpoint.scope)
        caller = credential(visit.request.headers) or ""
        wait = world.limiter.wait(caller, world.clock())
        if wait > 0:
            raise ApiError(429, "Rate limit exceeded", retry_after=wait)
        return caller

    async def _handle(self, visit: "Visit", caller: str, handler: Handler) -> Answer:
        world = self._world
        # By path, so that one key does not join what is asked of two things.
        route = f"{self._endpoint.method} {visit.request.url.path}"
        body = await visit.request.body()
        key = visit.request.headers.get("idempotency-key")
        if key and self._endpoint.method in _IDEMPOTENT:
            known = world.idempotency.recall(caller, route, key, body)
            if known is not None:
                return known
        request = visit.request
        answered = handler(
            world, Call(caller, request.path_params, request.query_params, body, world.clock())
        )
        answer = answered if isinstance(answered, Answer) else await answered
        if key and self._endpoint.method in _IDEMPOTENT:
            world.idempotency.remember(caller, route, key, body, answer)
        return answer

    async def _stream(
        self, visit: "Visit", fault: Fault | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if fault is not None and fault.kind == "expired_cursor":
            raise cursor_expired(self._world)
        request = visit.request
        asked = opening(self._world, request.query_params, request.headers)
        dropped = fault is not None and fault.kind == "drop"
        if dropped:
            await wire.break_off(scope, receive)
            return
        stream = EventStream(self._world, asked, fault, scope=scope, receive=receive, send=send)
        self._world.streams_open += 1
        try:
            await stream.run({"x-request-id": visit.request_id})
        finally:
            self._world.streams_open -= 1


@dataclass(frozen=True, slots=True)
class Visit:
    """One request and the id it was given."""

    request: Request
    request_id: str

    def wished_shape(self) -> Shape | None:
        """The error shape that the header X-Standin-Error-Shape asks for."""
        wish = self.request.headers.get("x-standin-error-shape")
        return wish if wish in SHAPES else None


class Visits:
    """Counts requests by endpoint and numbers them."""

    def __init__(self) -> None:
        self.by_endpoint: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def arrive(self, name: str) -> str:
        """Count one request; its id."""
        self.by_endpoint[name] += 1
        return f"req_{next(self._numbers):08d}"


async def reply(send: Send, answer: Answer, request_id: str) -> None:
    """Send a finished answer."""
    headers = {"x-request-id": request_id, **answer.headers}
    if answer.status != 204:
        headers |= {"content-type": answer.media_type, "content-length": str(len(answer.content))}
    await wire.start(send, answer.status, headers)
    await wire.body(send, answer.content, more=False)


def refusal(status: int, body: object, headers: dict[str, str]) -> Answer:
    """An error as a finished answer."""
    return Answer(orjson.dumps(body), status, headers=headers)
