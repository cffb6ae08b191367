"""Authentication and authorisation."""

import pytest

from infra.standin.errors import ApiError
from infra.standin.http.auth import authorise

KEYS = {scope: f"key-{scope}" for scope in ("admin", "write", "read", "search")}


@pytest.mark.parametrize(
    ("headers", "required"),
    [
        ({"x-api-key": "key-read"}, "read"),
        ({"x-api-key": "key-admin"}, "search"),
        ({"authorization": "Bearer key-write"}, "read"),
        ({"x-api-key": "key-read", "authorization": "Bearer unknown"}, "read"),
    ],
)
def test_a_key_covers_its_scope_and_lower_scopes(headers: dict[str, str], required: str) -> None:
    """X-API-Key precedes the bearer token."""
    assert authorise(headers, KEYS, required).startswith("key-")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "missing_credentials"),
        ({"authorization": "Basic key-read"}, 401, "missing_credentials"),
        ({"x-api-key": "ü"}, 401, "invalid_api_key"),
        ({"x-api-key": "key-search"}, 403, "insufficient_scope"),
    ],
)
def test_a_missing_wrong_or_weak_key_is_rejected(
    headers: dict[str, str], status: int, code: str
) -> None:
    """The status and the code name the cause."""
    with pytest.raises(ApiError) as raised:
        authorise(headers, KEYS, "read")

    assert (raised.value.status, raised.value.code) == (status, code)
