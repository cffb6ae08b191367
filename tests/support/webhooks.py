"""Deliveries as VideoVector makes them, and `receive_webhook` in its host."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import functions_framework
import orjson
import pytest
from flask import Flask

from tests.support import ROOT
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.ingest import webhook

MAIN = str(ROOT / "functions" / "main.py")
# Not of the vendor's form, so that no pattern but only knowledge of the secret can hide it.
SECRET = "opaque-webhook-word"  # pragma: allowlist secret
BASE_URL = "https://api.example.test/api/v2"


def delivery(name: str = "evt_1", second: int = 0, **fields: Any) -> bytes:
    """The body of a delivery, by default about a failed run."""
    plain = {
        "id": name,
        "event": "prompt_run.failed",
        "data": {"run_id": "run_1", "user_id": "u1"},
        "created_at": f"2026-01-01T00:00:{second:02}.000Z",
        "api_version": "2026-01-01",
    }
    return orjson.dumps(plain | fields)


def signature(body: bytes, secret: str = SECRET) -> str:
    """The signature of a body."""
    return f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}"


def headers(body: bytes, secret: str = SECRET, /, **changes: str | None) -> dict[str, str]:
    """The headers of a delivery; `changes` names some by `_` for `-`, None: leave it out."""
    plain: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-Webhook-Signature": signature(body, secret),
        "X-Webhook-ID": "wh_1",
        "X-Delivery-ID": "del_1",
        "X-Event-Type": "prompt_run.failed",
    }
    plain |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in plain.items() if value is not None}


def environment(backend: BackendSettings) -> dict[str, str]:
    """The environment of a deployment over a backend. There is no API key in it."""
    return {
        "VIDEO_VECTOR_BASE_URL": BASE_URL,
        "BACKEND": backend.kind,
        "EMBEDDED_DIR": backend.embedded_dir,
        "GOOGLE_CLOUD_PROJECT": backend.project,
        "WEBHOOK_SECRETS": SECRET,
    }


def deploy(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Flask:
    """`receive_webhook` as its host loads it, in an environment with these variables."""
    for name in ("FUNCTION_TARGET", "FUNCTION_SOURCE", "FUNCTION_SIGNATURE_TYPE", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(webhook, "_instance", PerProcess(webhook._open))
    made: Flask = functions_framework.create_app("receive_webhook", MAIN)  # type: ignore[no-untyped-call]
    return made
