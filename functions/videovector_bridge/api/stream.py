"""The processing event stream: one connection, and the loop that resumes it.

Source: "Processing event stream" in the vendor's "Advanced public utilities".
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Final

import httpx
import orjson

from videovector_bridge.api.errors import (
    ApiError,
    CredentialRefused,
    RateLimited,
    ServerTrouble,
    Unreachable,
    error_from_exception,
    error_from_response,
)
from videovector_bridge.api.frames import Frame, FrameParser, whole_frames
from videovector_bridge.api.retry import full_jitter
from videovector_bridge.errors import BridgeError, TransientError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings import ApiSettings, StreamFilters

STREAM_PATH: Final = "/processing/events/stream"
STREAM_ERROR: Final = "processing.stream_error"

_RECONNECT_BASE: Final = 0.5  # seconds
_RECONNECT_CAP: Final = 15.0  # seconds
_RETRY_CAP: Final = 86_400_000  # milliseconds; `retry:` may be any number of digits
_ERROR_BODY_LIMIT: Final = 65_536  # bytes
# Visible ASCII. A bad key must never reach h11, whose error would quote it.
_KEY: Final = re.compile(r"[!-~]{1,1000}")
# What a refusal of Last-Event-ID answers is not documented, so both status and words are read.
_CURSOR_STATUS: Final = frozenset({400, 404, 409, 412, 416, 422})
_CURSOR_WORDS: Final = re.compile(
    r"cursor|last.?event.?id|event.?id|expired|replay|retention|resume", re.IGNORECASE
)


class CursorRefused(BridgeError):
    """The API does not know, or no longer keeps, the Last-Event-ID that it was given."""


class StreamFailed(TransientError):
    """The API ended the stream with `processing.stream_error`."""


class StreamClosed(BridgeError):
    """The API answered 204: it has nothing more to send and asks not to be called again."""


class EventStream:
    """Frames from the API, over as many connections as it takes, until `deadline`.

    `position` tells what to resume from; it is asked at every (re)connection. Connections that
    end, fail, fall silent for `heartbeat_seconds` or are answered 429 or 5xx are made again
    after a full-jitter delay, or the server's `retry:` or `Retry-After` where that is longer.
    When the delay would pass `deadline` (event loop time) the frames end instead, and `trouble`
    says why.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        api: ApiSettings,
        filters: StreamFilters,
        *,
        position: Callable[[], str | None],
        heartbeat_seconds: float,
        max_frame_bytes: int,
        deadline: float,
    ) -> None:
        self._http = http
        self._api = api
        self._query = query(filters, api.list_encoding)
        self._position = position
        self._heartbeat_seconds = heartbeat_seconds
        self._max_frame_bytes = max_frame_bytes
        self._deadline = deadline
        self._retry_seconds = 0.0
        self.reconnects = 0
        self.stream_errors = 0
        self.answered_at: float | None = None
        """Event loop time of the first answer that is an event stream."""
        # Until the first answer: silence from the start is not a stream without events.
        self.trouble: BridgeError | None = Unreachable(
            f"{Unreachable.headline}: no answer yet to GET {STREAM_PATH}. {Unreachable.advice}"
        )

    async def frames(self) -> AsyncGenerator[list[Frame]]:
        """Yield frames in the order of the stream, those that came together at once.

        Raises `ApiError` where trying again is pointless (401, 403, other 4xx), `CursorRefused`,
        `StreamClosed` and `FrameTooLarge`.
        """
        attempt = 0
        while True:
            try:
                async with aclosing(self._connection()) as together:
                    async for frames in together:
                        attempt = 0
                        yield frames
                self.trouble = None
            except (RateLimited, ServerTrouble, Unreachable, StreamFailed) as error:
                self.trouble = error
                self.stream_errors += isinstance(error, StreamFailed)
            delay = full_jitter(
                attempt, base=_RECONNECT_BASE, cap=_RECONNECT_CAP, random=random.random
            )
            retry_after = getattr(self.trouble, "retry_after", None) or 0.0
            delay = max(delay, self._retry_seconds, retry_after)
            if asyncio.get_running_loop().time() + delay >= self._deadline:
                return
            await asyncio.sleep(delay)
            attempt += 1
            self.reconnects += 1

    async def _connection(self) -> AsyncGenerator[list[Frame]]:
        position = self._position()
        request = self._http.build_request(
            "GET",
            self._api.base_url + STREAM_PATH,
            params=self._query,
            headers=self._headers(position),
            timeout=httpx.Timeout(self._api.timeout_seconds, read=self._heartbeat_seconds),
        )
        try:
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                await _check(response, position)
                self.trouble = None
                if self.answered_at is None:
                    self.answered_at = asyncio.get_running_loop().time()
                async with aclosing(self._parse(response)) as together:
                    async for frames in together:
                        yield frames
        except httpx.ReadTimeout:
            failure = Unreachable(
                f"VideoVector sent nothing for {self._heartbeat_seconds:g} s, not even a "
                f"heartbeat (GET {STREAM_PATH}); the connection counts as dead."
            )
        except httpx.HTTPError as error:
            failure = error_from_exception(error, request)
        else:
            return
        # Raised out here, because httpx's errors hold the request and with it the key.
        raise failure

    def _headers(self, position: str | None) -> list[tuple[bytes, bytes]]:
        key = self._api.key.current()
        if not _KEY.fullmatch(key):
            what = "holds characters that no header can carry" if key else "is empty"
            del key  # some error reports print the locals of every frame
            raise CredentialRefused(f"The API key {what}. {CredentialRefused.advice}")
        headers = [
            (b"X-API-Key", key.encode()),
            (b"Accept", b"text/event-stream"),
            (b"Accept-Encoding", b"identity"),
            (b"Cache-Control", b"no-store"),
        ]
        if position:
            headers.append((b"Last-Event-ID", position.encode()))
        return headers

    async def _parse(self, response: httpx.Response) -> AsyncGenerator[list[Frame]]:
        parser = FrameParser(self._max_frame_bytes, STREAM_ERROR.encode(), self._stream_error)
        async with aclosing(whole_frames(response, self._max_frame_bytes)) as runs:
            async for run in runs:
                frames = parser.parse(run)
                if parser.retry_milliseconds is not None:
                    self._retry_seconds = min(parser.retry_milliseconds, _RETRY_CAP) / 1000
                if frames:
                    yield frames
                if parser.failure is not None:
                    raise parser.failure

    def _stream_error(self, event: str, data: bytes) -> StreamFailed | None:
        """The failure that a frame stands for; an event may well mention the words."""
        try:
            fields = orjson.loads(data)
        except orjson.JSONDecodeError:
            fields = None
        event_type = fields.get("event_type") if isinstance(fields, dict) else None
        if STREAM_ERROR not in (event, event_type):
            return None
        text = data.decode("utf-8", errors="replace")
        words = clean_text(text, limit=500, secret=self._api.key.current())
        return StreamFailed(f"VideoVector ended the event stream with {STREAM_ERROR}: {words}")


