"""Who calls, and what they may do: admin > write > read > search."""

import hmac
from collections.abc import Mapping

from infra.standin.config import SCOPES
from infra.standin.errors import ApiError


def credential(headers: Mapping[str, str]) -> str | None:
    """The key or token that a request carries, X-API-Key before Authorization."""
    key = headers.get("x-api-key")
    if key:
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def authorise(headers: Mapping[str, str], keys: Mapping[str, str], needed: str) -> str:
    """The caller's scope, if it covers `needed`. Raises 401 or 403."""
    given = credential(headers)
    if given is None:
        raise ApiError(401, "Missing credentials", code="missing_credentials")
    scope = _scope_of(given, keys)
    if scope is None:
        raise ApiError(401, "Invalid API key", code="invalid_api_key")
    if SCOPES.index(scope) > SCOPES.index(needed):
        message = f"This operation needs the scope '{needed}'; the key has '{scope}'"
        raise ApiError(403, message, code="insufficient_scope")
    return scope


def _scope_of(given: str, keys: Mapping[str, str]) -> str | None:
    for scope, key in keys.items():
        if hmac.compare_digest(given.encode(), key.encode()):
            return scope
    return None
