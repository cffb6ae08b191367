"""Send requests to VideoVector: connections, key, timeouts, limits, retries."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from videovector_bridge.api.calls import Call, Response, check_api_key, encode_body
from videovector_bridge.api.errors import (
    ApiError,
    RateLimited,
    RequestRefused,
    ResponseTooLarge,
    ServerTrouble,
    Unreachable,
    describe_request,
    error_from_exception,
    error_from_response,
)
from videovector_bridge.api.retry import RetryPolicy
from videovector_bridge.api.throttle import Throttle
from videovector_bridge.errors import SettingsError
from videovector_bridge.redact import clean_text
from videovector_bridge.retry import Backoff, call_with_retries

_ERROR_LIMIT = 64 * 1024
# These may succeed later; 501 and the like will not.
_RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504})


class Pool:
    """An `httpx.Client` created at first use, so that a process that forks later shares no socket.

    A client that the caller passes is never closed here. Thread-safe.
    """

    def __init__(self, http: httpx.Client | None = None) -> None:
        self._http = http
        self._own: httpx.Client | None = None
        self._lock = threading.Lock()

    def client(self) -> httpx.Client:
        """Return the caller's client, or our own."""
        if self._http is not None:
            return self._http
        with self._lock:
            if self._own is None:
                self._own = httpx.Client()
            return self._own

    def close(self) -> None:
        """Close our own client, if there is one; the next use creates a new one."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """Sends calls. `key` is called before each attempt, so that a rotated key is used at once.

    `timeout_seconds` limits each step of an attempt (connect, send, every read). `clock` counts
    monotonic seconds, `now` returns an aware time, `random` [0, 1). Transports that share a
    `throttle` slow down together.
    """

    base_url: str
    key: Callable[[], str] = field(repr=False)
    pool: Pool
    policy: RetryPolicy
    timeout_seconds: float
    user_agent: str
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    now: Callable[[], datetime]
    random: Callable[[], float]
    throttle: Throttle = field(default_factory=Throttle, repr=False)

    def __post_init__(self) -> None:
        """Raise `SettingsError` for a base URL that could put a secret into httpx's log."""
        try:
            url = httpx.URL(self.base_url)
        except (httpx.InvalidURL, TypeError):
            url = httpx.URL("")
        is_http = url.scheme in {"http", "https"} and url.host
        if not is_http or url.userinfo or set("?#") & set(self.base_url):
            raise SettingsError(
                ["VIDEO_VECTOR_BASE_URL must be an http(s) URL without user, query or fragment"]
            )

    def send(self, call: Call) -> Response:
        """Return the response to `call` if it is a success; retry as the policy allows.

        Raises the last attempt's `ApiError`. Its `outcome_unknown` is true if it was for any
        attempt of a call that changes something. Errors of `key()` pass through.
        """
        outcome_unknown = False
        deadline = self.clock() + self.policy.budget_seconds

        def attempt(seconds_left: float) -> Response:
            nonlocal outcome_unknown
            try:
                return self._attempt(call, seconds_left)
            except ApiError as error:
                unknown = error.outcome_unknown and not call.changes_nothing
                outcome_unknown = error.outcome_unknown = outcome_unknown or unknown
                raise

        def least_wait(error: BaseException) -> float | None:
            allowed = call.repeatable and (self.policy.retry_unknown_outcome or not outcome_unknown)
            return _least_wait(error) if allowed else None

        return call_with_retries(
            attempt,
            seconds_left=lambda: deadline - self.clock(),
            least_wait=least_wait,
            backoff=Backoff(self.policy.base, self.policy.cap, self.sleep, self.random),
            attempts=self.policy.attempts,
        )

    def _attempt(self, call: Call, seconds_left: float) -> Response:
        """Return the response to one attempt, or raise its `ApiError`, chained to nothing."""
        deadline = self.clock() + seconds_left
        self.throttle.wait(call, deadline)
        request = self._request(call, deadline - self.clock())
        outcome = self._exchange(call, request, deadline)
        if isinstance(outcome, RateLimited):
            self.throttle.pause(outcome.retry_after)
        # Raised here and not below: httpx's exceptions reference the request with the key, and the
        # frames below have bodies with signed URLs. Neither may be in a traceback.
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def _exchange(self, call: Call, request: httpx.Request, deadline: float) -> Response | ApiError:
        """Return the response or its error. Follows no redirect."""
        try:
            response = self.pool.client().send(request, stream=True, follow_redirects=False)
            try:
                return self._read(call, response, deadline)
            finally:
                response.close()
        except httpx.HTTPError as error:
            return error_from_exception(error, request)

    def _read(self, call: Call, response: httpx.Response, deadline: float) -> Response | ApiError:
        """Return a success with its whole body, within its limit, or the response's error."""
        success = 200 <= response.status_code < 300
        limit = call.limit if success else _ERROR_LIMIT
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    break
                # httpx's timeout restarts at each read: this ends a body that trickles.
                if self.clock() > deadline:
                    raise httpx.ReadTimeout("the response did not end in time")
        except httpx.HTTPError:
            if success and not call.status_suffices:
                raise
            # else the part that arrived is enough: the status is known
        if not success:
            return error_from_response(response, bytes(body[:limit]), now=self.now())
        method, path, _ = describe_request(response)
        if len(body) > limit and call.status_suffices:
            body.clear()
        if len(body) > limit:
            return ResponseTooLarge(
                f"{ResponseTooLarge.headline}: {method} {path} returned "
                f"{response.status_code} with more than {limit} bytes. {ResponseTooLarge.advice}",
                method=method,
                path=path,
                status=response.status_code,
            )
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Response(method, path, response.status_code, content_type, bytes(body))

    def _request(self, call: Call, seconds_left: float) -> httpx.Request:
        """Return the request for one attempt, or raise the `ApiError` that forbids sending it."""
        headers = {
            "Accept": call.accept,
            "Accept-Encoding": "gzip",  # of the encodings of httpx, it expands least
            "User-Agent": self.user_agent,
        }
        content: bytes | None = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = encode_body(call)
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
        try:
            request = self.pool.client().build_request(
                call.method,
                self.base_url.rstrip("/") + call.path,
                params=dict(call.params) or None,
                content=content,
                headers=headers,
                timeout=max(0.001, min(self.timeout_seconds, seconds_left)),
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:  # too long, or not text
            raise RequestRefused(
                f"{call.method} {call.path} cannot be sent: {clean_text(str(error))}.",
                method=call.method,
                path=call.path,
            ) from error
        # A mounted secret often ends in a newline.
        key = check_api_key(self.key().strip(), call.method, call.path)
        request.headers["X-API-Key"] = key
        return request


def _least_wait(error: BaseException) -> float | None:
    """Return the least seconds to wait before a retry, or None if a retry cannot help."""
    match error:
        case Unreachable():
            return 0.0
        case RateLimited(retry_after=seconds):
            return seconds or 0.0
        case ServerTrouble(status=status, retry_after=seconds) if status in _RETRIED_STATUSES:
            return seconds or 0.0
    return None
