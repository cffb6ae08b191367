"""Requests to Google's REST APIs with the caller's credentials, for the command line.

Only for what no client library here offers: Monitoring, and the administration of resources. Not
seen on real Google Cloud: tests answer as Google's reference describes.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import google.auth
from google.auth import exceptions as auth_errors
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession

from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError, OutOfTimeError
from videovector_bridge.redact import clean_text

EMULATOR: Final = "GOOGLE_REST_EMULATOR_HOST"
"""`host:port` of a server that answers in place of `https://API.googleapis.com/...`.

It gets `http://HOST/API.googleapis.com/...`, without credentials.
"""

_OWN_EMULATORS: Final = {
    "pubsub.googleapis.com": "PUBSUB_EMULATOR_HOST",
    "storage.googleapis.com": "STORAGE_EMULATOR_HOST",
}
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)


class DeniedError(BackendError):
    """Google refused for a missing permission."""


@dataclass(frozen=True, slots=True)
class RestResponse:
    """The JSON object of a response, and its header `Date`. `exists` is False for 404."""

    exists: bool
    body: Mapping[str, Any]
    date: str


class GoogleRest:
    """Sends requests. Thread-safe; it looks for credentials at the first request."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def _session(self) -> Any:
        """The session of this thread; those of `requests` are not for several threads."""
        if not hasattr(self._local, "session"):
            self._local.session = _open_session()
        return self._local.session

    def is_reachable(self, url: str) -> bool:
        """Whether the API of `url` exists here: with emulators, most of Google's do not."""
        return _redirect(url) is not None

    def send(
        self,
        method: str,
        url: str,
        *,
        timeout: Timeout,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> RestResponse:
        """Send one request, without a retry. Raises `DeniedError` (401, 403) and `BackendError`."""
        seconds = seconds_left(timeout)
        if seconds <= 0:
            raise OutOfTimeError(f"{method} {url} was not tried: no time was left.")
        address = _redirect(url)
        if address is None:
            raise BackendError(f"{urlsplit(url).netloc} does not exist beside the emulators.")
        try:
            response = self._session.request(
                method, address, params=params, json=body, timeout=seconds, allow_redirects=False
            )
            content = response.json() if response.content else {}
        # Errors of `requests` derive from OSError or ValueError.
        except (auth_errors.GoogleAuthError, OSError, ValueError) as error:
            text = clean_text(f"{type(error).__name__}: {error}")
            raise BackendError(f"{method} {_name(url)} failed: {text}") from None
        if not isinstance(content, Mapping):
            content = {}
        date = str(response.headers.get("Date", ""))
        if response.status_code == 404:
            return RestResponse(exists=False, body=content, date=date)
        if response.status_code in (401, 403):
            raise DeniedError(f"{method} {_name(url)} was refused: {_message(content)}")
        if not response.ok:
            status = response.status_code
            raise BackendError(f"{method} {_name(url)} returned {status}: {_message(content)}")
        return RestResponse(exists=True, body=content, date=date)


def _open_session() -> Any:
    session: Any = AuthorizedSession
    anonymous: Any = AnonymousCredentials
    if os.environ.get(EMULATOR) or any(map(os.environ.get, _OWN_EMULATORS.values())):
        return session(anonymous())
    try:
        credentials, _ = google.auth.default(scopes=_SCOPES)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(
            "There are no Google Cloud credentials here: "
            f"`gcloud auth application-default login`. ({error})"
        ) from error
    return session(credentials)


def _redirect(url: str) -> str | None:
    """Return the address for a request to `url`; None if an emulator stands in for Google."""
    parts = urlsplit(url)
    path = url.partition(parts.netloc)[2]
    if host := os.environ.get(EMULATOR):
        return f"http://{host}/{parts.netloc}{path}"
    own = os.environ.get(_OWN_EMULATORS.get(parts.netloc, ""), "")
    if own:
        return (own if "://" in own else f"http://{own}").rstrip("/") + path
    return None if any(map(os.environ.get, _OWN_EMULATORS.values())) else url


def _name(url: str) -> str:
    return urlsplit(url).netloc + urlsplit(url).path


def _message(content: Mapping[str, Any]) -> str:
    error = content.get("error")
    message = error.get("message") if isinstance(error, Mapping) else error
    return clean_text(str(message or "no reason is given"))
