"""Error responses, in the three shapes that clients of the API have seen."""

import itertools
import math
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import orjson

from infra.standin.config import RetryAfterForm, Shape
from infra.standin.errors import ApiError
from infra.standin.http.responses import Response

SHAPES: tuple[Shape, ...] = ("nested", "flat", "detail")


class ErrorWriter:
    """Writes error responses. Without a chosen shape, each response uses the next shape."""

    def __init__(self, shapes: tuple[Shape, ...], form: RetryAfterForm) -> None:
        self._shapes = itertools.cycle(shapes)
        self._form = form

    def write(
        self, error: ApiError, *, request_id: str, now: float, shape: Shape | None = None
    ) -> Response:
        """Return the response for `error`; `shape` is the shape that the request asks for."""
        requested = error.shape or shape
        chosen = next(self._shapes) if requested is None else requested
        form = error.retry_after_form or self._form
        body = _BODIES[chosen](error, request_id)
        headers: dict[str, str] = {}
        if error.retry_after is not None:
            wait = math.ceil(error.retry_after)
            if form == "seconds":
                headers["retry-after"] = str(wait)
            elif form == "date":
                headers["retry-after"] = formatdate(math.ceil(now + error.retry_after), usegmt=True)
            if form == "body" and chosen != "detail":
                (body["error"] if chosen == "nested" else body)["retry_after"] = wait
        if error.status == 401:
            headers["www-authenticate"] = "Bearer"
        return Response(orjson.dumps(body), error.status, headers=headers)


def _flat(error: ApiError, request_id: str) -> dict[str, Any]:
    return {
        "message": error.message,
        "error_code": error.code,
        "details": {"loc": list(error.where)} if error.where else {},
        "request_id": request_id,
    }


def _nested(error: ApiError, request_id: str) -> dict[str, Any]:
    inner = _flat(error, request_id)
    inner["code"] = inner.pop("error_code")
    return {"error": inner}


def _detail(error: ApiError, _request_id: str) -> dict[str, Any]:
    # FastAPI writes a list for 422 and a string for common errors; applications add objects.
    # In this shape only X-Request-Id carries the request id.
    if error.status == 422:
        where = list(error.where) or ["body"]
        return {"detail": [{"loc": where, "msg": error.message, "type": error.code}]}
    if error.status in (401, 403, 404, 405):
        return {"detail": error.message}
    return {"detail": {"code": error.code, "message": error.message}}


_BODIES: dict[Shape, Callable[[ApiError, str], dict[str, Any]]] = {
    "nested": _nested,
    "flat": _flat,
    "detail": _detail,
}
