"""Authentication and authorisation. Scopes in order: admin > write > read > search."""

import hmac
from collections.abc import Mapping

from infra.standin.config import SCOPES
from infra.standin.errors import ApiError


def extract_credential(headers: Mapping[str, str]) -> str | None:
    """Return the key or token of a request. X-API-Key precedes Authorization."""
    key = headers.get("x-api-key")
    if key:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def authorise(headers: Mapping[str, str], keys: Mapping[str, str], required: str) -> str:
    """Return the caller's credential if its scope covers `required`. Raises 401 or 403."""
    credential = extract_credential(headers)
    if credential is None:
        raise ApiError(401, "Missing credentials", code="missing_credentials")
    scope = _find_scope(credential, keys)
    if scope is None:
        raise ApiError(401, "Invalid API key", code="invalid_api_key")
    if SCOPES.index(scope) > SCOPES.index(required):
        message = f"This operation needs the scope '{required}'; the key has '{scope}'"
        raise ApiError(403, message, code="insufficient_scope")
    return credential


def _find_scope(credential: str, keys: Mapping[str, str]) -> str | None:
    for scope, key in keys.items():
        if hmac.compare_digest(credential.encode(), key.encode()):
            return scope
    return None
