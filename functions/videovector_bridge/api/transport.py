"""One request to VideoVector and its whole answer: connections, key, timeouts, limits, retries."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from videovector_bridge.api.calls import Answer, Call, encode_body
from videovector_bridge.api.errors import (
    AnswerTooLarge,
    ApiError,
    CredentialRefused,
    RateLimited,
    RequestRefused,
    ServerTrouble,
    Unreachable,
    describe_request,
    error_from_answer,
    error_from_exception,
)
from videovector_bridge.api.retry import RetryPolicy, call_with_retries
from videovector_bridge.api.throttle import Throttle
from videovector_bridge.errors import SettingsError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.api import is_api_key

_ERROR_LIMIT = 64 * 1024
# 501 and the like say that it will never work; these say that it may work later.
_RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504})


class Pool:
    """An `httpx.Client` made on first use, so that a process that forks later shares no socket.

    A client that is given is used as it is, and never closed here. Safe for threads.
    """

    def __init__(self, http: httpx.Client | None = None) -> None:
        self._given = http
        self._own: httpx.Client | None = None
        self._lock = threading.Lock()

    def client(self) -> httpx.Client:
        """Return the client that was given, or our own."""
        if self._given is not None:
            return self._given
        with self._lock:
            if self._own is None:
                self._own = httpx.Client()
            return self._own

    def close(self) -> None:
        """Close our own client, if there is one; the next use makes a new one."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """Sends calls. `key` is asked before each attempt, so that a rotated key is used at once.

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
        """Refuse a base URL that could put a secret into httpx's log of requests."""
        try:
            url = httpx.URL(self.base_url)
        except (httpx.InvalidURL, TypeError):
            url = httpx.URL("")
        fits = url.scheme in {"http", "https"} and url.host
        if not fits or url.userinfo or set("?#") & set(self.base_url):
            raise SettingsError(
                ["VIDEO_VECTOR_BASE_URL must be an http(s) URL without user, query or fragment"]
            )

    def send(self, call: Call) -> Answer:
        """Return the answer to `call` if it is a success, trying again as the policy allows.

        Raises an `ApiError`, the last attempt's, in doubt if any attempt was; a call that changes
        nothing never is. What `key()` raises passes through.
        """
        in_doubt = False

        def attempt(seconds_left: float) -> Answer:
            nonlocal in_doubt
            try:
                return self._attempt(call, seconds_left)
            except ApiError as error:
                doubtful = error.in_doubt and not call.changes_nothing
                in_doubt = error.in_doubt = in_doubt or doubtful
                raise

        def least_wait(error: BaseException) -> float | None:
            allowed = call.repeatable and (self.policy.retry_in_doubt or not in_doubt)
            return _least_wait(error) if allowed else None

        return call_with_retries(
            attempt,
            policy=self.policy,
            least_wait=least_wait,
            sleep=self.sleep,
            clock=self.clock,
            random=self.random,
        )

    def _attempt(self, call: Call, seconds_left: float) -> Answer:
        """Return the answer to one attempt, or raise its `ApiError` with nothing chained to it."""
        deadline = self.clock() + seconds_left
        self.throttle.wait(call, deadline)
        request = self._request(call, deadline - self.clock())
        outcome = self._exchange(call, request, deadline)
        if isinstance(outcome, RateLimited):
            self.throttle.hold(outcome.retry_after)
        # Raised here and not where it arose: httpx's exceptions hold the request with the key,
        # and the frames below hold bodies with signed URLs. Neither may be in a traceback.
        if isinstance(outcome, ApiError):
            raise outcome
        return outcome

    def _exchange(self, call: Call, request: httpx.Request, deadline: float) -> Answer | ApiError:
        """Return the answer, or the error that the exchange stands for. Follows no redirect."""
        try:
            response = self.pool.client().send(request, stream=True, follow_redirects=False)
            try:
                return self._read(call, response, deadline)
            finally:
                response.close()
        except httpx.HTTPError as error:
            return error_from_exception(error, request)

    def _read(self, call: Call, response: httpx.Response, deadline: float) -> Answer | ApiError:
        """Return the whole body of a success within its limit, or the error it stands for."""
        success = 200 <= response.status_code < 300
        limit = call.limit if success else _ERROR_LIMIT
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > limit:
                    break
                # Timeouts count anew at each read: a body that trickles is ended here.
                if self.clock() > deadline:
                    raise httpx.ReadTimeout("the answer did not end in time")
        except httpx.HTTPError:
            if success and not call.status_suffices:
                raise
            # else what has come will do: the status is known
        if not success:
            return error_from_answer(response, bytes(body[:limit]), now=self.now())
        method, path, _ = describe_request(response)
        if len(body) > limit and call.status_suffices:
            body.clear()
        if len(body) > limit:
            return AnswerTooLarge(
                f"{AnswerTooLarge.headline}: {method} {path} answered {response.status_code} with "
                f"more than {limit} bytes. {AnswerTooLarge.advice}",
                method=method,
                path=path,
                status=response.status_code,
            )
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(method, path, response.status_code, content_type, bytes(body))

    def _request(self, call: Call, seconds_left: float) -> httpx.Request:
        """Return the request for one attempt, or raise the `ApiError` that forbids sending it."""
        headers = {
            "Accept": call.accept,
            "Accept-Encoding": "gzip",  # of what httpx can undo, the least able to explode
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
                f"{call.method} {call.path} cannot be sent as given: {clean_text(str(error))}.",
                method=call.method,
                path=call.path,
            ) from error
        request.headers["X-API-Key"] = self._current_key(call)
        return request

    def _current_key(self, call: Call) -> str:
        """Return the key without blanks around it, or raise `CredentialRefused`."""
        key = self.key().strip()  # a mounted secret often ends in a newline
        if is_api_key(key):
            return key
        what = "holds characters that no header can carry" if key else "is empty"
        del key  # some error reports print the locals of every frame
        raise CredentialRefused(
            f"The API key {what}, so {call.method} {call.path} was not sent. "
            f"{CredentialRefused.advice}",
            method=call.method,
            path=call.path,
        )


def _least_wait(error: BaseException) -> float | None:
    """Return the least seconds to wait before asking again, or None if that is of no use."""
    match error:
        case Unreachable():
            return 0.0
        case RateLimited(retry_after=seconds):
            return seconds or 0.0
        case ServerTrouble(status=status, retry_after=seconds) if status in _RETRIED_STATUSES:
            return seconds or 0.0
    return None
