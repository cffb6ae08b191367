"""Drain one stream for one window, in virtual time, from an upstream of the test."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import orjson

from tests.support.upstream import BASE_URL
from tests.support.virtual_time import VirtualTime
from videovector_bridge.backends.ports import Backend
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.stages import Tuning
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings.drain import DrainSettings, drain_settings
from videovector_bridge.settings.streams import StreamSettings

KEY: Final = "opaque-0123456789-credential"
"""Not of the vendor's form, so that no pattern but only knowledge of the key can hide it."""
NOW: Final = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
NO_JITTER: Final = Tuning(random=lambda: 0.0)
"""Reconnect at once, unless the server asks for a delay."""


def make_settings(streams: Mapping[str, Any] | None = None, **environ: str) -> DrainSettings:
    """Return settings of `drain` against the scripted upstream, by the names of the environment."""
    return drain_settings(
        {
            "VIDEO_VECTOR_BASE_URL": BASE_URL,
            "VIDEO_VECTOR_API_KEY": KEY,
            "BACKEND": "embedded",
            "EMBEDDED_DIR": "unused",
            "STREAMS": orjson.dumps(streams or {}).decode(),
            "LINGER_MS": "5",
            "WINDOW_SECONDS": "30",
        }
        | environ
    )


def only_stream(settings: DrainSettings, **window: Any) -> StreamSettings:
    """Return the only stream of `settings`, its window changed, also beyond what they allow."""
    (stream,) = settings.streams.values()
    return replace(stream, window=replace(stream.window, **window))


def run_window(
    backend: Backend,
    upstream: httpx.AsyncBaseTransport,
    *,
    settings: DrainSettings | None = None,
    time: VirtualTime | None = None,
    now: Callable[[], datetime] = lambda: NOW,
    tuning: Tuning = NO_JITTER,
    **limits: Any,
) -> WindowReport:
    """Drain the only stream for one window, in virtual time."""
    settings = settings or make_settings()
    stream = only_stream(settings, **limits)
    time = time or VirtualTime()
    return time.run(
        drain_window(settings, stream, backend, transport=upstream, now=now, tuning=tuning)
    )


def document(backend: Backend, stream: str = "default") -> Mapping[str, Any]:
    """Return the fields of the stream's document."""
    stored = backend.documents.read("streams", stream, timeout=5.0)
    return stored.fields if stored is not None else {}
