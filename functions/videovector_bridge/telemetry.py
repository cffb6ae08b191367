"""One JSON line per outcome, in the fields that Cloud Logging reads from standard output.

https://cloud.google.com/logging/docs/structured-logging
"""

import re
import sys
from typing import Any, Final, Literal, Protocol

import orjson

from videovector_bridge.redact import redact, redact_all

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")


class Headers(Protocol):
    """The headers of a request, as Flask or a plain mapping holds them."""

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
    """Write one line: what happened (`message`), its stable name (`event`) and its facts.

    `headers` are those of the request that was served; they carry the trace to join.
    """
    entry: dict[str, Any] = {"severity": severity, "message": redact(message), "event": event}
    entry.update(redact_all(fields))
    entry.update(_trace(headers, project))
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
