"""The API's errors, in the three shapes in which its clients have met them."""

import itertools
import math
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from infra.standin.config import RetryAfterForm, Shape, StandInConfig

SHAPES: tuple[Shape, ...] = ("nested", "flat", "detail")
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    410: "gone",
    413: "payload_too_large",
    422: "validation_error",
    429: "rate_limited",
}


class ApiError(Exception):
    """An answer of 400 or above. `where` points into the request, as FastAPI's `loc` does."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        where: tuple[str | int, ...] = (),
        retry_after: float | None = None,
        retry_after_form: RetryAfterForm | None = None,
        shape: Shape | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "upstream_error" if status >= 500 else "error")
        self.where = where
        self.retry_after = retry_after
        self.retry_after_form = retry_after_form
        self.shape = shape


def invalid(message: str, *where: str | int) -> ApiError:
    """A 422 that points at `where` in the body."""
    return ApiError(422, message, where=("body", *where))


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Status, extra headers and JSON body of an error."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class ErrorWriter:
    """Writes errors; takes the shapes in turn unless told which."""

    def __init__(self, config: StandInConfig) -> None:
        chosen = config.error_shapes
        self._turns: itertools.cycle[Shape] = itertools.cycle(
            SHAPES if chosen == "rotate" else (chosen,)
        )
        self._form = config.retry_after

    def write(
        self, error: ApiError, *, request_id: str, now: float, shape: Shape | None = None
    ) -> ErrorAnswer:
        """The answer to `error`; `shape` is what the request asked for, if it did."""
        wished = error.shape or shape
        chosen: Shape = next(self._turns) if wished is None else wished
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
        return ErrorAnswer(error.status, body, headers)


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
    # FastAPI itself writes a list for 422 and a sentence for the common ones; applications add
    # objects. The request id then travels in X-Request-Id alone.
    if error.status == 422:
        where = list(error.where) or ["body"]
        return {"detail": [{"loc": where, "msg": error.message, "type": error.code}]}
    if error.status in (401, 403, 404, 405):
        return {"detail": error.message}
    return {"detail": {"code": error.code, "message": error.message}}


_BODIES = {"nested": _nested, "flat": _flat, "detail": _detail}
