"""Errors of the API."""

from infra.standin.config import RetryAfterForm, Shape

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
    """A response with status 400 or above. `where` is the location in the request (`loc`)."""

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
    """Return a 422 for the location `where` in the body."""
    return ApiError(422, message, where=("body", *where))
