"""Parse the bodies of VideoVector's errors: three known shapes, and anything else."""

import math
from dataclasses import dataclass
from typing import Any

import orjson

from videovector_bridge.redact import clean_json, clean_text

_MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The contents of an error's body. `message` and `code` are empty for an unknown shape.

    `excerpt` is the cleaned beginning of a body of unknown shape, such as a proxy's HTML page.
    `retry_after` is the value of that name as text, not yet parsed.
    """

    message: str = ""
    code: str | None = None
    details: Any = None
    request_id: str | None = None
    retry_after: str | None = None
    excerpt: str = ""


def parse_error_body(body: bytes, *, secret: str = "") -> ErrorBody:
    """Return the contents of `body`, cleaned and bounded. Accepts any bytes; never raises.

    Known shapes: `{"error": {"message", "error_code" or "code", "details", "request_id"}}`, the
    same keys flat, and FastAPI's `{"detail": text | list of problems | object}`.
    """
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        return ErrorBody(excerpt=clean_text(body.decode("utf-8", "replace"), secret=secret))

    fields = _find_innermost(decoded)
    details = fields.get("details")
    message = fields.get("message")
    problems = fields.get("detail")
    if not isinstance(message, str):
        message = ""
        if isinstance(problems, list):
            details = problems if details is None else details
            message = "; ".join(_describe_problem(item) for item in problems[:_MAX_PROBLEMS])
        elif isinstance(problems, str):
            message = problems
        elif isinstance(fields.get("error"), str):
            message = fields["error"]

    message = clean_text(message, secret=secret)
    code = _find_word(fields, "error_code", secret) or _find_word(fields, "code", secret)
    known = message or code
    return ErrorBody(
        message=message,
        code=code,
        details=clean_json(details, secret=secret),
        request_id=_find_word(fields, "request_id", secret)
        or _find_word(decoded, "request_id", secret),
        retry_after=_find_retry_after(fields, details, decoded),
        excerpt="" if known else clean_text(body.decode("utf-8", "replace"), secret=secret),
    )


def _find_innermost(decoded: dict[str, Any]) -> dict[str, Any]:
    """Return the object that contains the message: under `error` or `detail`, or the body."""
    for name in ("error", "detail", "error"):  # FastAPI may wrap the vendor's own shape
        inner = decoded.get(name)
        if isinstance(inner, dict) and not isinstance(decoded.get("message"), str):
            decoded = inner
    return decoded


def _describe_problem(item: Any) -> str:
    """Return one of FastAPI's problems as `body.target_id: field required`."""
    if not isinstance(item, dict):
        return str(item)[:200]
    location = item.get("loc")
    field = ".".join(str(part)[:100] for part in location[:8]) if isinstance(location, list) else ""
    message = str(item.get("msg", ""))[:200]
    return f"{field}: {message}" if field else message


def _find_word(fields: dict[str, Any], name: str, secret: str) -> str | None:
    """Return a short identifier, or None if it is missing, empty or of another type."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return clean_text(str(value), limit=128, secret=secret) or None


def _find_retry_after(*objects: Any) -> str | None:
    """Return the first `retry_after` in the objects, as text."""
    for fields in objects:
        value = fields.get("retry_after") if isinstance(fields, dict) else None
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            # repr would write 1e+16, which is no Retry-After
            return f"{max(value, 0):f}" if math.isfinite(value) else None
    return None
