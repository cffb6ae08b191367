"""Log lines: one JSON object a line, in the fields that Cloud Logging reads from standard output.

https://cloud.google.com/logging/docs/structured-logging

`log` writes the bridge's own lines. `capture_library_records` writes records of libraries, which
use Python's `logging`, in the same form. Secrets are redacted in both.
"""

import logging
import re
import sys
import traceback
from typing import Any, Final, Literal, Protocol

import orjson

from videovector_bridge.redact import redact, redact_all

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

LIBRARY_EVENT: Final = "library.record"

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")
# Cloud Logging accepts 256 KiB a line. Redaction of a longer text would cost too much time.
_MAX_RECORD_TEXT: Final = 16_384


class Headers(Protocol):
    """The headers of a request: Flask's, or a mapping."""

    def get(self, key: str, default: str, /) -> str:
        """Return the value of a header, or `default`."""
        ...


def log(
    severity: Severity,
    event: str,
    message: str,
    *,
    headers: Headers | None = None,
    project: str = "",
    **fields: Any,
) -> None:
    """Write one line: a message, the stable name of the event, and its fields.

    `headers` are the headers of the current request; their trace is added.
    """
    entry: dict[str, Any] = {"severity": severity, "message": redact(message), "event": event}
    entry.update(redact_all(fields))
    entry.update(_trace(headers, project))
    _write(entry)


def _write(entry: dict[str, Any]) -> None:
    # One write per line: lines of several threads must not mix.
    sys.stdout.write(orjson.dumps(entry, default=str).decode() + "\n")
    sys.stdout.flush()


def _trace(headers: Headers | None, project: str) -> dict[str, str]:
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", "")) if headers else None
    if match is None:
        return {}
    trace, span = match.groups()
    name = f"projects/{project}/traces/{trace}" if project else trace
    return {"logging.googleapis.com/trace": name, "logging.googleapis.com/spanId": span}


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
