"""Log lines: one JSON object a line, in the fields that Cloud Logging reads from standard output.

https://cloud.google.com/logging/docs/structured-logging

`log` writes the bridge's own lines. `capture_library_records` writes records of libraries, which
use Python's `logging`, in the same form. Secrets are redacted in both, and both have the trace of
the request that `tracing` encloses. Any module above `redact` and `trace` may import this one.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, NamedTuple

import orjson

from videovector_bridge.redact import redact, redact_all
from videovector_bridge.trace import Trace, begin_trace

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

LIBRARY_EVENT: Final = "library.record"

_PREFIX: Final = "logging.googleapis.com/"
# Cloud Logging accepts 256 KiB a line. Redaction of a longer text would cost too much time.
_MAX_RECORD_TEXT: Final = 16_384


class _Request(NamedTuple):
    """The request that is being handled: its project and trace."""

    project: str
    trace: Trace


_request: ContextVar[_Request | None] = ContextVar("request", default=None)


@contextmanager
def tracing(trace: Trace | None, project: str) -> Iterator[None]:
    """Add the trace to every line of the enclosed code; without one, begin a trace.

    Threads need a copy of the context: `asyncio.to_thread` makes one, an executor does not.
    """
    token = _request.set(_Request(project, trace or begin_trace()))
    try:
        yield
    finally:
        _request.reset(token)


def continue_trace(trace: Trace | None) -> None:
    """Replace the trace of the current request until its end. None changes nothing."""
    request = _request.get()
    if request is not None and trace is not None:
        _request.set(request._replace(trace=trace))


def current_trace() -> Trace:
    """Return the trace of the current request. Outside of requests, begin a trace."""
    request = _request.get()
    return request.trace if request is not None else begin_trace()


def log(severity: Severity, event: str, message: str, **fields: Any) -> None:
    """Write one line: a message, the stable name of the event, its fields, and the trace."""
    entry: dict[str, Any] = {"severity": severity, "message": redact(message), "event": event}
    entry.update(redact_all(fields))
    _write(entry)


def _write(entry: Mapping[str, Any]) -> None:
    # One write per line: lines of several threads must not mix.
    sys.stdout.write(orjson.dumps({**entry, **_trace_fields()}, default=str).decode() + "\n")
    sys.stdout.flush()


def _trace_fields() -> dict[str, Any]:
    """Return the trace in the fields that Cloud Logging reads."""
    request = _request.get()
    if request is None:
        return {}
    project, trace = request
    name = f"projects/{project}/traces/{trace.trace_id}" if project else trace.trace_id
    fields: dict[str, Any] = {f"{_PREFIX}trace": name, f"{_PREFIX}spanId": trace.span_id}
    return {**fields, f"{_PREFIX}trace_sampled": True} if trace.sampled else fields


def capture_library_records() -> None:
    """Write `logging` records from WARNING up, and Python warnings, as redacted JSON lines.

    Idempotent. Replaces the plain stream handlers of the root logger, which redact nothing.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) in (logging.StreamHandler, _LibraryHandler):
            root.removeHandler(handler)
    root.addHandler(_LibraryHandler(logging.WARNING))
    # google.api_core cuts this logger off from the root unless it has a level.
    google = logging.getLogger("google")
    google.setLevel(logging.WARNING)
    google.propagate = True
    logging.captureWarnings(capture=True)


class _LibraryHandler(logging.Handler):
    """Writes records as lines with the event `library.record` and the name of the `logger`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. Never raises."""
        entry = {
            "severity": _severity(record.levelno),
            "message": redact(_message(record)[:_MAX_RECORD_TEXT]),
            "event": LIBRARY_EVENT,
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            # The end of a traceback has the error itself.
            stack = "".join(traceback.format_exception(*record.exc_info))
            entry["stack_trace"] = redact(stack[-_MAX_RECORD_TEXT:])
        try:
            _write(entry)
        except (OSError, ValueError):  # standard output is closed
            return


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a record whose arguments do not fit must not stop its caller
        return str(record.msg)


def _severity(level: int) -> Severity:
    if level >= logging.CRITICAL:
        return "CRITICAL"
    if level >= logging.ERROR:
        return "ERROR"
    if level >= logging.WARNING:
        return "WARNING"
    return "INFO" if level >= logging.INFO else "DEBUG"
