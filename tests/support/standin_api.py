"""Single requests to the stand-in, and the vendor's SDK. No timeout depends on the machine."""

import ssl
from typing import Any

import httpx
from videovector import VideoVector

from infra.standin import StandIn
from tests.support.patience import PATIENCE_SECONDS


def request(
    standin: StandIn,
    method: str,
    path: str,
    *,
    scope: str | None = None,
    headers: dict[str, str] | None = None,
    json: object = None,
) -> httpx.Response:
    """Send a request to the API with the key of a scope, or without a key."""
    key = {} if scope is None else {"X-API-Key": standin.keys[scope]}
    with open_client() as client:
        return client.request(
            method, standin.api_url + path, json=json, headers={**key, **(headers or {})}
        )


def download(url: str) -> httpx.Response:
    """Send a GET without a key."""
    with open_client() as client:
        return client.get(url)


def open_client() -> httpx.Client:
    """Return a client without environment settings."""
    # An empty TLS context: this is HTTP, and loading certificates takes longer than a test.
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False, verify=empty)


def open_sdk(standin: StandIn, scope: str, **options: Any) -> VideoVector:
    """Return the SDK with the key of a scope, without retries unless `options` has some."""
    settings = {"api_key": standin.keys[scope], "max_retries": 0, "timeout": PATIENCE_SECONDS}
    return VideoVector(base_url=standin.api_url, **{**settings, **options})
