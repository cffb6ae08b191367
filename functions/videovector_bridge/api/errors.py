"""What can go wrong between the bridge and VideoVector, as types, in sentences for an operator.

Sources: the vendor's pages "Auth and API keys" and "Advanced public utilities", and its SDK 2.0.0
for the shapes of error bodies.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx

from videovector_bridge.api.error_body import ErrorBody, read_error_body
from videovector_bridge.api.retry import parse_retry_after
from videovector_bridge.errors import BridgeError, Owner, PermanentError, TransientError
from videovector_bridge.redact import clean_text


class ApiError(BridgeError):
    """Root of everything that talking to VideoVector raises. `str()` is a sentence with advice.

    `code` is our stable word for the cause; `vendor_code` and `message` are VideoVector's own
    (empty if its answer was of no known shape). `status` is None when no answer came or none was
    asked for. `retry_after` is seconds. `path` is the URL's path and never holds a query.
    `in_doubt`: the request was sent and its fate is unknown, now or in an earlier attempt of the
    same call, so that it may yet take effect. Never true of a call that changes nothing. All text
    is cleaned: no key, no signed URL's query, no control characters, bounded in length.
    """

    code: str = "api_error"
    headline: ClassVar[str] = "VideoVector's answer is an error"
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
        in_doubt: bool = False,
    ) -> None:
        # Not super().__init__: beside PermanentError that would ask for owner and code, which
        # each class here states once for all.
        Exception.__init__(self, sentence)
        self.method = method
        self.path = path
        self.status = status
        self.message = message
        self.vendor_code = vendor_code
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after
        self.in_doubt = in_doubt


class CredentialRefused(ApiError, TransientError):
    """401, or a key that no header can carry. Transient: the same message succeeds once mended."""

    code = "credential_refused"
    headline = "VideoVector refused the API key"
    advice = "Check VIDEO_VECTOR_API_KEY, or the secret that VIDEO_VECTOR_API_KEY_FILE names."


class ScopeRefused(ApiError, TransientError):
    """403. Transient: the same message succeeds once the key has the scope."""

    code = "scope_refused"
    headline = "The API key may not do this"


class RateLimited(ApiError, TransientError):
    """429. `retry_after` is what VideoVector asked for, also when it exceeded the budget.

    `status` is None if the request was not sent, because of the 429 to another one.
    """

    code = "rate_limited"
    headline = "VideoVector asks to slow down"
    advice = "It is tried again later; if this goes on, lower the rate or ask for a higher limit."


class Conflict(ApiError, TransientError):
    """409. Transient: it is about the state of this moment, say the same request under way."""

    code = "conflict"
    headline = "VideoVector reports a conflict with another change"
    advice = "It is tried again later."


class ServerTrouble(ApiError, TransientError):
    """5xx, and 408 and 425, which too mean "later"."""

    code = "server_trouble"
    headline = "VideoVector is in trouble"
    advice = "It is tried again later; if this goes on, tell VideoVector the request id."


class Unreachable(ApiError, TransientError):
    """No whole answer: no connection, a timeout, or an answer that was broken off."""

    code = "unreachable"
    headline = "VideoVector did not answer"
    advice = "Check VIDEO_VECTOR_BASE_URL and the network."


class Redirected(ApiError, TransientError):
    """3xx, never followed: it could carry the key elsewhere. Transient: a setting mends it."""

    code = "redirected"
    headline = "VideoVector's address points elsewhere"
    advice = "Redirects are not followed. Check VIDEO_VECTOR_BASE_URL (https, and its path)."


class NotFound(ApiError, PermanentError):
    """404. The user's to mend: the ids come from the user's media and automations."""

    owner: Owner = "user"
    code = "not_found"
    headline = "VideoVector does not know this"
    advice = "Check the id; if everything is unknown, VIDEO_VECTOR_BASE_URL lacks its /api/v2."


class RequestRefused(ApiError, PermanentError):
    """Any other 4xx, or a request that cannot be sent as given (status None)."""

    owner: Owner = "user"
    code = "request_refused"
    headline = "VideoVector refused the request"
    advice = "Check what the automation or the caller asks for."


class ValidationRefused(RequestRefused):
    """422: the request was understood, its values were not accepted. `details` says which."""

    code = "validation_refused"


class UnexpectedAnswer(ApiError, PermanentError):
    """A success whose body is not of the documented shape."""

    owner: Owner = "vendor"
    code = "unexpected_answer"
    headline = "VideoVector's answer is not of the documented shape"
    advice = "Check that VIDEO_VECTOR_BASE_URL is VideoVector's API; if so, the API has changed."


class AnswerTooLarge(UnexpectedAnswer):
    """A success whose body is larger than the bridge is willing to hold in memory."""

    code = "answer_too_large"
    headline = "VideoVector's answer is too large"
    advice = "Ask for fewer rows at once."


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
# What httpx raises before the first byte of a request has left.
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# Failures after which VideoVector is done with the request, if it is VideoVector that says so.
_DONE = frozenset({500, 501, 503, 505})
_BY_HUNDRED: dict[int, type[ApiError]] = {3: Redirected, 4: RequestRefused, 5: ServerTrouble}


def error_from_response(response: httpx.Response, *, now: datetime | None = None) -> ApiError:
    """Return (not raise) the error that a response stands for; a 2xx is an `UnexpectedAnswer`.

    The body is used as far as it has been read, so a streamed response needs no reading first,
    but says more after it. `now`, aware, is what a `Retry-After` date is measured from; the
    system's clock by default. Never raises, whatever the response holds.
    """
    try:
        body = response.content
    except (httpx.StreamError, RuntimeError):
        body = b""
    return error_from_answer(response, body, now=now)


def error_from_answer(
    response: httpx.Response, body: bytes, *, now: datetime | None = None
) -> ApiError:
    """As `error_from_response`, with the body given apart, for one read in bounded pieces."""
    status = response.status_code
    kind = _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, UnexpectedAnswer)
    method, path, secret = describe_request(response)
    said = read_error_body(body, secret=secret)
    request_id = clean_text(
        response.headers.get("X-Request-Id") or said.request_id or "", limit=128, secret=secret
    )
    now = now or datetime.now(UTC)
    waits = (response.headers.get("Retry-After"), said.retry_after)
    seconds = [parse_retry_after(wait, now) for wait in waits if wait]
    retry_after = next((wait for wait in seconds if wait is not None), None)
    sentence = _sentence(kind, f"{method} {path} answered {status}", said, request_id, retry_after)
    if kind is ScopeRefused:
        sentence += f" Use a key with the scope `{needed_scope(method, path)}`."
    return kind(
        sentence,
        method=method,
        path=path,
        status=status,
        message=said.message,
        vendor_code=said.code,
        details=said.details,
        request_id=request_id or None,
        retry_after=retry_after,
        in_doubt=_leaves_doubt(status, said),
    )


def error_from_exception(error: Exception, request: httpx.Request) -> Unreachable:
    """Return the `Unreachable` for what httpx raised. Raise it outside the `except` block.

    httpx's exceptions hold the request and with it the key, so the error must not be chained to
    them: neither as cause nor as context. Their kind and text go into the sentence instead.
    """
    method, path, secret = describe_request(request)
    why = type(error).__name__
    if text := clean_text(str(error), limit=200, secret=secret):
        why = f"{why}: {text}"
    sentence = f"{Unreachable.headline}: {method} {path} ({why}). {Unreachable.advice}"
    never_sent = isinstance(error, _BEFORE_SENDING)
    return Unreachable(sentence, method=method, path=path, in_doubt=not never_sent)


def _leaves_doubt(status: int, said: ErrorBody) -> bool:
    """Return whether the request may still be worked on behind the gateway that gave it up.

    Gateways answer 502 and 504 for that, some also 500 and 503, with bodies of their own.
    """
    if status in _DONE and (said.message or said.code):
        return False
    return status == 408 or status // 100 == 5


def describe_request(sent: httpx.Request | httpx.Response) -> tuple[str, str, str]:
    """Return method, path without query, and the key that the request carried (or "")."""
    try:
        request = sent.request if isinstance(sent, httpx.Response) else sent
    except RuntimeError:  # a response that was made without a request
        return "?", "?", ""
    path = request.url.raw_path.partition(b"?")[0].decode("ascii", "replace")
    secret = request.headers.get("X-API-Key", "")
    return request.method, clean_text(path, limit=500, secret=secret), secret


def needed_scope(method: str, path: str) -> str:
    """Return the API key scope that a request needs ("Auth and API keys")."""
    if method == "DELETE":
        return "admin"
    if "/search" in path:
        return "search"
    # Of the POSTs here, those under /videos only read.
    return "read" if method == "GET" or "/videos/" in path else "write"


def _sentence(
    kind: type[ApiError], exchange: str, said: ErrorBody, request_id: str, retry_after: float | None
) -> str:
    """Return what was asked, what came back, and what to do about it."""
    words = ": ".join(part for part in (said.code, said.message or said.excerpt) if part)
    parts = [f"{kind.headline}: {exchange}" + (f" ({words})." if words else ".")]
    if retry_after is not None:
        parts.append(f"It asks to wait {retry_after:g} s.")
    if kind.advice:
        parts.append(kind.advice)
    if request_id:
        parts.append(f"Request id {request_id}.")
    return " ".join(parts)
