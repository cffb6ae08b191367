"""GET /processing/events/stream: replay, then live events, heartbeats and whatever goes wrong."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from infra.standin.api.stream_faults import Disturbance
from infra.standin.errors import ApiError
from infra.standin.events.event import Filter, frame
from infra.standin.faults import Fault
from infra.standin.http import connection as wire

if TYPE_CHECKING:
    from infra.standin.state import World

_MAX_BYTES = 256 * 1024
_MAX_BATCH = 10_000
_ID_ONLY_AFTER = 5_000  # filtered-out events
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client asked for: a filter, the sequence number to begin after, the batch size."""

    where: Filter
    after: int
    batch_size: int


def opening(world: "World", query: QueryParams, headers: Mapping[str, str]) -> Opening:
    """Check the request for a stream. Raises 422, or 410 (as configured) for a lost cursor."""
    batch_size = query.get("batch_size", str(_MAX_BATCH))
    if not batch_size.isdecimal() or not 1 <= int(batch_size) <= _MAX_BATCH:
        message = f"batch_size is a whole number between 1 and {_MAX_BATCH}"
        raise ApiError(422, message, where=("query", "batch_size"))
    return Opening(parse_filter(query), _position(world, headers), int(batch_size))


def parse_filter(query: QueryParams) -> Filter:
    """The filters of a query; a list may repeat its key, be split by commas, or both."""

    def values(name: str) -> frozenset[str]:
        given = [item for value in query.getlist(name) for item in value.split(",")]
        return frozenset(item.strip() for item in given if item.strip())

    return Filter(
        run_ids=values("run_id"),
        index_ids=values("index_id"),
        video_ids=values("video_ids"),
        event_types=values("event_types"),
    )


def cursor_expired(world: "World") -> ApiError:
    """The answer to an unknown or expired Last-Event-ID."""
    message = "The Last-Event-ID is unknown or has expired"
    return ApiError(world.config.cursor_status, message, code="cursor_expired")


def _position(world: "World", headers: Mapping[str, str]) -> int:
    last_event_id = headers.get("last-event-id")
    if not last_event_id:
        return world.log.floor if world.config.start == "earliest" else world.log.last
    sequence = world.log.sequence_of(last_event_id)
    if sequence is None or sequence <= world.log.floor:
        raise cursor_expired(world)
    return sequence


class EventStream:
    """One connection, from its head to its end."""

    def __init__(
        self,
        world: "World",
        asked: Opening,
        fault: Fault | None,
        *,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._world = world
        self._log = world.log
        self._asked = asked
        self._after = asked.after
        self._scope = scope
        self._receive = receive
        self._send = send
        self._trouble = Disturbance(fault)
        self._wake = asyncio.Event()
        self._gone = False
        self._quiet_since = 0.0
        self._filtered = 0  # events passed over since the client was last told where it is

    async def run(self, headers: Mapping[str, str]) -> None:
        """Serve until the client leaves, the server closes or a fault ends it."""
        loop = asyncio.get_running_loop()
        watcher = loop.create_task(self._watch())
        self._log.wakers.add(self._wake)
        self._quiet_since = loop.time()
        ends_at = loop.time() + (self._world.config.stream_seconds or float("inf"))
        try:
            await wire.start(self._send, 200, {**_HEADERS, **headers})
            await wire.body(self._send, b"", more=True)
            while not self._over() and loop.time() < ends_at:
                self._wake.clear()
                if not await self._step():
                    await self._rest(ends_at)
            if not self._trouble.broken and not self._gone:
                await wire.body(self._send, b"", more=False)
        finally:
            self._log.wakers.discard(self._wake)
            watcher.cancel()
        if self._trouble.broken and not self._gone:
            await wire.break_off(self._scope, self._receive, reset=self._trouble.reset)

    def _over(self) -> bool:
        return self._gone or self._world.closing or self._trouble.ended

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake.set()

    async def _step(self) -> bool:
        """Send what is there; False if there was nothing."""
        if self._after < self._log.floor:
            await self._fell_behind()
            return True
        for piece in self._trouble.before_frames():
            await self._out(piece)
        if self._trouble.stall_seconds:
            await self._stall(self._trouble.take_stall())
        if self._over():
            return True
        batch = self._log.read(
            self._after,
            self._asked.where,
            max_events=min(self._asked.batch_size, self._trouble.frames_until_next()),
            max_bytes=_MAX_BYTES,
        )
        if batch.reached == self._after:
            return False
        self._filtered += batch.reached - self._after - batch.count
        self._after = batch.reached
        if batch.count:
            self._filtered = 0
            await self._out(self._trouble.frames(batch.data, batch.count))
        elif self._filtered >= _ID_ONLY_AFTER:
            await self._tell_position()
        await asyncio.sleep(0)  # sending need not yield, and others must not be kept waiting
        return True

    async def _rest(self, ends_at: float) -> None:
        """Wait for news, and send a heartbeat if there is none for too long."""
        now = asyncio.get_running_loop().time()
        heartbeat_at = self._quiet_since + self._world.config.heartbeat_seconds
        if now >= heartbeat_at:
            await self._tell_position()
            await self._out(b": heartbeat\n\n")
            return
        try:
            async with asyncio.timeout(min(heartbeat_at, ends_at) - now):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _tell_position(self) -> None:
        """Say where a client stands that was spared some events: an id without data."""
        sse_id = self._log.sse_id(self._after) if self._after else None
        if self._filtered and sse_id is not None and self._world.config.id_only_frames:
            await self._out(f"id: {sse_id}\n\n".encode())
        self._filtered = 0

    async def _fell_behind(self) -> None:
        error = cursor_expired(self._world)
        data = f'{{"code":"{error.code}","message":"{error.message}"}}'.encode()
        await self._out(frame(None, "processing.stream_error", data))
        self._trouble.ended = True

    async def _out(self, data: bytes) -> None:
        if not data:
            return
        self._quiet_since = asyncio.get_running_loop().time()
        data = self._trouble.limited(data)
        drip = self._trouble.drip(data)
        if drip is None:
            await wire.body(self._send, data, more=True)
            return
        for start in range(0, len(data), drip.bytes):
            if self._gone or self._world.closing:
                return
            await wire.body(self._send, data[start : start + drip.bytes], more=True)
            await asyncio.sleep(drip.seconds)

    async def _stall(self, seconds: float) -> None:
        """Send nothing at all, heartbeats included; a client that leaves ends it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._gone and not self._world.closing and loop.time() < until:
            self._wake.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return
