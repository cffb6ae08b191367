"""Sign without a key, by the signBlob method of IAM's Service Account Credentials API."""

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

# The name of the service account in credentials on Google Cloud until their first refresh.
_UNKNOWN = "default"


class SignBlob:
    """Signs as `account` (empty: as the credentials' own), authorized by `own_credentials`.

    `request` is a transport of google.auth. `clock` counts monotonic seconds.
    """

    def __init__(
        self,
        own_credentials: Any,
        account: str,
        request: Callable[..., Any],
        clock: Callable[[], float],
    ) -> None:
        if isinstance(own_credentials, compute_engine.Credentials):
            # Otherwise they request it from the metadata server, with a timeout of their own.
            own_credentials = own_credentials.with_universe_domain(
                credentials.DEFAULT_UNIVERSE_DOMAIN
            )
        self._credentials = own_credentials
        self._account = account
        self._request = request
        self._clock = clock

    def signing(self, seconds: float) -> credentials.Signing:
        """Return credentials that sign once, within `seconds`, or raise errors of google.api_core.

        Raises such errors itself, and `BackendError` if the credentials have no service account.
        """
        request = _Request(self._request, self._clock, self._clock() + seconds)
        self._account = self._account or self._own_account(request)
        signer: Any = iam.Signer
        return _Signing(signer(request, self._credentials, self._account), self._account)

    def explain(self, error: Exception) -> str:
        """Return advice for the operator on an error that must not be retried."""
        reason = clean_text(describe(error))
        account = self._account or "the service account that this runs as"
        if isinstance(error, google_errors.Forbidden):
            return (
                f"The permission to sign as {account} is missing: grant "
                "roles/iam.serviceAccountTokenCreator on the service account itself to the one "
                "that this runs as (even if both are the same), and enable "
                f"iamcredentials.googleapis.com. ({reason})"
            )
        if isinstance(error, google_errors.NotFound):
            return f"There is no {account}: check SIGNING_ACCOUNT. ({reason})"
        return f"Google answered: {reason}"

    def _own_account(self, request: Callable[..., Any]) -> str:
        """Return the e-mail of the credentials' own service account."""
        account = getattr(self._credentials, "service_account_email", None)
        if account == _UNKNOWN:
            self._credentials.refresh(request)
            account = self._credentials.service_account_email
        if not account or account == _UNKNOWN:
            raise BackendError(
                "The Google Cloud credentials here do not name their service account: set "
                "SIGNING_ACCOUNT to the e-mail of the service account that signs URLs."
            )
        return str(account)


class _Signing(credentials.Signing):
    """Signs with `signer`, in the form that the Cloud Storage library needs."""

    def __init__(self, signer: iam.Signer, account: str) -> None:
        self._signer = signer
        self._account = account

    @property
    def signer(self) -> iam.Signer:
        """The signer."""
        return self._signer

    @property
    def signer_email(self) -> str:
        """The service account that signs."""
        return self._account

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        try:
            signature: bytes = self._signer.sign(message)
        except (KeyError, TypeError, ValueError):
            signature = b""
        if not signature:
            raise _error(502, "the response of signBlob has no signature")
        return signature


@dataclass(frozen=True, slots=True)
class _Request:
    """A transport of google.auth with a deadline, which raises for an error status.

    It raises errors of google.api_core, which pass through google.auth; google.auth would retry
    its own errors past the deadline. None of them references the request, which has a token.
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
        """Send a request; `timeout` is cut to the time left."""
        left = self.deadline - self.clock()
        if left <= 0:
            raise _error(504, "the time for this attempt is over")
        # The timeout applies to each wait: to connect, and for the response.
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
        # Raised outside the `except` block, so that it is not chained to the request.
        raise failure


def _error(status: int, reason: str) -> Exception:
    make: Any = google_errors.from_http_status
    error: Exception = make(status, reason)
    return error


def _reason(body: bytes) -> str:
    """Return the message of an error's body in Google's form, and nothing else of it."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (KeyError, TypeError, ValueError):
        return "the response has no reason"
