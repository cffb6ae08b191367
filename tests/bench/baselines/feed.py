"""The event stream, read with httpx and httpx-sse as their documentation shows."""

import random
import time
from collections.abc import Iterator
from typing import Final

import httpx
from httpx_sse import SSEError, connect_sse

from videovector_bridge.api.stream import STREAM_PATH
from videovector_bridge.events import Event, Rejection, decode_event

_TIMEOUT: Final = httpx.Timeout(10, read=30)  # heartbeats are more frequent
_BACKOFF_SECONDS: Final = 0.5
_BACKOFF_CAP: Final = 15.0


def read_events(base_url: str, key: str, last_event_id: str | None) -> Iterator[tuple[str, Event]]:
    """Yield the events after `last_event_id` with their SSE ids, without an end.

    Reconnects with Last-Event-ID and full jitter when a connection ends or fails. Raises
    `httpx.HTTPStatusError` for 4xx except 429, and `RuntimeError` for data that is no event.
    """
    attempt = 0
    with httpx.Client(timeout=_TIMEOUT) as http:
        while True:
            headers = {"X-API-Key": key}
            if last_event_id:
                headers["Last-Event-ID"] = last_event_id
            try:
                with connect_sse(http, "GET", base_url + STREAM_PATH, headers=headers) as source:
                    source.response.raise_for_status()
                    for sse in source.iter_sse():
                        if not sse.data:  # a heartbeat
                            continue
                        match decode_event(sse.data.encode()):
                            case Rejection(code=code):
                                raise RuntimeError(f"{code} after event {last_event_id}")
                            case event:
                                attempt, last_event_id = 0, sse.id
                                yield sse.id, event
            except httpx.HTTPStatusError as error:
                if error.response.status_code < 500 and error.response.status_code != 429:
                    raise
            except (httpx.TransportError, SSEError):
                pass  # reconnect, as after the end of a response
            time.sleep(random.uniform(0, min(_BACKOFF_CAP, _BACKOFF_SECONDS * 2**attempt)))
            attempt += 1
