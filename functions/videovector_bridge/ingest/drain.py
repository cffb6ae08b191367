"""Entry point `drain`: drain one stream for one window. Cloud Scheduler calls it."""

import asyncio
import gc
import os
import traceback
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import orjson
from flask import Request, Response

from videovector_bridge.backends import open_backend
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Backend
from videovector_bridge.errors import SettingsError
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.redact import redact, redact_all
from videovector_bridge.settings.drain import DrainSettings, drain_settings
from videovector_bridge.settings.streams import StreamSettings
from videovector_bridge.telemetry import Severity, log, tracing
from videovector_bridge.trace import trace_of_request

_MAX_BODY_BYTES: Final = 65_536
# Objects between two searches for cyclic garbage; with Python's 700 they cost a flood 2.5 us an
# event. Events are in no cycle, and a window has some 20,000 at once.
_COLLECTION_THRESHOLD: Final = 20_000

Window = Callable[[DrainSettings, StreamSettings, Backend], Coroutine[Any, Any, WindowReport]]


class Endpoint:
    """Responds to the requests of one deployment, whose variables are `environ`."""

    def __init__(self, environ: Mapping[str, str], *, drain_window: Window = drain_window) -> None:
        # Opened by the first window and not at import, because the host forks after import.
        self._parts = PerProcess(lambda: _open(environ))
        self._environ = environ
        self._drain_window = drain_window

    def respond(self, request: Request) -> Response:
        """Drain the stream that the request names; log the outcome and return the response."""
        project = self._environ.get("GOOGLE_CLOUD_PROJECT", "")
        with tracing(trace_of_request(request.headers), project):
            return self._respond(request)

    def _respond(self, request: Request) -> Response:
        if request.method != "POST":
            return _build_response(405, _build_failure("bad_request", "drain accepts only POST."))
        try:
            settings, backend = self._parts.get()
        except SettingsError as error:
            log(
                "CRITICAL",
                "drain.settings_wrong",
                f"Settings are wrong: {error}",
                problems=error.problems,
            )
            body = _build_failure("settings_wrong", str(error)) | {"problems": error.problems}
            return _build_response(500, body)
        try:
            if (request.content_length or 0) > _MAX_BODY_BYTES:
                raise ValueError('The body is too large; it must be {"stream": NAME}.')
            stream = choose_stream(request.get_data(), settings.streams)
        except ValueError as error:
            log("ERROR", "drain.bad_request", str(error))
            return _build_response(400, _build_failure("bad_request", str(error)))
        try:
            report = asyncio.run(self._drain_window(settings, stream, backend))
        except Exception as error:  # noqa: BLE001  # the edge: a bug must not leak secrets in a trace
            message = (
                f"The window over stream {stream.name!r} crashed: {type(error).__name__}: {error}"
            )
            log(
                "CRITICAL",
                "drain.crashed",
                message,
                stack_trace=redact(traceback.format_exc()),
            )
            return _build_response(500, _build_failure("crashed", message))
        _log(report)
        return _build_response(report.http_status, report.as_json())


def entry_point(endpoint: Endpoint) -> Callable[[Request], Response]:
    """Return the function of an endpoint; the host accepts only plain functions."""

    def drain(request: Request) -> Response:
        """Drain one stream for one window. `POST {"stream": NAME}`; empty: the only stream.

        Returns JSON (`WindowReport`): 200 drained, idle, busy, backing_off or paused; 400 bad
        request or unknown stream; 405; 409 a person must decide; 500 wrong settings; 502, 503 the
        window failed.
        """
        return endpoint.respond(request)

    return drain


drain = entry_point(Endpoint(os.environ))


def _open(environ: Mapping[str, str]) -> tuple[DrainSettings, Backend]:
    settings = drain_settings(environ)
    gc.set_threshold(_COLLECTION_THRESHOLD)
    return settings, open_backend(settings.backend)


def choose_stream(body: bytes, streams: Mapping[str, StreamSettings]) -> StreamSettings:
    """Return the stream that the body names. Raises `ValueError` with a message for the caller."""
    try:
        fields = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise ValueError(
            f'The body is not JSON ({error}); it must be {{"stream": NAME}}.'
        ) from None
    name = fields.get("stream") if isinstance(fields, dict) else None
    known = ", ".join(streams)
    if name is None and isinstance(fields, dict) and len(streams) == 1:
        return next(iter(streams.values()))
    if not isinstance(name, str):
        raise ValueError(f'Name the stream: {{"stream": NAME}}, one of {known}.')  # noqa: TRY004
    if name not in streams:
        raise ValueError(f"There is no stream {name!r} in STREAMS, only {known}.")
    return streams[name]


def _build_failure(reason: str, message: str) -> dict[str, Any]:
    return {"outcome": "failed", "stop_reason": reason, "message": message}


def _build_response(status: int, body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(redact_all(body)), status, content_type="application/json")


def _log(report: WindowReport) -> None:
    facts = report.as_json()
    message = f"Stream {report.stream!r} {report.outcome}: {facts.pop('message')}"
    severity: Severity = "INFO"
    if report.outcome == "failed":
        severity = "ERROR"
    elif report.rejected or report.stream_errors:
        severity = "WARNING"
    log(severity, "drain.window_closed", message, **facts)
