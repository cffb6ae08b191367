"""Signed URLs (V4) for objects in one's own buckets, by Google's credentials."""

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
class _Means:
    """What a process signs with: the library's client, and who signs within so many seconds.

    `explain` turns an error of that into a sentence for the operator.
    """

    client: Any
    signing: Callable[[float], Signing]
    explain: Callable[[Exception], str | None] = lambda _: None


class V4Signer:
    """The `Signer` port by the service account's key file, if there is one, or by IAM's signBlob.

    `account` is the e-mail of the service account that signs; empty, that of the credentials.
    `timeout` is the seconds that one signature may take. `ambient` finds credentials as
    `google.auth.default` does, and `request` is a transport of google.auth (its own if None).
    Finds its credentials at first use, and connects to nothing before. Where STORAGE_EMULATOR_HOST
    is set, URLs lead there, and need no credentials. For many threads.
    """

    def __init__(
        self,
        account: str = "",
        *,
        timeout: float = 20.0,
        ambient: Callable[..., Any] | None = None,
        request: Any = None,
        retry: Retry | None = None,
    ) -> None:
        self._account = account
        self._timeout = timeout
        self._ambient: Callable[..., Any] = ambient or google.auth.default
        self._request = request
        self._retry = retry or Retry()
        self._means = PerProcess(self._open)

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that fetches the object for `seconds`, 1 to a week's. It need not exist.

        Raises `PermanentError` for what cannot be signed, and `BackendError` where there are no
        credentials, after `timeout` seconds, or at once where a retry cannot help.
        """
        _check(bucket, name, seconds)
        means = self._means.get()
        blob = means.client.bucket(bucket).blob(name)

        def attempt(seconds_left: float) -> str:
            url: str = blob.generate_signed_url(
                version="v4", expiration=seconds, credentials=means.signing(seconds_left)
            )
            return url

        uri = f"gs://{bucket}/{name}"
        what = f"Signing a URL for {clean_text(uri)}"
        url = self._retry.call(what, attempt, self._timeout, means.explain)
        return SignedObject(uri, url, _expiry(url))

    def _open(self) -> _Means:
        nobody: Any = AnonymousCredentials
        client = Client(project=None, credentials=nobody())
        # The client has its address from there too.
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            return _Means(client, lambda _: _Unchecked())
        request = self._request or Request()
        try:
            found, _ = self._ambient(scopes=_SCOPES, request=request)
        except auth_errors.GoogleAuthError as error:
            raise BackendError(
                "There are no Google Cloud credentials here to sign URLs with: run as a service "
                "account, or set GOOGLE_APPLICATION_CREDENTIALS to the path of a service "
                f"account's key file. ({clean_text(str(error))})"
            ) from None  # a traceback of what read the key could show some of it
        has_key = isinstance(found, service_account.Credentials)
        if has_key and self._account in {"", found.signer_email}:
            return _Means(client, lambda _: found)
        iam = SignBlob(found, self._account, request, self._retry.clock)
        return _Means(client, iam.within, iam.explain)


class _Unchecked(Signing):
    """Stands in for a signature: emulators check none, and it is worth nothing elsewhere."""

    signer = None
    signer_email = "nobody@emulator.invalid"

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the digest of the bytes to sign."""
        return hashlib.sha256(message).digest()


def _check(bucket: str, name: str, seconds: int) -> None:
    """Raise `PermanentError` for what Cloud Storage would not take."""
    if not 1 <= seconds <= MAX_SIGNED_URL_SECONDS:
        raise PermanentError(
            f"A signed URL lives 1 to {MAX_SIGNED_URL_SECONDS} seconds (7 days), not {seconds}.",
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
    """Return when the URL expires, by what was signed."""
    signed = parse_qs(urlsplit(url).query)
    issued = datetime.strptime(signed["X-Goog-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    expiry = issued + timedelta(seconds=int(signed["X-Goog-Expires"][0]))
    return expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
