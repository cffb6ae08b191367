"""Read the bodies that VideoVector's errors come in, all three shapes and any garbage."""

import math
from dataclasses import dataclass
from typing import Any

import orjson

from videovector_bridge.redact import clean_json, clean_text

_MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error's body says. `message` and `code` are empty unless a known shape says them.

    `excerpt` is the cleaned beginning of a body of no known shape, say a proxy's HTML page.
    `retry_after` is the text or number found under that name, as text, not yet parsed.
    """

    message: str = ""
    code: str | None = None
    details: Any = None
    request_id: str | None = None
    retry_after: str | None = None
    excerpt: str = ""


def read_error_body(body: bytes, *, secret: str = "") -> ErrorBody:
    """Return what `body` says, cleaned and bounded. Any bytes are fine; never raises.

    Known shapes: `{"error": {"message", "error_code" or "code", "details", "request_id"}}`, the
    same keys flat, and FastAPI's `{"detail": text | list of problems | object}`.
    """
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        return ErrorBody(excerpt=clean_text(body.decode("utf-8", "replace"), secret=secret))

    said = _innermost(decoded)
    details = said.get("details")
    message = said.get("message")
    problems = said.get("detail")
    if not isinstance(message, str):
        message = ""
        if isinstance(problems, list):
            details = problems if details is None else details
            message = "; ".join(_problem(item) for item in problems[:_MAX_PROBLEMS])
        elif isinstance(problems, str):
            message = problems
        elif isinstance(said.get("error"), str):
            message = said["error"]

    message = clean_text(message, secret=secret)
    code = _word(said, "error_code", secret) or _word(said, "code", secret)
    known = message or code
    return ErrorBody(
        message=message,
        code=code,
        details=clean_json(details, secret=secret),
        request_id=_word(said, "request_id", secret) or _word(decoded, "request_id", secret),
        retry_after=_seconds(said, details, decoded),
        excerpt="" if known else clean_text(body.decode("utf-8", "replace"), secret=secret),
    )


def _innermost(decoded: dict[str, Any]) -> dict[str, Any]:
    """Return the object that holds the message: under `error`, under `detail`, or the body."""
    for name in ("error", "detail", "error"):  # FastAPI may wrap the vendor's own shape
        inner = decoded.get(name)
        if isinstance(inner, dict) and not isinstance(decoded.get("message"), str):
            decoded = inner
    return decoded


def _problem(item: Any) -> str:
    """Return one of FastAPI's problems as `body.target_id: field required`."""
    if not isinstance(item, dict):
        return str(item)[:200]
    where = item.get("loc")
    place = ".".join(str(part)[:100] for part in where[:8]) if isinstance(where, list) else ""
    what = str(item.get("msg", ""))[:200]
    return f"{place}: {what}" if place else what


def _word(said: dict[str, Any], name: str, secret: str) -> str | None:
    """Return a short identifier, or None if it is missing, empty or no word."""
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return clean_text(str(value), limit=128, secret=secret) or None


def _seconds(*places: Any) -> str | None:
    """Return the first `retry_after` that one of the objects holds, as text."""
    for place in places:
        value = place.get("retry_after") if isinstance(place, dict) else None
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            # repr would write 1e+16, which is no Retry-After
            return f"{max(value, 0):f}" if math.isfinite(value) else None
    return None
