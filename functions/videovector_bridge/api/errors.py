"""The errors of requests to VideoVector, as types with messages for an operator.

Sources: the vendor's pages "Auth and API keys" and "Advanced public utilities", and its SDK 2.0.0
for the shapes of error bodies.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx

from videovector_bridge.api.error_body import ErrorBody, parse_error_body
from videovector_bridge.api.retry import parse_retry_after
from videovector_bridge.errors import BridgeError, Owner, PermanentError, TransientError
from videovector_bridge.redact import clean_text


class ApiError(BridgeError):
    """Root of all errors of requests to VideoVector. `str()` is a message with advice.

    `code` is the bridge's stable word for the cause; `vendor_code` and `message` are VideoVector's
    (empty for a response of unknown shape). `status` is None if there was no response.
    `retry_after` is seconds. `path` is the URL's path without its query.
    `outcome_unknown`: this attempt or an earlier one of the call was sent without a conclusive
    response, so it may still take effect. Never true for a call that changes nothing. All text is
    cleaned: no key, no query of a signed URL, no control characters, bounded in length.
    """

    code: str = "api_error"
    headline: ClassVar[str] = "VideoVector's response is an error"
    advice: ClassVar[str] = ""

    def __init__(
        self,
        sentence: str,
        *,
        method: str = "",
        path: str = "",
        status: int | None = None,
        message: str = "",
        vendor_code: str | None = None,
        details: Any = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        # Not super().__init__: PermanentError's would require owner and code, which are class
        # attributes here.
        Exception.__init__(self, sentence)
        self.method = method
        self.path = path
        self.status = status
        self.message = message
        self.vendor_code = vendor_code
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown


class CredentialRefused(ApiError, TransientError):
    """401, or a key that no header can carry. Transient: it succeeds with a valid key."""

    code = "credential_refused"
    headline = "VideoVector refused the API key"
    advice = "Check VIDEO_VECTOR_API_KEY, or the secret that VIDEO_VECTOR_API_KEY_FILE names."


class ScopeRefused(ApiError, TransientError):
    """403. Transient: it succeeds once the key has the scope."""

    code = "scope_refused"
    headline = "The API key may not do this"


class RateLimited(ApiError, TransientError):
    """429. `retry_after` is VideoVector's value, even if it exceeds the budget.

    `status` is None if the request was not sent because another request got a 429.
    """

    code = "rate_limited"
    headline = "VideoVector asks to slow down"
    advice = "It is retried later; if this persists, lower the rate or request a higher limit."


class Conflict(ApiError, TransientError):
    """409. Transient: it concerns the current state, such as the same request in progress."""

    code = "conflict"
    headline = "VideoVector reports a conflict with another change"
    advice = "It is retried later."


class ServerTrouble(ApiError, TransientError):
    """5xx; also 408 and 425, which mean "later" too."""

    code = "server_trouble"
    headline = "VideoVector failed"
    advice = "It is retried later; if this persists, report the request id to VideoVector."


class Unreachable(ApiError, TransientError):
    """No complete response: no connection, a timeout, or a connection that was cut."""

    code = "unreachable"
    headline = "VideoVector did not answer"
    advice = "Check VIDEO_VECTOR_BASE_URL and the network."


class Redirected(ApiError, TransientError):
    """3xx, never followed: that could send the key elsewhere. Transient: a setting fixes it."""

    code = "redirected"
    headline = "VideoVector's address redirects elsewhere"
    advice = "Redirects are not followed. Check VIDEO_VECTOR_BASE_URL (https, and its path)."


class NotFound(ApiError, PermanentError):
    """404. The user corrects it: the ids come from the user's media and automations."""

    owner: Owner = "user"
    code = "not_found"
    headline = "VideoVector does not know this"
    advice = "Check the id; if everything is unknown, VIDEO_VECTOR_BASE_URL lacks its /api/v2."


class RequestRefused(ApiError, PermanentError):
    """Any other 4xx, or a request that cannot be sent (status None)."""

    owner: Owner = "user"
    code = "request_refused"
    headline = "VideoVector refused the request"
    advice = "Check the values in the automation or the caller."


class ValidationRefused(RequestRefused):
    """422: VideoVector rejected values of the request; `details` names them."""

    code = "validation_refused"


class UnexpectedResponse(ApiError, PermanentError):
    """A success whose body is not of the documented shape."""

    owner: Owner = "vendor"
    code = "unexpected_answer"
    headline = "VideoVector's response is not of the documented shape"
    advice = "Check that VIDEO_VECTOR_BASE_URL is VideoVector's API; if so, the API has changed."


class ResponseTooLarge(UnexpectedResponse):
    """A success whose body exceeds the limit of its request."""

    code = "answer_too_large"
    headline = "VideoVector's response is too large"
    advice = "Request fewer rows at once."


