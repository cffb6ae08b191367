"""Signatures without a key, by the signBlob method of IAM's Service Account Credentials API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth import compute_engine, credentials, iam
from google.auth import exceptions as auth_errors

from videovector_bridge.backends.gcp.retry import describe
from videovector_bridge.errors import BackendError
from videovector_bridge.redact import clean_text

# What credentials on Google Cloud call their service account until they are refreshed.
_UNKNOWN = "default"


class SignBlob:
    """Signs as `account` (the credentials' own if empty), by leave of `ambient` credentials.

    `request` is a transport of google.auth. `clock` counts monotonic seconds.
    """

    def __init__(
        self,
        ambient: Any,
        account: str,
        request: Callable[..., Any],
        clock: Callable[[], float],
    ) -> None:
        if isinstance(ambient, compute_engine.Credentials):
            # Otherwise they ask the metadata server for it, with a patience of their own.
            ambient = ambient.with_universe_domain(credentials.DEFAULT_UNIVERSE_DOMAIN)
        self._ambient = ambient
        self._account = account
        self._request = request
        self._clock = clock

    def within(self, seconds: float) -> credentials.Signing:
        """Return what signs once, within `seconds`; it raises errors of google.api_core.

        Raises those too, and `BackendError` if the credentials are no service account's.
        """
        request = _Request(self._request, self._clock, self._clock() + seconds)
        self._account = self._account or self._own(request)
        signer: Any = iam.Signer
        return _Signing(signer(request, self._ambient, self._account), self._account)

    def explain(self, error: Exception) -> str:
        """Return a sentence for the operator on an error that no retry mends."""
        said = clean_text(describe(error))
        who = self._account or "the service account that this runs as"
        if isinstance(error, google_errors.Forbidden):
            return (
                f"There is no leave to sign as {who}: grant roles/iam.serviceAccountTokenCreator "
                "on the service account itself to the one that this runs as, be it the same, and "
                f"enable iamcredentials.googleapis.com. ({said})"
            )
        if isinstance(error, google_errors.NotFound):
            return f"There is no {who}: check SIGNING_ACCOUNT. ({said})"
        return f"Google answered: {said}"

    def _own(self, request: Callable[..., Any]) -> str:
        """Return the e-mail of the credentials' own service account."""
        account = getattr(self._ambient, "service_account_email", None)
        if account == _UNKNOWN:
            self._ambient.refresh(request)
            account = self._ambient.service_account_email
        if not account or account == _UNKNOWN:
            raise BackendError(
                "The Google Cloud credentials here do not tell whose they are: set "
                "SIGNING_ACCOUNT to the e-mail of the service account that is to sign URLs."
            )
        return str(account)


class _Signing(credentials.Signing):
    """A signature by `signer`, as the Cloud Storage library asks for it."""

    def __init__(self, signer: iam.Signer, account: str) -> None:
        self._signer = signer
        self._account = account

    @property
    def signer(self) -> iam.Signer:
        """The signer."""
        return self._signer

    @property
    def signer_email(self) -> str:
        """Who signs."""
        return self._account

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        try:
            signature: bytes = self._signer.sign(message)
        except (KeyError, TypeError, ValueError):
            signature = b""
        if not signature:
            raise _error(502, "the answer of signBlob holds no signature")
        return signature


@dataclass(frozen=True, slots=True)
class _Request:
    """A transport that keeps to a deadline, and raises instead of answering with an error.

    The raised errors are google.api_core's, which google.auth lets pass: what it knows itself, it
    tries again for longer than we have. None of them holds the request, which holds a token.
    """

    transport: Callable[..., Any] = field(repr=False)
    clock: Callable[[], float]
    deadline: float

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Any:
        """Send a request; `timeout` seconds are shortened to what is left."""
        left = self.deadline - self.clock()
        if left <= 0:
            raise _error(504, "the time for this attempt is over")
        # The time is that of each wait: to connect, and for the answer.
        timeout = min(timeout or left, left / 2)
        secret = (headers or {}).get("authorization", "").removeprefix("Bearer ")
        try:
            response = self.transport(
                url=url, method=method, body=body, headers=headers, timeout=timeout, **more
            )
        except (auth_errors.TransportError, OSError) as error:
            failure = _error(503, clean_text(str(error), secret=secret))
        else:
            if response.status < 400:
                return response
            reason = clean_text(_reason(response.data), secret=secret)
            failure = _error(response.status, reason)
        # Not raised above, so that it is not chained to what holds the request.
        raise failure


def _error(status: int, reason: str) -> Exception:
    make: Any = google_errors.from_http_status
    error: Exception = make(status, reason)
    return error


def _reason(body: bytes) -> str:
    """Return the message of an error's body, if it is of Google's form; nothing else of it."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (KeyError, TypeError, ValueError):
        return "the answer tells no reason"