async def _check(response: httpx.Response, position: str | None) -> None:
    if response.status_code == 204:
        raise StreamClosed("VideoVector answered 204: the event stream has nothing more to send.")
    if response.status_code != 200:
        error = error_from_response(await _bounded(response))
        if position and refuses_cursor(error):
            raise CursorRefused(str(error)) from error
        raise error
    content_type = response.headers.get("Content-Type", "")
    if content_type.partition(";")[0].strip().lower() != "text/event-stream":
        raise Unreachable(
            f"GET {STREAM_PATH} answered {clean_text(content_type, limit=100)!r}, not an event "
            f"stream. Check that VIDEO_VECTOR_BASE_URL points at the API and not at a proxy or "
            f"sign-in page."
        )


async def _bounded(response: httpx.Response) -> httpx.Response:
    """The answer with at most 64 KiB of its body read."""
    body = b""
    with suppress(httpx.HTTPError):  # what has come will do: the status is known
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= _ERROR_BODY_LIMIT:
                break
    headers = {
        name: value
        for name, value in response.headers.items()
        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    }
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=body[:_ERROR_BODY_LIMIT],
        request=response.request,
    )


def refuses_cursor(error: ApiError) -> bool:
    """Whether the answer to a request with Last-Event-ID refuses that id, and not the rest."""
    if error.status == 410:
        return True
    words = f"{error} {error.details}"
    return error.status in _CURSOR_STATUS and _CURSOR_WORDS.search(words) is not None


def query(filters: StreamFilters, list_encoding: str) -> httpx.QueryParams:
    """The query of the stream; lists by repeated keys, or joined by commas."""
    pairs = [(key, getattr(filters, key)) for key in ("run_id", "index_id")]
    for key in ("video_ids", "event_types"):
        items = getattr(filters, key)
        pairs += [(key, ",".join(items))] if list_encoding == "comma" else [(key, i) for i in items]
    pairs.append(("batch_size", str(filters.batch_size or "")))
    return httpx.QueryParams([(key, value) for key, value in pairs if value])
