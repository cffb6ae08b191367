"""One JSON line per outcome, in the fields that Cloud Logging reads from standard output.

https://cloud.google.com/logging/docs/structured-logging
"""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

import orjson

Severity = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_URL_QUERY: Final = re.compile(r"(?i)\b(\w+://[^\s\"'<>?#]+)[?#][^\s\"'<>]*")
_USERINFO: Final = re.compile(r"(?<=://)[^\s/@\"'<>]+@")
_KEY: Final = re.compile(r"\b(?:sk|whsec)_[A-Za-z0-9_\-]+|(?i:\bbearer\s+)[A-Za-z0-9._\-]+")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*")


class Headers(Protocol):
    """The headers of a request, as Flask or a plain mapping holds them."""

    def get(self, key: str, default: str, /) -> str:
        """Return the value of a header, or `default`."""
        ...


def redact(text: str) -> str:
    """`text` without what may be a credential: API keys, and user and query string of any URL."""
    return _KEY.sub("[redacted]", _USERINFO.sub("", _URL_QUERY.sub(r"\1?[redacted]", text)))


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


def redact_all(value: Any) -> Any:
    """`value`, as JSON has them, with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redact_all(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner) for inner in value]
    return value


def _trace(headers: Headers | None, project: str) -> dict[str, str]:
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", "")) if headers else None
    if match is None:
        return {}
    trace, span = match.groups()
    name = f"projects/{project}/traces/{trace}" if project else trace
    return {"logging.googleapis.com/trace": name, "logging.googleapis.com/spanId": span}
