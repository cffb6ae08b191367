"""The processing event stream: its connections, and the position to resume from.

Source: "Processing event stream" in the vendor's "Advanced public utilities".
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final, Literal

import httpx
import orjson

from videovector_bridge.api.calls import check_api_key
from videovector_bridge.api.errors import (
    ApiError,
    Unreachable,
    error_from_exception,
    error_from_response,
)
from videovector_bridge.api.frames import Frame, FrameDecoder, FramePart
from videovector_bridge.errors import BridgeError, TransientError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings import ApiSettings
from videovector_bridge.settings.filters import StreamFilters

STREAM_PATH: Final = "/processing/events/stream"
STREAM_ERROR: Final = "processing.stream_error"

_ERROR_BODY_LIMIT: Final = 65_536  # bytes
_MAX_CURSOR_BYTES: Final = 4_096
# The error for a rejected Last-Event-ID is undocumented; match status and text.
_CURSOR_STATUS: Final = frozenset({400, 404, 409, 410, 412, 416, 422})
_CURSOR_WORDS: Final = re.compile(
    r"cursor|last.?event.?id|event.?id|expired|replay|retention|resume", re.IGNORECASE
)


Hearing = Literal["heard", "no_content", "closed", "silent"]
"""What a connection meets first: an event or a heartbeat, 204, its end, or the read timeout."""


class CursorRefused(BridgeError):
    """The API does not know, or no longer stores, the Last-Event-ID of the request."""


class StreamFailed(TransientError):
    """The API ended the stream with `processing.stream_error`."""


class StreamClosed(BridgeError):
    """The API returned 204: no more events; the client must not reconnect."""


@dataclass(slots=True)
class Position:
    """The Last-Event-ID after the frames so far, or the start of a stream without one.

    The cursor is normally a frame's `id:`. A frame without `id:` sets it to its `event_id`, until
    a frame shows that the two differ (the API does not document that they are equal). From then
    on a frame without `id:`, like an id that no header can carry, leaves the cursor unchanged: a
    resume repeats such events but loses none.

    `start_from` is `latest`, `earliest` or an event id. `earliest_event_id` is the Last-Event-ID
    that requests the oldest events.
    """

    cursor: str | None
    start_from: str
    earliest_event_id: str
    ids_differ: bool = False
    _last_id: str = ""

    @property
    def last_event_id(self) -> str | None:
        """The Last-Event-ID of the next request; None: the API decides where the stream begins."""
        if self.cursor is not None or self.start_from == "latest":
            return self.cursor
        return self.earliest_event_id if self.start_from == "earliest" else self.start_from

    def begin_again(self, start_from: str) -> "Position":
        """Return the position of the stream without its cursor, from `start_from`."""
        return Position(None, start_from, self.earliest_event_id)

    def advance(self, last_event_id: str, event_id: str | None) -> None:
        """Record a frame: the last event id after it, and the `event_id` in its data, if any."""
        if last_event_id and last_event_id != self._last_id:
            self._last_id = last_event_id
            # `decode_event` already checked that an event's id is header-safe.
            if last_event_id == event_id or _is_resumable(last_event_id):
                self.cursor = last_event_id
            if event_id is not None and event_id != last_event_id:
                self.ids_differ = True
        elif event_id is not None and not self.ids_differ:
            self.cursor = event_id


class EventStream:
    """Connections to the event stream under one set of filters.

    A connection without any bytes for `heartbeat_seconds` counts as dead. `retry_seconds` is the
    server's last `retry:`, 0 before the first.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        api: ApiSettings,
        filters: StreamFilters,
        *,
        heartbeat_seconds: float,
        max_frame_bytes: int,
    ) -> None:
        self._http = http
        self._api = api
        self._query = build_query(filters, api.list_encoding)
        self._heartbeat_seconds = heartbeat_seconds
        self._max_frame_bytes = max_frame_bytes
        self.retry_seconds = 0.0

    async def connect(self, last_event_id: str | None) -> AsyncGenerator[list[Frame | FramePart]]:
        """Yield the frames after `last_event_id` in order, in lists as they arrive.

        The first list is empty: the API has accepted the request. A later empty list is a
        heartbeat. Ends when the API closes the stream. Raises `ApiError`, `CursorRefused`,
        `StreamClosed` and `StreamFailed`.
        """
        request = self._http.build_request(
            "GET",
            self._api.base_url + STREAM_PATH,
            params=self._query,
            headers=self._headers(last_event_id),
            timeout=httpx.Timeout(self._api.timeout_seconds, read=self._heartbeat_seconds),
        )
        try:
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                await _check(response, last_event_id)
                yield []
                async with aclosing(self._decode(response)) as runs:
                    async for frames in runs:
                        yield frames
        except httpx.ReadTimeout:
            failure = Unreachable(
                f"VideoVector sent no bytes for {self._heartbeat_seconds:g} s, not even a "
                f"heartbeat (GET {STREAM_PATH}); the connection counts as dead."
            )
        except httpx.HTTPError as error:
            failure = error_from_exception(error, request)
        else:
            return
        # Raised outside the `except` block: httpx's errors reference the request and so the key.
        raise failure

    async def listen(self) -> Hearing:
        """Connect without a Last-Event-ID, and disconnect at the first event or heartbeat.

        Raises as `connect` does until the API has accepted the request.
        """
        try:
            async with aclosing(self.connect(None)) as runs:
                await anext(runs)
                try:
                    async for _ in runs:
                        return "heard"
                except Unreachable:
                    return "silent"
        except StreamClosed:
            return "no_content"
        return "closed"

    async def probe(self) -> None:
        """Connect without a Last-Event-ID and disconnect. Raises as `connect` does."""
        async with aclosing(self.connect(None)) as runs:
            await anext(runs)

    def _headers(self, last_event_id: str | None) -> list[tuple[bytes, bytes]]:
        key = check_api_key(self._api.key.current(), "GET", STREAM_PATH)
        headers = [
            (b"X-API-Key", key.encode()),
            (b"Accept", b"text/event-stream"),
            (b"Accept-Encoding", b"identity"),
            (b"Cache-Control", b"no-store"),
        ]
        if last_event_id:
            headers.append((b"Last-Event-ID", last_event_id.encode()))
        return headers

    async def _decode(self, response: httpx.Response) -> AsyncGenerator[list[Frame | FramePart]]:
        decoder = FrameDecoder(self._max_frame_bytes, STREAM_ERROR.encode(), self._stream_error)
        async for data in response.aiter_bytes():
            heartbeats = decoder.heartbeats
            frames = decoder.feed(data)
            if decoder.retry_milliseconds is not None:
                self.retry_seconds = decoder.retry_milliseconds / 1000
            if frames or decoder.heartbeats > heartbeats:
                yield frames
            if decoder.failure is not None:
                raise decoder.failure

    def _stream_error(self, event: str, data: bytes) -> StreamFailed | None:
        """Return the error for a `processing.stream_error` frame; None for any other frame."""
        try:
            fields = orjson.loads(data)
        except orjson.JSONDecodeError:
            fields = None
        event_type = fields.get("event_type") if isinstance(fields, dict) else None
        if STREAM_ERROR not in (event, event_type):
            return None
        text = clean_text(
            data.decode("utf-8", errors="replace"), limit=500, secret=self._api.key.current()
        )
        return StreamFailed(f"VideoVector ended the event stream with {STREAM_ERROR}: {text}")