_BY_STATUS: dict[int, type[ApiError]] = {
    401: CredentialRefused,
    403: ScopeRefused,
    404: NotFound,
    408: ServerTrouble,
    409: Conflict,
    422: ValidationRefused,
    425: ServerTrouble,
    429: RateLimited,
}
# httpx raises these before it sends the first byte of a request.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# After these, the request is no longer in progress, if the body is VideoVector's own.
_ENDED = frozenset({500, 501, 503, 505})
_BY_HUNDRED: dict[int, type[ApiError]] = {3: Redirected, 4: RequestRefused, 5: ServerTrouble}


def error_from_response(
    response: httpx.Response, body: bytes | None = None, *, now: datetime | None = None
) -> ApiError:
    """Return the error for a response; a 2xx is an `UnexpectedResponse`. Never raises.

    `body` is the body as far as the caller has read it; None: the response's own content, empty
    if it was not read. `now`, aware, is the reference for a `Retry-After` date; the system's clock
    by default.
    """
    if body is None:
        try:
            body = response.content
        except (httpx.StreamError, RuntimeError):
            body = b""
    status = response.status_code
    kind = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, UnexpectedResponse)
    method, path, secret = describe_request(response)
    error_body = parse_error_body(body, secret=secret)
    request_id = clean_text(
        response.headers.get("X-Request-Id") or error_body.request_id or "",
        limit=128,
        secret=secret,
    )
    now = now or datetime.now(UTC)
    headers = (response.headers.get("Retry-After"), error_body.retry_after)
    seconds = [parse_retry_after(wait, now) for wait in headers if wait]
    retry_after = next((wait for wait in seconds if wait is not None), None)
    sentence = _sentence(
        kind, f"{method} {path} returned {status}", error_body, request_id, retry_after
    )
    if kind is ScopeRefused:
        sentence += f" Use a key with the scope `{needed_scope(method, path)}`."
    return kind(
        sentence,
        method=method,
        path=path,
        status=status,
        message=error_body.message,
        vendor_code=error_body.code,
        details=error_body.details,
        request_id=request_id or None,
        retry_after=retry_after,
        outcome_unknown=_may_still_run(status, error_body),
    )


def error_from_exception(error: Exception, request: httpx.Request) -> Unreachable:
    """Return the `Unreachable` for an httpx exception. Raise it outside the `except` block.

    httpx's exceptions reference the request and so the key. The error must not be chained to them,
    neither as cause nor as context; it contains their type and text instead.
    """
    method, path, secret = describe_request(request)
    cause = type(error).__name__
    if text := clean_text(str(error), limit=200, secret=secret):
        cause = f"{cause}: {text}"
    sentence = f"{Unreachable.headline}: {method} {path} ({cause}). {Unreachable.advice}"
    never_sent = isinstance(error, _BEFORE_SENDING)
    return Unreachable(sentence, method=method, path=path, outcome_unknown=not never_sent)


def _may_still_run(status: int, body: ErrorBody) -> bool:
    """Return whether the request may still run behind a gateway that gave up.

    Gateways then return 502 or 504, some also 500 or 503, with bodies of their own.
    """
    if status in _ENDED and (body.message or body.code):
        return False
    return status == 408 or status // 100 == 5


def describe_request(sent: httpx.Request | httpx.Response) -> tuple[str, str, str]:
    """Return method, path without query, and the key of the request (or "")."""
    try:
        request = sent.request if isinstance(sent, httpx.Response) else sent
    except RuntimeError:  # a response that was created without a request
        return "?", "?", ""
    path = request.url.raw_path.partition(b"?")[0].decode("ascii", "replace")
    secret = request.headers.get("X-API-Key", "")
    return request.method, clean_text(path, limit=500, secret=secret), secret


def needed_scope(method: str, path: str) -> str:
    """Return the API key's scope that a request needs ("Auth and API keys")."""
    if method == "DELETE":
        return "admin"
    if "/search" in path:
        return "search"
    # Of the POSTs here, those under /videos only read.
    return "read" if method == "GET" or "/videos/" in path else "write"


def _sentence(
    kind: type[ApiError], exchange: str, body: ErrorBody, request_id: str, retry_after: float | None
) -> str:
    """Return the message: the request, the response, and the advice."""
    words = ": ".join(part for part in (body.code, body.message or body.excerpt) if part)
    parts = [f"{kind.headline}: {exchange}" + (f" ({words})." if words else ".")]
    if retry_after is not None:
        parts.append(f"It asks to wait {retry_after:g} s.")
    if kind.advice:
        parts.append(kind.advice)
    if request_id:
        parts.append(f"Request id {request_id}.")
    return " ".join(parts)
