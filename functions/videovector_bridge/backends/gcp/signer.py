"""Sign URLs (V4) for objects in the operator's own buckets, with Google's credentials."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import google.auth
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials, Signing
from google.auth.transport.requests import Request
from google.cloud.storage import Client
from google.oauth2 import service_account

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.sign_blob import SignBlob
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import SignedObject
from videovector_bridge.errors import BackendError, PermanentError
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.buckets import BUCKET_NAME, MAX_SIGNED_URL_SECONDS

_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)


@dataclass(frozen=True, slots=True)
class _SigningMethod:
    """The library's client, and `signing`, which returns credentials that sign within `seconds`.

    `explain` returns advice for the operator on an error.
    """

    client: Any
    signing: Callable[[float], Signing]
    explain: Callable[[Exception], str | None] = lambda _: None


class V4Signer:
    """The `Signer` port: by the service account's key file if there is one, else by IAM's signBlob.

    `account` is the e-mail of the service account that signs; empty: that of the credentials.
    `timeout` limits one signature, in seconds. `find_credentials` has the signature of
    `google.auth.default`; `request` is a transport of google.auth (None: its own). Loads its
    credentials at first use. With STORAGE_EMULATOR_HOST, URLs lead to the emulator and need no
    credentials. Thread-safe.
    """

    def __init__(
        self,
        account: str = "",
        *,
        timeout: float = 20.0,
        find_credentials: Callable[..., Any] | None = None,
        request: Any = None,
        retry: Retry | None = None,
    ) -> None:
        self._account = account
        self._timeout = timeout
        self._find_credentials: Callable[..., Any] = find_credentials or google.auth.default
        self._request = request
        self._retry = retry or Retry()
        self._method = PerProcess(self._open)

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that reads the object for `seconds`, 1 to a week. It need not exist.

        Raises `PermanentError` for a name that cannot be signed; `BackendError` without
        credentials, after `timeout` seconds, or at once where a retry cannot help.
        """
        _check(bucket, name, seconds)
        method = self._method.get()
        blob = method.client.bucket(bucket).blob(name)

        def attempt(seconds_left: float) -> str:
            url: str = blob.generate_signed_url(
                version="v4", expiration=seconds, credentials=method.signing(seconds_left)
            )
            return url

        uri = f"gs://{bucket}/{name}"
        operation = f"Signing a URL for {clean_text(uri)}"
        url = self._retry.call(operation, attempt, self._timeout, method.explain)
        return SignedObject(uri, url, _expiry(url))

    def _open(self) -> _SigningMethod:
        anonymous: Any = AnonymousCredentials
        client = Client(project=None, credentials=anonymous())
        # The client reads its address from the same variable.
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            return _SigningMethod(client, lambda _: _EmulatorSigning())
        request = self._request or Request()
        try:
            credentials, _ = self._find_credentials(scopes=_SCOPES, request=request)
        except auth_errors.GoogleAuthError as error:
            raise BackendError(
                "There are no Google Cloud credentials here to sign URLs with: run as a service "
                "account, or set GOOGLE_APPLICATION_CREDENTIALS to the path of a service "
                f"account's key file. ({clean_text(str(error))})"
            ) from None  # a traceback could show parts of the key file
        has_key = isinstance(credentials, service_account.Credentials)
        if has_key and self._account in {"", credentials.signer_email}:
            return _SigningMethod(client, lambda _: credentials)
        iam = SignBlob(credentials, self._account, request, self._retry.clock)
        return _SigningMethod(client, iam.signing, iam.explain)


class _EmulatorSigning(Signing):
    """Signs with a digest: emulators verify no signature, and nothing else accepts it."""

    signer = None
    signer_email = "nobody@emulator.invalid"

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the digest of the bytes to sign."""
        return hashlib.sha256(message).digest()


def _check(bucket: str, name: str, seconds: int) -> None:
    """Raise `PermanentError` for values that Cloud Storage would refuse."""
    if not 1 <= seconds <= MAX_SIGNED_URL_SECONDS:
        raise PermanentError(
            f"A signed URL is valid for 1 to {MAX_SIGNED_URL_SECONDS} seconds (7 days), "
            f"not {seconds}.",
            owner="user",
            code="bad_lifetime",
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        name = ""
    # The library writes the bucket into the path unescaped: a slash would name another bucket.
    if not (BUCKET_NAME.fullmatch(bucket) and name):
        raise PermanentError(
            f"{clean_text(f'gs://{bucket}/{name}')!r} is not the address of an object "
            "(gs://bucket/path).",
            owner="user",
            code="bad_gcs_uri",
        )


def _expiry(url: str) -> str:
    """Return the expiry of a signed URL, from its query."""
    signed = parse_qs(urlsplit(url).query)
    issued = datetime.strptime(signed["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    expiry = issued + timedelta(seconds=int(signed["X-Goog-Expires"][0]))
    return expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