async def _check(response: httpx.Response, last_event_id: str | None) -> None:
    if response.status_code == 204:
        raise StreamClosed("VideoVector returned 204: the event stream has no more events.")
    if response.status_code != 200:
        error = error_from_response(response, await _read_bounded(response))
        if last_event_id and is_cursor_refusal(error):
            raise CursorRefused(str(error)) from error
        raise error
    content_type = response.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "text/event-stream":
        raise Unreachable(
            f"GET {STREAM_PATH} returned {clean_text(content_type, limit=100)!r}, not an event "
            f"stream. Check that VIDEO_VECTOR_BASE_URL points at the API and not at a proxy or "
            f"sign-in page."
        )


async def _read_bounded(response: httpx.Response) -> bytes:
    """Return at most 64 KiB of the body of an error."""
    body = b""
    with suppress(httpx.HTTPError):  # the part that arrived is enough: the status is known
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= _ERROR_BODY_LIMIT:
                break
    return body[:_ERROR_BODY_LIMIT]


def is_cursor_refusal(error: ApiError) -> bool:
    """Whether the error, in VideoVector's own form, refuses the Last-Event-ID.

    A proxy's page never does, whatever words it contains.
    """
    if not (error.vendor_code or error.message) or error.status not in _CURSOR_STATUS:
        return False
    texts = (error.vendor_code or "", error.message, str(error.details or ""))
    return error.status == 410 or any(_CURSOR_WORDS.search(text) for text in texts)


def _is_resumable(last_event_id: str) -> bool:
    """Whether a request header can carry the id unchanged."""
    return (
        last_event_id.isprintable()
        and last_event_id == last_event_id.strip(" ")
        and len(last_event_id.encode()) <= _MAX_CURSOR_BYTES
    )


def build_query(filters: StreamFilters, list_encoding: str) -> httpx.QueryParams:
    """Return the query of the stream's URL; lists as repeated keys, or joined by commas."""
    pairs = [(key, getattr(filters, key)) for key in ("run_id", "index_id")]
    for key in ("video_ids", "event_types"):
        items = getattr(filters, key)
        pairs += [(key, ",".join(items))] if list_encoding == "comma" else [(key, i) for i in items]
    pairs.append(("batch_size", str(filters.batch_size or "")))
    return httpx.QueryParams([(key, value) for key, value in pairs if value])
