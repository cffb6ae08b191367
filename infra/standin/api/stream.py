"""GET /processing/events/stream: replay, live events, heartbeats and stream faults."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from infra.standin.api.stream_faults import StreamFault
from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError
from infra.standin.events.event import Filter
from infra.standin.events.frames import encode_frame
from infra.standin.events.log import EventLog
from infra.standin.http import connection
from infra.standin.http.pipeline import RequestContext
from infra.standin.state import StandInState

_MAX_BYTES = 256 * 1024
_MAX_BATCH = 10_000
_ID_ONLY_AFTER = 5_000  # filtered-out events
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
}


async def serve(state: StandInState, context: RequestContext) -> None:
    """Serve one stream. Raises 422, or 410 (or the configured status) for an expired cursor."""
    fault = context.fault
    if fault is not None and fault.kind == "expired_cursor":
        raise cursor_expired(state.config)
    query, headers = context.request.query_params, context.request.headers
    stream_request = parse_stream_request(state.log, state.config, query, headers)
    if fault is not None and fault.kind == "drop":
        await context.drop()
        return
    state.streams_open += 1
    try:
        await EventStream(state.log, state.config, stream_request, context).run()
    finally:
        state.streams_open -= 1


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The request for a stream: its filter, the sequence number before it, the batch size."""

    filters: Filter
    after: int
    batch_size: int


def parse_stream_request(
    log: EventLog, config: StandInConfig, query: QueryParams, headers: Mapping[str, str]
) -> StreamRequest:
    """Parse the request for a stream. Raises as `serve` does."""
    batch_size = query.get("batch_size", str(_MAX_BATCH))
    if not batch_size.isdecimal() or not 1 <= int(batch_size) <= _MAX_BATCH:
        message = f"batch_size is a whole number between 1 and {_MAX_BATCH}"
        raise ApiError(422, message, where=("query", "batch_size"))
    after = _find_position(log, config, headers.get("last-event-id"))
    return StreamRequest(parse_filter(query), after, int(batch_size))


def parse_filter(query: QueryParams) -> Filter:
    """Parse the filter of a query. A list repeats its key, or separates values by commas."""

    def values(name: str) -> frozenset[str]:
        items = [item for value in query.getlist(name) for item in value.split(",")]
        return frozenset(item.strip() for item in items if item.strip())

    return Filter(
        run_ids=values("run_id"),
        index_ids=values("index_id"),
        video_ids=values("video_ids"),
        event_types=values("event_types"),
    )


def cursor_expired(config: StandInConfig) -> ApiError:
    """Return the error for an unknown or expired Last-Event-ID."""
    message = "The Last-Event-ID is unknown or has expired"
    return ApiError(config.cursor_status, message, code="cursor_expired")


def _find_position(log: EventLog, config: StandInConfig, last_event_id: str | None) -> int:
    if not last_event_id:
        return log.floor if config.start == "earliest" else log.last
    sequence = log.sequence_of(last_event_id)
    if sequence is None or sequence <= log.floor:
        raise cursor_expired(config)
    return sequence


class EventStream:
    """One stream connection, from its response head to its end."""

    def __init__(
        self,
        log: EventLog,
        config: StandInConfig,
        stream_request: StreamRequest,
        context: RequestContext,
    ) -> None:
        self._log = log
        self._config = config
        self._filters = stream_request.filters
        self._batch_size = stream_request.batch_size
        self._after = stream_request.after
        self._context = context
        self._fault = StreamFault(context.fault)
        self._wake = asyncio.Event()
        self._disconnected = False
        self._last_sent_at = 0.0
        self._filtered = 0  # events filtered out since the last frame with an id

    async def run(self) -> None:
        """Serve until the client disconnects, the log closes or a fault ends the stream."""
        loop = asyncio.get_running_loop()
        watcher = loop.create_task(self._watch())
        self._log.wakers.add(self._wake)
        self._last_sent_at = loop.time()
        ends_at = loop.time() + (self._config.stream_seconds or float("inf"))
        headers = {**_HEADERS, "x-request-id": self._context.request_id}
        try:
            await connection.send_head(self._context.send, 200, headers)
            await self._write(b"")
            while not self._is_over() and loop.time() < ends_at:
                self._wake.clear()
                if not await self._send_batch():
                    await self._wait(ends_at)
            if not self._fault.broken and not self._disconnected:
                await connection.send_body(self._context.send, b"", more=False)
        finally:
            self._log.wakers.discard(self._wake)
            watcher.cancel()
        if self._fault.broken and not self._disconnected:
            await self._context.drop(reset=self._fault.reset)

    def _is_over(self) -> bool:
        return self._disconnected or self._log.closed or self._fault.ended

    async def _watch(self) -> None:
        while (await self._context.receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        self._wake.set()

    async def _send_batch(self) -> bool:
        """Send the next events. Return False if there are none."""
        if self._after < self._log.floor:
            await self._end_with_error()
            return True
        for data in self._fault.before_frames():
            await self._send(data)
        if self._fault.stall_seconds:
            await self._stall(self._fault.take_stall())
        if self._is_over():
            return True
        batch = self._log.read(
            self._after,
            self._filters,
            max_events=min(self._batch_size, self._fault.frames_until_next()),
            max_bytes=_MAX_BYTES,
        )
        if batch.reached == self._after:
            return False
        self._filtered += batch.reached - self._after - batch.count
        self._after = batch.reached
        if batch.count:
            self._filtered = 0
            await self._send(self._fault.change_frames(batch.data, batch.count))
        elif self._filtered >= _ID_ONLY_AFTER:
            await self._send_position()
        await asyncio.sleep(0)  # sending does not always yield to the event loop
        return True

    async def _wait(self, ends_at: float) -> None:
        """Wait for an event, or send a heartbeat when it is due."""
        now = asyncio.get_running_loop().time()
        heartbeat_at = self._last_sent_at + self._config.heartbeat_seconds
        if now >= heartbeat_at:
            await self._send_position()
            await self._send(b": heartbeat\n\n")
            return
        try:
            async with asyncio.timeout(min(heartbeat_at, ends_at) - now):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send_position(self) -> None:
        """Send a frame with an id and no data, if events were filtered out since the last id."""
        sse_id = self._log.sse_id(self._after) if self._after else None
        if self._filtered and sse_id is not None and self._config.id_only_frames:
            await self._send(f"id: {sse_id}\n\n".encode())
        self._filtered = 0

    async def _end_with_error(self) -> None:
        """End a stream whose position has expired."""
        error = cursor_expired(self._config)
        data = f'{{"code":"{error.code}","message":"{error.message}"}}'.encode()
        await self._send(encode_frame(None, "processing.stream_error", data))
        self._fault.ended = True

    async def _send(self, data: bytes) -> None:
        if not data:
            return
        self._last_sent_at = asyncio.get_running_loop().time()
        data = self._fault.truncate(data)
        drip = self._fault.drip(data)
        if drip is None:
            await self._write(data)
            return
        for start in range(0, len(data), drip.bytes):
            if self._disconnected or self._log.closed:
                return
            await self._write(data[start : start + drip.bytes])
            await asyncio.sleep(drip.seconds)

    async def _write(self, data: bytes) -> None:
        await connection.send_body(self._context.send, data, more=True)

    async def _stall(self, seconds: float) -> None:
        """Send nothing, not even heartbeats, until the time is over or the client disconnects."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._disconnected and not self._log.closed and loop.time() < until:
            self._wake.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._wake.wait()
            except TimeoutError:
                return
