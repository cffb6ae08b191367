"""Outcomes of webhook requests, and what an unauthenticated caller sees of them."""

import pytest

from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.ingest.body import UnreadableBody
from videovector_bridge.ingest.delivery import Refusal
from videovector_bridge.ingest.webhook_outcome import (
    Outcome,
    build_response,
    crashed,
    misconfigured,
    overloaded,
    refused,
    secrets_unreadable,
    unpublished,
    unreadable,
    unverified,
)

PRIVATE = "a detail for the log only"


@pytest.mark.parametrize(
    ("outcome", "status", "name", "retry_after"),
    [
        (refused(413, "WARNING", "too_large", PRIVATE), 413, "refused", None),
        (unverified(Refusal(401, "wrong_signature"), PRIVATE), 401, "refused", None),
        (unverified(Refusal(503, "no_secret", retry_after=5), PRIVATE), 503, "no_secret", "5"),
        (unverified(Refusal(503, "rotating", retry_after=1), PRIVATE), 503, "rotating", "1"),
        (unreadable(UnreadableBody(PRIVATE)), 400, "refused", None),
        (unreadable(UnreadableBody(PRIVATE, slow=True)), 503, "slow_body", "1"),
        (overloaded(PRIVATE), 503, "overloaded", "1"),
        (unpublished(BackendError(PRIVATE)), 503, "publish_failed", "5"),
        (secrets_unreadable(BackendError(PRIVATE)), 503, "secrets_unreadable", "5"),
        (misconfigured(SettingsError([PRIVATE])), 503, "settings_wrong", "30"),
        (crashed(ValueError(PRIVATE)), 503, "crashed", "30"),
    ],
)
def test_a_response_has_a_status_and_an_error_code_only(
    outcome: Outcome, status: int, name: str, retry_after: str | None
) -> None:
    """Messages and facts are for the log. 503 has a Retry-After, other statuses have none."""
    response = build_response(outcome)

    assert (response.status_code, outcome.name) == (status, name)
    assert response.headers.get("Retry-After") == retry_after
    assert response.get_json().keys() == {"error"}
    assert PRIVATE not in response.get_data(as_text=True)


def test_405_names_the_allowed_method() -> None:
    """RFC 9110, 15.5.6: a response with status 405 has the header Allow."""
    response = build_response(refused(405, "INFO", "method", "GET is not POST"))

    assert response.headers["Allow"] == "POST"


def test_204_has_no_body() -> None:
    """A published delivery has an empty response."""
    response = build_response(Outcome(204, "accepted", "INFO", "Accepted"))

    assert (response.status_code, response.get_data()) == (204, b"")
